"""Draws of a recipe: two posed hands, the left placed so that the chosen areas face each other."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.data.duet.areas import AreaFrame, Areas
from a2p.data.duet.recipes import PRIOR, Contact, Recipe
from a2p.data.duet.settling import Attraction, Duets, Settler, deepest
from a2p.data.duet.statistics import (
    INTERHAND_ROTATION_MEAN,
    INTERHAND_ROTATION_VARIANCE,
    INTERHAND_TRANSLATION_DEVIATION_M,
    INTERHAND_TRANSLATION_MEAN_M,
)
from a2p.hand.anatomy import DOFS
from a2p.hand.gestures import GESTURES, gesture_angles
from a2p.hand.prior import PosePrior
from a2p.hand.rotations import rotmat_from_rotvec

SLOTS = 6
"""Most areas that are drawn together at once."""
_START_GAP = 6e-3
"""Distance (m) at which hands are put before they are drawn together."""
_THROUGH = -16e-3
"""The same where fingers start between fingers: the other hand's lie behind the skin that they meet."""
_TRIES = 12
"""Placements of which one is taken, by how usual it is."""
_START_DEPTH = 4e-3
"""Depth (m) beyond which hands are put farther apart to begin with."""
_BACK_OFF = (12e-3, 25e-3, 40e-3, 60e-3)
"""How far apart (m), as far as it takes."""
_SHAPE_ASYMMETRY = 0.1
"""Deviation of the two hands' betas from each other."""
_RADIAL = torch.tensor([0.0, 0.0, 1.0])
"""Towards the thumb, in the rest frame."""


class Placer:
    """Draws pairs of recipes. The active hand is the right one here; the block mirrors half of the pairs."""

    def __init__(self, settler: Settler) -> None:
        self._settler = settler
        self._areas = tuple(Areas(model) for model in settler.models)
        self._priors = tuple(PosePrior(anatomy) for anatomy in settler.anatomies)
        self._gestures = _repaired_gestures(settler)

    def draw(self, recipes: list[Recipe], generator: torch.Generator) -> tuple[Duets, Attraction]:
        """Returns a pair for every recipe, and what draws its hands together."""
        count = len(recipes)
        contacts = [recipe.contacts[_index(len(recipe.contacts), generator)] for recipe in recipes]
        betas = torch.randn(count, 10, generator=generator).clamp(-2.5, 2.5)
        shapes = [betas + _SHAPE_ASYMMETRY * torch.randn(count, 10, generator=generator) for _ in range(2)]
        angles, goals = self._poses(recipes, generator)
        duets = Duets(angles[0], angles[1], torch.eye(3).expand(count, 3, 3), torch.zeros(count, 3), *shapes)
        attraction = self._attraction(recipes, contacts, goals, generator)
        placed, out = self._placed(duets, recipes, contacts, attraction.gap, generator)
        through = torch.tensor([recipe.through for recipe in recipes])
        return self._backed_off(placed, out, through), attraction

    def _backed_off(self, duets: Duets, out: Float[Tensor, "n 3"], through: Bool[Tensor, " n"]) -> Duets:
        """Returns the pairs with the left hand moved out of the right one where it lies deep in it."""
        right, left = self._settler.posed(duets)
        back = torch.zeros(len(out))
        stuck = (~through).nonzero()[:, 0]
        for distance in _BACK_OFF:
            shifted = left.vertices[stuck] + (back[stuck, None] * out[stuck])[:, None]
            stuck = stuck[deepest(self._settler.models, right.vertices[stuck], shifted) > _START_DEPTH]
            back[stuck] = distance
            if len(stuck) == 0:
                break
        return replace(duets, left_wrist=duets.left_wrist + back[:, None] * out)

    def _poses(
        self, recipes: list[Recipe], generator: torch.Generator
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Returns both hands' angles to start from, and those to go to."""
        count = len(recipes)
        noise_deg = torch.tensor([recipe.noise_deg for recipe in recipes])[:, None]
        share = torch.tensor([1.0 if dof.name.endswith("flexion") else 0.5 for dof in DOFS])
        starts, goals = [], []
        for hand in range(2):
            prior = self._priors[hand].sample_angles(count, generator=generator)
            names = []
            for recipe in recipes:
                options = (recipe.active, recipe.passive)[hand]
                names.append(options[_index(len(options), generator)])
            noise = torch.randn(count, 22, generator=generator) * share * torch.deg2rad(noise_deg)
            start = torch.stack([prior[i] if name == PRIOR else self._gestures[name] for i, name in enumerate(names)])
            start = start + torch.where(torch.tensor([[name == PRIOR] for name in names]), 0.0, noise)
            wanted = [(recipe.active_goal, recipe.passive_goal)[hand] for recipe in recipes]
            closed = torch.rand(count, 1, generator=generator)
            goal = torch.stack(
                [start[i] if name is None else self._gestures[name] + noise[i] for i, name in enumerate(wanted)]
            )
            starts.append(self._settler.anatomies[hand].clamp(start))
            goals.append(self._settler.anatomies[hand].clamp(start + (goal - start) * (0.4 + 0.9 * closed)))
        alike = torch.tensor([[recipe.alike] for recipe in recipes])
        few = 0.3 * (starts[1] - starts[0]).clamp(-0.15, 0.15)
        starts[1] = torch.where(alike, starts[0] + few, starts[1])
        goals[1] = torch.where(alike, goals[0] + few, goals[1])
        return (starts[0], starts[1]), (goals[0], goals[1])

    def _attraction(
        self, recipes: list[Recipe], contacts: list[Contact], goals: tuple[Tensor, Tensor], generator: torch.Generator
    ) -> Attraction:
        areas = [
            torch.stack([self._padded(hand, names) for names in chosen])
            for hand, chosen in enumerate(([c.active for c in contacts], [c.passive for c in contacts]))
        ]
        strength = torch.zeros(len(recipes), SLOTS)
        for i, contact in enumerate(contacts):
            strength[i, : len(contact.active)] = 1.0
        ranges = torch.tensor([recipe.gap_m for recipe in recipes])
        gap = ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * torch.rand(len(recipes), generator=generator)
        return Attraction(areas[0], areas[1], strength, gap, goals[0], goals[1])

    def _padded(self, hand: int, names: tuple[str, ...]) -> Tensor:
        areas = self._areas[hand]
        rows = [areas.vertices[areas.names.index(name)] for name in names]
        return torch.stack(rows + rows[:1] * (SLOTS - len(rows)))

    def _placed(
        self,
        duets: Duets,
        recipes: list[Recipe],
        contacts: list[Contact],
        gap: Float[Tensor, " n"],
        generator: torch.Generator,
    ) -> tuple[Duets, Float[Tensor, "n 3"]]:
        """Returns the pairs with the left hand before the right one's area, and the direction out of that skin."""
        posed = self._settler.posed(duets)
        frames = []
        for areas, hand, names in zip(
            self._areas, posed, ([c.active[0] for c in contacts], [c.passive[0] for c in contacts]), strict=True
        ):
            frames.append(areas.frame(hand, torch.tensor([areas.names.index(name) for name in names])))
        right, left = frames
        arm = left.middle - posed[1].joints[:, 0]
        start = torch.tensor([_THROUGH if recipe.through else _START_GAP for recipe in recipes])
        tried = [self._try(recipes, right, left, generator) for _ in range(_TRIES)]
        turns = torch.stack([turn for turn, _ in tried])
        targets = torch.stack([target for _, target in tried]) + ((gap + start)[:, None] * right.normal)
        wrists = targets - (turns @ arm[..., None])[..., 0]
        usual = _log_usualness(turns, wrists).mT
        chosen = torch.multinomial(usual.softmax(1), 1, generator=generator)[:, 0]
        rows = torch.arange(len(recipes))
        return replace(duets, turn_rotmat=turns[chosen, rows], left_wrist=wrists[chosen, rows]), right.normal

    def _try(
        self, recipes: list[Recipe], right: AreaFrame, left: AreaFrame, generator: torch.Generator
    ) -> tuple[Float[Tensor, "n 3 3"], Float[Tensor, "n 3"]]:
        """Returns one draw of the left hands' turns, and where the middles of their areas come to lie."""
        count = len(recipes)
        means = torch.deg2rad(torch.tensor([recipe.spin_deg[0] for recipe in recipes]))
        signs = torch.tensor([recipe.spin_signs[_index(len(recipe.spin_signs), generator)] for recipe in recipes])
        spin = torch.deg2rad(_normal([recipe.spin_deg for recipe in recipes], generator)) + (signs - 1) * means
        towards = (rotmat_from_rotvec(right.normal * spin[:, None]) @ right.tangent[..., None])[..., 0]
        turn = _frame(towards, -right.normal) @ _frame(left.tangent, left.normal).mT
        opening = torch.deg2rad(_normal([recipe.opening_deg for recipe in recipes], generator))
        tilt_deg = torch.tensor([recipe.tilt_deg for recipe in recipes])[:, None]
        tilt = torch.deg2rad(tilt_deg) * torch.randn(count, 3, generator=generator)
        turn = rotmat_from_rotvec(tilt) @ rotmat_from_rotvec(-opening[:, None] * _RADIAL) @ turn
        slide_m = torch.tensor([recipe.slide_m for recipe in recipes])[:, None]
        slide = slide_m * torch.randn(count, 3, generator=generator)
        slide = slide - (slide * right.normal).sum(1, keepdim=True) * right.normal
        side = torch.tensor([recipe.lateral_m for recipe in recipes]) * _sign(count, generator)
        return turn, right.middle + slide + side[:, None] * _RADIAL


def _log_usualness(turns: Float[Tensor, "k n 3 3"], wrists: Float[Tensor, "k n 3"]) -> Float[Tensor, "k n"]:
    """Returns the log density of relative poses under the moments of real interaction, each number by itself."""
    rotation = turns.mT
    numbers = torch.cat([rotation[..., :2, :].flatten(-2), -(rotation @ wrists[..., None])[..., 0]], dim=-1)
    mean = torch.tensor(INTERHAND_ROTATION_MEAN + INTERHAND_TRANSLATION_MEAN_M)
    variance = torch.tensor(INTERHAND_ROTATION_VARIANCE + tuple(d**2 for d in INTERHAND_TRANSLATION_DEVIATION_M))
    return -0.5 * ((numbers - mean).square() / variance).sum(-1)


def _repaired_gestures(settler: Settler) -> dict[str, Float[Tensor, " 22"]]:
    """Returns the gestures with the hand's parts moved out of each other."""
    names = tuple(GESTURES)
    right, left = (
        torch.stack([gesture_angles(name, anatomy) for name in names]).float() for anatomy in settler.anatomies
    )
    apart = torch.zeros(len(names), 3)
    apart[:, 1] = -1.0
    shape = torch.zeros(len(names), 10)
    duets = Duets(right, left, torch.eye(3).expand(len(names), 3, 3), apart, shape, shape)
    for _ in range(3):
        duets = settler.polish(duets)
    return dict(zip(names, duets.right_angles, strict=True))


def _frame(tangent: Float[Tensor, "n 3"], normal: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    return torch.stack([tangent, normal, torch.linalg.cross(tangent, normal)], dim=-1)


def _normal(moments: list[tuple[float, float]], generator: torch.Generator) -> Float[Tensor, " n"]:
    mean, deviation = torch.tensor(moments).unbind(1)
    return mean + deviation * torch.randn(len(moments), generator=generator)


def _index(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))


def _sign(count: int, generator: torch.Generator) -> Float[Tensor, " n"]:
    return 2.0 * torch.randint(2, (count,), generator=generator) - 1.0

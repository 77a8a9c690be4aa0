"""One block of hand pairs: drawn together, brought into contact, kept if sound and else drawn again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from a2p.data.duet.forearms import forearms_fit
from a2p.data.duet.pairs import FAMILIES, DuetPairs, cat_hands
from a2p.data.duet.placement import Placer
from a2p.data.duet.recipes import FAMILY_WEIGHTS, RECIPES, Recipe
from a2p.data.duet.settling import Attraction, Duets, Settler, deepest
from a2p.data.duet.view import moved
from a2p.hand import HandModel, HandParameters, mirror_parameters
from a2p.hand.rotations import rotmat_from_rotvec
from a2p.penetration import signed_distance

BLOCK = 256
"""Pairs that are made together."""
_FEW = 24
"""Open places at which candidates are drawn more than one a place."""
MAX_BLOCKS = 1 << 20
MAX_SEEDS = 1 << 12
"""PyTorch's generator tells 2^32 seeds apart: so many blocks and seeds have one of their own."""

ALLOWED_DEPTH = 0.5e-3
"""Depth (m) of one hand in the other that a finished pair may have."""
ALLOWED_SELF_DEPTH = 1.5e-3
"""The same of the parts of one hand: flesh gives way where a finger presses on the next."""
CONTACT = 2e-3
"""Distance (m) within which hands touch."""


@dataclass(frozen=True)
class Verdict:
    """Which pairs are sound, and why the others are not."""

    penetrates: Bool[Tensor, " n"]
    in_itself: Bool[Tensor, " n"]
    """A hand's parts lie in each other."""
    out_of_touch: Bool[Tensor, " n"]
    without_arms: Bool[Tensor, " n"]
    """No forearms fit."""

    @property
    def is_sound(self) -> Bool[Tensor, " n"]:
        """Whether a pair may be kept."""
        return ~(self.penetrates | self.in_itself | self.out_of_touch | self.without_arms)


class BlockMaker:
    """Makes blocks of pairs of the open hand."""

    def __init__(self) -> None:
        self.settler = Settler(HandModel.load_pair())
        self._placer = Placer(self.settler)
        weights = torch.tensor([FAMILY_WEIGHTS[family] for family in FAMILIES])
        self._family_weights = weights / weights.sum()
        self._by_family = [[recipe for recipe in RECIPES if recipe.family == family] for family in FAMILIES]

    def __call__(self, seed: int, block: int) -> DuetPairs:
        """Returns the block's pairs, always the same."""
        generator = torch.Generator().manual_seed(seed * MAX_BLOCKS + block)
        family = torch.multinomial(self._family_weights, BLOCK, replacement=True, generator=generator)
        open_places = torch.arange(BLOCK)
        made: list[tuple[HandParameters, HandParameters]] = []
        places: list[Tensor] = []
        while len(open_places):
            # One in six is not sound. The last places get several candidates, since few cost no less than some more.
            wanted = open_places.repeat(1 if len(open_places) > _FEW else 3)
            duets, attraction = self._placer.draw(self._recipes(family[wanted], generator), generator)
            duets = self.settler.polish(self.settler.settle(duets, attraction))
            is_sound = self.verdict(duets, attraction).is_sound
            chosen = _first_of_each(wanted, is_sound)
            made.append(self._finished(duets[chosen], generator))
            places.append(wanted[chosen])
            open_places = open_places[~torch.isin(open_places, wanted[chosen])]
        order = torch.cat(places).argsort()
        right = cat_hands([hands[0] for hands in made])[order]
        left = cat_hands([hands[1] for hands in made])[order]
        index = torch.arange(block * BLOCK, (block + 1) * BLOCK)
        return DuetPairs(right, left, family.to(torch.uint8), index, seed)

    def verdict(self, duets: Duets, attraction: Attraction) -> Verdict:
        """Returns which pairs are sound."""
        models = self.settler.models
        right, left = self.settler.posed(duets)
        own = [
            contact.max_depth(hand.vertices)
            for contact, hand in zip(self.settler.self_contacts, (right, left), strict=True)
        ]
        depth = deepest(models, right.vertices, left.vertices)
        return Verdict(
            penetrates=depth > ALLOWED_DEPTH,
            in_itself=torch.maximum(own[0], own[1]) > ALLOWED_SELF_DEPTH,
            out_of_touch=(depth == 0) & (attraction.gap == 0) & ~self._touch(right.vertices, left.vertices, depth),
            without_arms=~forearms_fit(models, right, left),
        )

    def _touch(
        self, right: Float[Tensor, "n v 3"], left: Float[Tensor, "n v 3"], depth: Float[Tensor, " n"]
    ) -> Bool[Tensor, " n"]:
        """Returns whether hands touch that do not penetrate, by the left hand's vertices nearest to the right one."""
        apart = (depth == 0).nonzero()[:, 0]
        coarse = torch.cdist(left[apart], right[apart, ::8]).amin(2)
        near = coarse.topk(64, dim=1, largest=False).indices
        points = torch.take_along_dim(left[apart], near[..., None], dim=1)
        distance = signed_distance(points, right[apart], self.settler.models.right.topology).amin(1)
        touch = depth > 0
        touch[apart] = distance <= CONTACT
        return touch

    def _recipes(self, family: Tensor, generator: torch.Generator) -> list[Recipe]:
        recipes = []
        for k in family.tolist():
            options = self._by_family[k]
            weights = torch.tensor([recipe.weight for recipe in options])
            recipes.append(options[int(torch.multinomial(weights, 1, generator=generator))])
        return recipes

    def _finished(self, duets: Duets, generator: torch.Generator) -> tuple[HandParameters, HandParameters]:
        """Returns the hands' parameters; half of the pairs change sides, so that either hand may be the active one."""
        right, left = self.settler.hands(duets)
        swaps = torch.rand(len(duets.left_wrist), generator=generator) < 0.5
        other_right, other_left = mirror_parameters(left), mirror_parameters(right)
        right, left = _chosen(swaps, other_right, right), _chosen(swaps, other_left, left)
        models = self.settler.models
        rests = [model.rest_joints(hand.betas)[:, 0] for model, hand in zip(models, (right, left), strict=True)]
        back = rotmat_from_rotvec(right.global_orient).mT
        shift = -(back @ (rests[0] + right.transl)[..., None])[..., 0]
        right = HandParameters(torch.zeros_like(right.transl), right.hand_pose, right.betas, -rests[0])
        return right, moved(left, back, shift, rests[1])


def _chosen(mask: Bool[Tensor, " n"], first: HandParameters, second: HandParameters) -> HandParameters:
    def choose(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(mask.reshape(-1, *[1] * (a.dim() - 1)), a, b)

    names = ("global_orient", "hand_pose", "betas", "transl")
    return HandParameters(**{name: choose(getattr(first, name), getattr(second, name)) for name in names})


def _first_of_each(wanted: Tensor, is_sound: Tensor) -> Tensor:
    """Returns the first sound candidate of every place, as indices."""
    taken: set[int] = set()
    chosen = []
    for candidate, place in enumerate(wanted.tolist()):
        if bool(is_sound[candidate]) and place not in taken:
            taken.add(place)
            chosen.append(candidate)
    return torch.tensor(chosen, dtype=torch.long)

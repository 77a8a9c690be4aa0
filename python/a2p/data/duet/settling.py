"""Hands brought into contact without penetration: a descent over a whole block of pairs at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from a2p.data.duet.self_contact import SelfContact, penetration_values
from a2p.errors import BackendError
from a2p.hand import HandPair, HandParameters, PosedHand
from a2p.hand.anatomy import HandAnatomy
from a2p.hand.joint_turns import JointTurns, turn_gradient
from a2p.hand.rotations import rotmat_from_rotvec, rotvec_from_rotmat
from a2p.penetration import penetration_depth

_MM2 = 1e6
_RATES = (0.07, 0.07, 0.04, 2.5e-3)
"""Longest first steps: of the right and the left hand's joints (rad), of the left hand's turn (rad), its place (m)."""


@dataclass(frozen=True)
class Duets:
    """A block of pairs as it is worked on: the right wrist at the origin, its hand unturned."""

    right_angles: Float[Tensor, "n 22"]
    left_angles: Float[Tensor, "n 22"]
    turn_rotmat: Float[Tensor, "n 3 3"]
    """Of the left hand about its wrist."""
    left_wrist: Float[Tensor, "n 3"]
    right_betas: Float[Tensor, "n 10"]
    left_betas: Float[Tensor, "n 10"]

    def __getitem__(self, index: Tensor) -> Duets:
        return Duets(**{name: getattr(self, name)[index] for name in self.__dataclass_fields__})

    def replaced(self, index: Tensor, others: Duets) -> Duets:
        """Returns the pairs with those at `index` exchanged."""
        return Duets(
            **{
                name: getattr(self, name).index_copy(0, index, getattr(others, name))
                for name in self.__dataclass_fields__
            }
        )

    def moved(self, step: _Step) -> Duets:
        """Returns the pairs after a step."""
        return replace(
            self,
            right_angles=self.right_angles + step.right_angles,
            left_angles=self.left_angles + step.left_angles,
            turn_rotmat=rotmat_from_rotvec(step.turn) @ self.turn_rotmat,
            left_wrist=self.left_wrist + step.shift,
        )


@dataclass(frozen=True)
class _Step:
    """A change of the unknowns."""

    right_angles: Float[Tensor, "n 22"]
    left_angles: Float[Tensor, "n 22"]
    turn: Float[Tensor, "n 3"]
    shift: Float[Tensor, "n 3"]

    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return (self.right_angles, self.left_angles, self.turn, self.shift)


@dataclass(frozen=True)
class Attraction:
    """What draws the hands together, and what they would rather look like."""

    right_areas: Int[Tensor, "n slots k"]
    """Vertices of the right hand; slot by slot they are drawn to those of the left."""
    left_areas: Int[Tensor, "n slots k"]
    strength: Float[Tensor, "n slots"]
    gap: Float[Tensor, " n"]
    """Distance (m) that is kept."""
    right_goal: Float[Tensor, "n 22"]
    left_goal: Float[Tensor, "n 22"]

    def __getitem__(self, index: Tensor) -> Attraction:
        return Attraction(**{name: getattr(self, name)[index] for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class SettlingConfig:
    """How long and how hard pairs are worked on."""

    iterations: int = 24
    """Steps that draw the hands together and push them apart."""
    polish: int = 16
    """Steps that only remove what penetration is left."""
    self_every: int = 5
    """Of so many steps one looks at each hand's own parts, too."""
    attraction: float = 0.5
    """Weight of a squared gap against a squared depth of one vertex."""
    longest_pull_m: float = 8e-3
    """Gap beyond which the pull grows no more."""
    resolved_mm2: float = 0.08
    """Half the summed squared depths at which a pair counts as free of penetration: 0.4 mm of one vertex."""
    hopeless_mm2: float = 800.0
    """The same at which a pair is given up."""
    goal_sigma: float = 0.07
    """Deviation (rad) from the goal that weighs as much as 1 mm of depth."""


class Settler:
    """Works on blocks of pairs of two hand models."""

    def __init__(self, models: HandPair, config: SettlingConfig | None = None) -> None:
        self.models = models
        self.config = config or SettlingConfig()
        self.anatomies = tuple(HandAnatomy.from_rest_joints(model.J_template, side=model.side) for model in models)
        self.self_contacts = tuple(SelfContact(model) for model in models)
        self._turns = tuple(JointTurns(anatomy) for anatomy in self.anatomies)
        self._limits = tuple((anatomy.lower, anatomy.upper) for anatomy in self.anatomies)

    def hands(self, duets: Duets) -> tuple[HandParameters, HandParameters]:
        """Returns the parameters of both hands."""
        rests = [
            model.rest_joints(betas)[:, 0]
            for model, betas in zip(self.models, (duets.right_betas, duets.left_betas), strict=True)
        ]
        right, left = self._turns
        return (
            HandParameters(
                torch.zeros_like(rests[0]), right.hand_pose(duets.right_angles), duets.right_betas, -rests[0]
            ),
            HandParameters(
                rotvec_from_rotmat(duets.turn_rotmat),
                left.hand_pose(duets.left_angles),
                duets.left_betas,
                duets.left_wrist - rests[1],
            ),
        )

    def posed(self, duets: Duets) -> tuple[PosedHand, PosedHand]:
        """Returns both hands' meshes and joints."""
        right, left = self.hands(duets)
        return self.models.right(right), self.models.left(left)

    def settle(self, duets: Duets, attraction: Attraction) -> Duets:
        """Returns the pairs drawn together and pushed apart until they touch, as far as that succeeds."""
        moments = [torch.zeros(len(duets.left_wrist), size) for size in (22, 22, 3, 3)]
        squares = [torch.zeros(len(duets.left_wrist), 1) for _ in range(4)]
        for k in range(self.config.iterations):
            with_self = k % self.config.self_every == self.config.self_every - 1
            gradient = self._drawn(duets, attraction, with_self=with_self)
            fade = 1 - 0.8 * k / self.config.iterations
            steps = []
            for i, part in enumerate(gradient.parts()):
                moments[i] = 0.8 * moments[i] + 0.2 * part
                squares[i] = torch.maximum(0.9 * squares[i], part.square().amax(1, keepdim=True))
                steps.append(-_RATES[i] * fade * moments[i] / (squares[i].sqrt() + 1e-9))
            duets = self._limited(duets.moved(_Step(*steps)))
        return duets

    def polish(self, duets: Duets) -> Duets:
        """Returns the pairs with what is left of penetration removed, by the shortest way.

        Polyak's step for a minimum of zero, in units of the longest steps. Only pairs that still penetrate are worked
        on, and not those that lie too deep in each other for a short way out.
        """
        active = torch.arange(len(duets.left_wrist))
        parts = duets
        for _ in range(self.config.polish):
            value, gradient = self._penetration(parts)
            is_open = (value > self.config.resolved_mm2) & (value < self.config.hopeless_mm2)
            active, value = active[is_open], value[is_open]
            if len(active) == 0:
                break
            scaled = [rate * part[is_open] for rate, part in zip(_RATES, gradient.parts(), strict=True)]
            norm = torch.cat(scaled, dim=1).square().sum(1)
            length = torch.minimum(1.8 * value / (norm + 1e-9), 0.6 / (norm.sqrt() + 1e-9))
            steps = [-rate * length[:, None] * part for rate, part in zip(_RATES, scaled, strict=True)]
            parts = self._limited(parts[is_open].moved(_Step(*steps)))
            duets = duets.replaced(active, parts)
        return duets

    def _limited(self, duets: Duets) -> Duets:
        right, left = (
            torch.minimum(torch.maximum(angles, lower), upper)
            for angles, (lower, upper) in zip((duets.right_angles, duets.left_angles), self._limits, strict=True)
        )
        return replace(duets, right_angles=right, left_angles=left)

    def _penetration(self, duets: Duets) -> tuple[Float[Tensor, " n"], _Step]:
        """Returns half the summed squared depths (mm^2) of both hands in each other and themselves, and its slope."""
        hands = self.hands(duets)
        meshes = [model(hand).vertices for model, hand in zip(self.models, hands, strict=True)]
        between = penetration_values(meshes[0], meshes[1], self.models.right.topology, self.models.left.topology)
        value, slopes = between.loss.float(), [between.gradient_a, between.gradient_b]
        for contact, mesh, slope in zip(self.self_contacts, meshes, slopes, strict=True):
            value = value + contact.add_gradient(mesh, slope)
        return _MM2 * value, self._step(duets, hands, [_MM2 * slope for slope in slopes])

    def _drawn(self, duets: Duets, attraction: Attraction, *, with_self: bool) -> _Step:
        """Returns the slope of what is descended: penetration, gaps, and the way to the goal."""
        hands = self.hands(duets)
        meshes = [model(hand).vertices for model, hand in zip(self.models, hands, strict=True)]
        between = penetration_values(meshes[0], meshes[1], self.models.right.topology, self.models.left.topology)
        slopes = [_MM2 * between.gradient_a, _MM2 * between.gradient_b]
        if with_self:
            for contact, mesh, slope in zip(self.self_contacts, meshes, slopes, strict=True):
                contact.add_gradient(mesh, slope, scale=self.config.self_every * _MM2)
        self._add_pull(meshes, slopes, attraction)
        step = self._step(duets, hands, slopes)
        stiffness = self.config.goal_sigma**-2
        return replace(
            step,
            right_angles=step.right_angles + stiffness * (duets.right_angles - attraction.right_goal),
            left_angles=step.left_angles + stiffness * (duets.left_angles - attraction.left_goal),
        )

    def _step(self, duets: Duets, hands: tuple[HandParameters, HandParameters], slopes: list[Tensor]) -> _Step:
        """Returns the gradient for the unknowns, given that for both hands' vertices."""
        angles, others = [], []
        for k, own in enumerate((duets.right_angles, duets.left_angles)):
            native = self.models[k].native_skinning()
            if native is None:
                raise BackendError("hand models must be float32 in CPU memory. Use model.float().cpu().")
            hand = hands[k]
            parameters = (hand.global_orient, hand.hand_pose, hand.betas, hand.transl)
            turn, pose, _, shift = native.vjp(parameters, (slopes[k], None, None))
            angles.append(self._turns[k].gradient(own, hand.hand_pose, pose))
            others.append((turn_gradient(hand.global_orient, turn), shift))
        return _Step(angles[0], angles[1], *others[1])

    def _add_pull(self, meshes: list[Tensor], slopes: list[Tensor], attraction: Attraction) -> None:
        """Adds the slope of the gaps between each slot's nearest vertices, across the skin where they are close."""
        areas = (attraction.right_areas, attraction.left_areas)
        count, slots, k = areas[0].shape
        rows = torch.arange(count)[:, None]
        a, b = (
            mesh[rows, area.flatten(1)].reshape(count * slots, k, 3) for mesh, area in zip(meshes, areas, strict=True)
        )
        nearest = torch.cdist(a, b).flatten(1).argmin(1)
        which = torch.arange(count * slots)
        offset = b[which, nearest % k] - a[which, nearest // k]
        distance = (offset.square().sum(-1) + 1e-12).sqrt()
        # Vertices lie some 4 mm apart: within that, neighbours count as touching already.
        gap = (distance - 2.5e-3).clamp(min=0).reshape(count, slots) - attraction.gap[:, None]
        far = self.config.longest_pull_m
        force = 10 * self.config.attraction * _MM2 * attraction.strength * gap.clamp(-far, far)
        force = force * (distance > 2.5e-3).reshape(count, slots)
        pull = (force.flatten() / distance)[:, None] * offset
        for slope, area, chosen, sign in zip(slopes, areas, (nearest // k, nearest % k), (-1, 1), strict=True):
            vertex = area.reshape(count * slots, k)[which, chosen]
            slope.view(-1, 3).index_add_(0, which // slots * slope.shape[1] + vertex, sign * pull)


def deepest(models: HandPair, right: Float[Tensor, "n v 3"], left: Float[Tensor, "n v 3"]) -> Float[Tensor, " n"]:
    """Returns how deep (m) the meshes of each pair lie in each other."""
    depth = penetration_depth(right, left, models.right.topology, models.left.topology)
    return depth.depth_a.amax(-1).maximum(depth.depth_b.amax(-1))

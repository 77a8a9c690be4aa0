"""What a teacher is, and teachers that share the work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor

from a2p.alignment.batch import AlignmentBatch
from a2p.alignment.fusion import Prior, PriorFeatures
from a2p.errors import ConfigError


@runtime_checkable
class Teacher(Protocol):
    """Sees priors in a batch. It does not learn: its features carry no gradient."""

    channels: Mapping[Prior, int]
    """The priors it gives, and how many channels each has."""

    def __call__(self, batch: AlignmentBatch) -> PriorFeatures:
        """Returns what it sees, in the crops' own mirrored frames and on the batch's device."""
        ...


class TogetherTeacher:
    """Several teachers, each of which gives the priors that those before it do not."""

    def __init__(self, teachers: Sequence[Teacher], *, priors: Sequence[Prior] | None = None) -> None:
        self.teachers = tuple(teachers)
        self._giver: dict[Prior, Teacher] = {}
        for teacher in reversed(self.teachers):
            self._giver |= dict.fromkeys(teacher.channels, teacher)
        if priors is not None:
            missing = [prior for prior in priors if prior not in self._giver]
            if missing:
                raise ConfigError(f"no teacher gives the priors {missing}; they give {sorted(self._giver)}.")
            self._giver = {prior: self._giver[prior] for prior in priors}
        self.channels: Mapping[Prior, int] = {prior: giver.channels[prior] for prior, giver in self._giver.items()}

    def __call__(self, batch: AlignmentBatch) -> PriorFeatures:
        """Returns each prior from the teacher that gives it."""
        asked = {id(teacher): teacher(batch) for teacher in self.teachers if teacher in self._giver.values()}
        seen: dict[Prior, Tensor | None] = {
            prior: getattr(asked[id(giver)], prior) for prior, giver in self._giver.items()
        }
        return PriorFeatures(**seen)

"""Adult hands as MakeHuman varies them: targets weighted by who the person is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from tools.build_open_hand.arrays import Floats
from tools.build_open_hand.canonical import Shape
from tools.build_open_hand.cut import Surface
from tools.build_open_hand.makehuman import MakeHuman
from tools.build_open_hand.skeleton import joint_names

_GENDERS = ("male", "female")
_AGES = ("young", "old")
_MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
_WEIGHTS = ("minweight", "averageweight", "maxweight")
_HEIGHTS = ("minheight", "maxheight")
_PROPORTIONS = ("idealproportions", "uncommonproportions")
_ANCESTRIES = ("african", "asian", "caucasian")
_LOCAL = ("r-hand-scale", "r-hand-fingers-length", "r-hand-fingers-diameter", "r-hand-fingers-distance")
LOCAL_TARGETS = (*_LOCAL, "measure-wrist-circ")
"""Targets that change the hand alone; each has a form that increases and one that decreases."""


class Person(NamedTuple):
    """Who a hand belongs to; every number in [0, 1] runs over one axis of MakeHuman's macro targets."""

    gender: float
    age: float
    muscle: float
    weight: float
    height: float
    proportions: float
    ancestry: Sequence[float]
    """Shares of the three ancestries, of any sum."""
    local: Sequence[float]
    """How far each of `LOCAL_TARGETS` is applied, negative for the decreasing form."""


AVERAGE_LOCAL = (0.0, 0.4, 0.4, 0.0, 0.0)
AVERAGE = Person(0.5, 0.3, 0.5, 0.5, 0.5, 0.5, (1.0, 1.0, 1.0), AVERAGE_LOCAL)


def random_person(generator: np.random.Generator) -> Person:
    """Returns an adult; draws in a fixed order."""
    gender, age = generator.random(), 0.8 * generator.random()
    muscle, weight = generator.uniform(0.1, 0.9), generator.uniform(0.1, 0.9)
    height, proportions = generator.uniform(0.25, 0.75), generator.random()
    ancestry = generator.dirichlet([1, 1, 1]) + 1e-3
    local = np.array(AVERAGE_LOCAL) + generator.normal(0, 1, 5) * [0.0, 0.12, 0.45, 0.4, 0.3]
    return Person(gender, age, muscle, weight, height, proportions, tuple(ancestry), tuple(local))


class Population:
    """Shapes of one surface under MakeHuman's targets."""

    def __init__(self, body: MakeHuman, surface: Surface) -> None:
        joint_vertices = [body.joint_vertices[bone] for bone in joint_names()]
        kept = np.unique(np.concatenate([surface.vertex_ids, *joint_vertices]))
        self._surface = surface
        self._base = body.vertices[kept]
        self._surface_rows = np.searchsorted(kept, surface.vertex_ids)
        self._joint_rows = [np.searchsorted(kept, ids) for ids in joint_vertices]
        self._macro_labels = _macro_labels()
        paths = [_macro_path(label) for label in self._macro_labels]
        self._macro = np.stack([body.target(path)[kept] for path in paths])
        forms = ("incr", "decr")
        self._local = np.array(
            [[body.target(f"hands/{name}-{form}")[kept] for form in forms] for name in LOCAL_TARGETS]
        )

    def shape(self, person: Person) -> Shape:
        """Returns a person's hand, posed and placed as MakeHuman has it."""
        share = _shares(person)
        macro = np.array([np.prod([share[word] for word in label]) for label in self._macro_labels])
        amount = np.array(person.local)
        local = np.stack([np.maximum(amount, 0), np.maximum(-amount, 0)], axis=1)
        body = self._base + np.tensordot(macro, self._macro, 1) + np.tensordot(local, self._local, 2)
        joints = np.stack([body[rows].mean(0) for rows in self._joint_rows])
        return Shape(self._surface.with_cap_centre(body[self._surface_rows]), joints)


def _macro_labels() -> list[tuple[str, ...]]:
    """Returns the words whose shares multiply to each macro target's weight."""
    build = (_GENDERS, _AGES, _MUSCLES, _WEIGHTS)
    return [
        *itertools.product(*build),
        *itertools.product(_ANCESTRIES, _GENDERS, _AGES),
        *itertools.product(*build, _HEIGHTS),
        *itertools.product(*build, _PROPORTIONS),
    ]


def _macro_path(label: tuple[str, ...]) -> str:
    name = "-".join(label)
    if label[0] in _ANCESTRIES:
        return f"macrodetails/{name}"
    folder = {_HEIGHTS: "height/", _PROPORTIONS: "proportions/"}
    for words, prefix in folder.items():
        if label[-1] in words:
            return f"macrodetails/{prefix}{name}"
    return f"macrodetails/universal-{name}"


def _shares(person: Person) -> Mapping[str, float]:
    axes = {
        _GENDERS: person.gender,
        _AGES: person.age,
        _MUSCLES: person.muscle,
        _WEIGHTS: person.weight,
        _HEIGHTS: person.height,
        _PROPORTIONS: person.proportions,
    }
    shares = {
        word: share for words, at in axes.items() for word, share in zip(words, _tent(at, len(words)), strict=True)
    }
    ancestry = np.array(person.ancestry) / np.sum(person.ancestry)
    return shares | dict(zip(_ANCESTRIES, ancestry, strict=True))


def _tent(position: float, count: int) -> Floats:
    """Returns weights that interpolate linearly between `count` evenly spaced words."""
    knots = np.linspace(0, 1, count)
    weights: Floats = np.maximum(0, 1 - np.abs(position - knots) * (count - 1))
    return weights

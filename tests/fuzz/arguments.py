"""Arguments drawn from bytes: good ones, and ones that are wrong in one of the ways that happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

_T = TypeVar("_T")

_NUMBERS = (0.0, -0.0, 1e-45, 1e-30, -1e-3, 0.05, 1.0, 1e6, 1e15, -1e19, 1e30, -3e38, np.inf, -np.inf, np.nan)
_DTYPES = ("f2", "f4", "f8", "i1", "i4", "i8", "u1", "u8", "?", "c8", "S3", "O", ">f4", "M8[s]")


class Choices:
    """Draws from bytes, and zeros once they are used up, so that every input ends."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def integer(self, below: int) -> int:
        """Returns a number in [0, below)."""
        taken = self.data[self.at : self.at + 2].ljust(2, b"\0")
        self.at += 2
        return int.from_bytes(taken, "little") % below

    def one_in(self, count: int) -> bool:
        """Whether the next draw hits, which zeros never do."""
        return self.integer(count) == count - 1

    def pick(self, items: tuple[_T, ...] | list[_T]) -> _T:
        return items[self.integer(len(items))]

    def number(self) -> float:
        return float(self.pick(_NUMBERS))

    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self.integer(1 << 16))


def array(choices: Choices, shape: tuple[int, ...], dtype: Any, below: int | None = None) -> Any:
    """Returns an array of this shape and dtype with indices below `below` or small numbers, or something spoiled."""
    generator = choices.generator()
    if below is not None:
        good = generator.integers(0, max(below, 1), shape).astype(dtype)
    else:
        good = (0.05 * generator.standard_normal(shape)).astype(dtype)
    if not choices.one_in(3):
        return good
    return choices.pick(_SPOILS)(choices, good)


def _with_odd_numbers(choices: Choices, good: np.ndarray) -> Any:
    spoiled = good.copy()
    for _ in range(1 + choices.integer(3)):
        if spoiled.size:
            with np.errstate(all="ignore"):
                spoiled.flat[choices.integer(spoiled.size)] = np.array(choices.number()).astype(good.dtype)
    return spoiled


def _all_one_number(choices: Choices, good: np.ndarray) -> Any:
    with np.errstate(all="ignore"):
        return np.full_like(good, np.array(choices.number()).astype(good.dtype))


def _with_odd_indices(choices: Choices, good: np.ndarray) -> Any:
    spoiled = good.copy()
    if spoiled.size and good.dtype.kind == "i":
        limits = np.iinfo(good.dtype)
        odd = choices.pick([-1, -2, good.size, 1 << 20, limits.max, limits.min])
        spoiled.flat[choices.integer(spoiled.size)] = max(limits.min, min(limits.max, odd))
    return spoiled


def _another_dtype(choices: Choices, good: np.ndarray) -> Any:
    with np.errstate(all="ignore"):
        return np.zeros(good.shape, dtype=choices.pick(_DTYPES))


def _another_shape(choices: Choices, good: np.ndarray) -> Any:
    shape = list(good.shape)
    if choices.one_in(4):
        return good.reshape(-1)
    axis = choices.integer(len(shape)) if shape else 0
    if shape:
        shape[axis] = choices.integer(5)
    if choices.one_in(3):
        shape.append(1 + choices.integer(2))
    return np.zeros(shape, dtype=good.dtype)


def _strided(choices: Choices, good: np.ndarray) -> Any:
    if good.ndim == 0:
        return good
    ways: list[Callable[[], np.ndarray]] = [
        lambda: good[::-1],
        lambda: np.asfortranarray(good),
        lambda: np.repeat(good, 2, axis=-1)[..., ::2],
        lambda: np.broadcast_to(good[:1], good.shape) if len(good) else good,
        lambda: np.frombuffer(b"\0" + good.tobytes(), dtype="u1")[1:].view(good.dtype).reshape(good.shape),
    ]
    return choices.pick(ways)()


def _read_only(choices: Choices, good: np.ndarray) -> Any:
    del choices
    good.flags.writeable = False
    return good


def _no_array(choices: Choices, good: np.ndarray) -> Any:
    return choices.pick([None, 3, "x", [1.0], good.tolist(), b"", object(), memoryview(good.tobytes()), np.float32(1)])


_SPOILS: list[Callable[[Choices, np.ndarray], Any]] = [
    _with_odd_numbers,
    _all_one_number,
    _with_odd_indices,
    _another_dtype,
    _another_shape,
    _strided,
    _read_only,
    _no_array,
]

"""Random numbers that belong to a picture: the same for one seed, index and name, whatever else is drawn."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from a2p.errors import ConfigError

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Draws:
    """Numbers for a batch of pictures, each by its own index. A name is drawn once; other names are independent."""

    def __init__(self, seed: int, indices: Int64[np.ndarray, " b"]) -> None:
        if seed < 0:
            raise ConfigError(f"seed must be at least 0; got {seed}.")
        self.count = len(indices)
        keys = indices.astype(np.uint64) * np.uint64(0xD1342543DE82EF95) + np.uint64(seed % 2**63)
        self._keys = _mixed(_mixed(keys) + _GOLDEN)

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0) -> Float64[np.ndarray, " b"]:
        """Returns numbers in [low, high)."""
        scaled: Float64[np.ndarray, " b"] = low + (high - low) * self._unit(name)
        return scaled

    def uniforms(self, name: str, size: int, low: float = 0.0, high: float = 1.0) -> Float64[np.ndarray, "b n"]:
        """Returns `size` numbers in [low, high) a picture."""
        return np.stack([self.uniform(f"{name}/{k}", low, high) for k in range(size)], axis=1)

    def log_uniform(self, name: str, low: float, high: float) -> Float64[np.ndarray, " b"]:
        """Returns numbers in [low, high) whose logarithm is uniform."""
        logs: Float64[np.ndarray, " b"] = np.exp(self.uniform(name, math.log(low), math.log(high)))
        return logs

    def normal(self, name: str, mean: float = 0.0, deviation: float = 1.0) -> Float64[np.ndarray, " b"]:
        """Returns normal numbers (Box and Muller), cut at 4 deviations."""
        radius = np.sqrt(-2.0 * np.log(1.0 - self._unit(f"{name}/radius")))
        value = radius * np.cos(2.0 * np.pi * self._unit(f"{name}/angle"))
        scaled: Float64[np.ndarray, " b"] = mean + deviation * np.clip(value, -4.0, 4.0)
        return scaled

    def normals(self, name: str, size: int, deviation: float = 1.0) -> Float64[np.ndarray, "b n"]:
        """Returns `size` normal numbers a picture."""
        return np.stack([self.normal(f"{name}/{k}", 0.0, deviation) for k in range(size)], axis=1)

    def chance(self, name: str, probability: float) -> Bool[np.ndarray, " b"]:
        """Returns whether something that happens with this probability happens."""
        happens: Bool[np.ndarray, " b"] = self._unit(name) < probability
        return happens

    def choice(self, name: str, weights: Sequence[float | int]) -> Int64[np.ndarray, " b"]:
        """Returns indices drawn in proportion to the weights."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        found = np.searchsorted(edges / edges[-1], self._unit(name), side="right")
        return np.minimum(found, len(edges) - 1).astype(np.int64)

    def direction(self, name: str) -> Float64[np.ndarray, "b 3"]:
        """Returns unit vectors, uniform on the sphere."""
        z, angle = self.uniform(f"{name}/z", -1.0, 1.0), self.uniform(f"{name}/angle", 0.0, 2.0 * np.pi)
        ring = np.sqrt(1.0 - z * z)
        return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)

    def bits(self, name: str) -> UInt64[np.ndarray, " b"]:
        """Returns 64 random bits a picture."""
        bits: UInt64[np.ndarray, " b"] = _mixed(self._keys ^ _stream(name))
        return bits

    def _unit(self, name: str) -> Float64[np.ndarray, " b"]:
        numbers: Float64[np.ndarray, " b"] = (self.bits(name) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return numbers


@lru_cache(maxsize=4096)
def _stream(name: str) -> np.uint64:
    """Returns the bits that stand for a name."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    stream: np.uint64 = np.frombuffer(digest, dtype="<u8")[0]
    return stream


def _mixed(x: UInt64[np.ndarray, " b"]) -> UInt64[np.ndarray, " b"]:
    """Returns well mixed bits of each number (Steele, Lea and Flood, SplitMix, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: UInt64[np.ndarray, " b"] = x ^ (x >> np.uint64(31))
    return mixed

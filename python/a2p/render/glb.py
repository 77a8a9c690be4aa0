"""Binary glTF 2.0 (Khronos, ISO/IEC 12113:2022): both hands as named meshes with materials.

glTF demands y up and z towards the viewer: the camera frame turned by half a turn about x, done to the vertices
themselves, so that every importer agrees. The camera stays at the origin and looks along -z; the unit is the metre.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from a2p.render.mesh import vertex_normals
from a2p.render.palette import colour_of
from a2p.render.scene import ExportHand, ExportScene
from a2p.render.shading import linear_from_srgb

_FLOAT, _UINT32 = 5126, 5125
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963


def y_up(points: Float[np.ndarray, "v 3"]) -> Float32[np.ndarray, "v 3"]:
    """Returns camera-frame points or normals in a frame with y up and z towards the viewer."""
    turned: Float32[np.ndarray, "v 3"] = (points * np.array([1.0, -1.0, -1.0])).astype(np.float32)
    return turned


def normals_or_up(hand: ExportHand) -> Float[np.ndarray, "v 3"]:
    """Returns unit vertex normals; a vertex without any points up, since files want length 1."""
    normals = vertex_normals(hand.vertices, hand.faces)
    normals[(normals == 0.0).all(axis=1)] = (0.0, -1.0, 0.0)
    return normals


def glb_bytes(scene: ExportScene) -> bytes:
    """Returns the file: one scene, with a node, a mesh and a material named right_hand and left_hand."""
    binary = _Binary()
    meshes: list[dict[str, Any]] = []
    materials: list[dict[str, Any]] = []
    nodes: list[dict[str, Any]] = []
    for name, hand in scene.named_hands():
        attributes = {
            "POSITION": binary.add_vectors(y_up(hand.vertices), bounds=True),
            "NORMAL": binary.add_vectors(y_up(normals_or_up(hand))),
        }
        indices = binary.add_indices(hand.faces)
        primitive = {"attributes": attributes, "indices": indices, "material": len(materials), "mode": 4}
        materials.append(_material(name, hand))
        nodes.append({"name": name, "mesh": len(meshes), "extras": _extras(hand)})
        meshes.append({"name": name, "primitives": [primitive]})
    document: dict[str, Any] = {
        "asset": {
            "version": "2.0",
            "generator": "a2p",
            "extras": {"unit": "metre", "frame": "camera, y up, looks along -z"},
        },
        "scene": 0,
        "scenes": [{"name": "hands"}],
    }
    if nodes:
        document["scenes"][0]["nodes"] = list(range(len(nodes)))
        document.update(nodes=nodes, meshes=meshes, materials=materials, **binary.tables())
    return _container(document, binary.data)


class _Binary:
    """The binary chunk under construction, with the tables that say what lies where."""

    def __init__(self) -> None:
        self.data = b""
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []

    def add_vectors(self, vectors: Float32[np.ndarray, "v 3"], *, bounds: bool = False) -> int:
        """Returns the accessor of some vectors; positions need their bounds."""
        accessor: dict[str, Any] = {"componentType": _FLOAT, "type": "VEC3", "count": len(vectors)}
        if bounds:
            accessor |= {"min": vectors.min(axis=0).tolist(), "max": vectors.max(axis=0).tolist()}
        return self._add(vectors.astype("<f4").tobytes(), accessor, _ARRAY_BUFFER)

    def add_indices(self, faces: np.ndarray) -> int:
        """Returns the accessor of the corners of triangles."""
        accessor = {"componentType": _UINT32, "type": "SCALAR", "count": int(faces.size)}
        return self._add(faces.astype("<u4").tobytes(), accessor, _ELEMENT_ARRAY_BUFFER)

    def tables(self) -> dict[str, Any]:
        """Returns the document's entries that describe the chunk."""
        return {
            "buffers": [{"byteLength": len(self.data)}],
            "bufferViews": self._views,
            "accessors": self._accessors,
        }

    def _add(self, data: bytes, accessor: dict[str, Any], target: int) -> int:
        self._views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data), "target": target})
        self._accessors.append({"bufferView": len(self._views) - 1, **accessor})
        self.data += data
        return len(self._accessors) - 1


def _material(name: str, hand: ExportHand) -> dict[str, Any]:
    colour = linear_from_srgb(np.array(colour_of(hand.handedness)))
    return {
        "name": name,
        "pbrMetallicRoughness": {
            "baseColorFactor": [*np.round(colour, 4).tolist(), 1.0],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.55,
        },
    }


def _extras(hand: ExportHand) -> dict[str, Any]:
    return {
        "handedness": hand.handedness,
        "score": float(hand.score),
        "global_orient_rad": hand.global_orient.tolist(),
        "hand_pose_rad": hand.hand_pose.tolist(),
        "betas": hand.betas.tolist(),
        "transl_m": hand.transl.tolist(),
    }


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    """Returns the GLB container: a header, the JSON chunk padded by spaces, the binary chunk (a multiple of 4)."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks

"""Wavefront .obj and .mtl: both hands as named objects and groups, in the frame of the .glb (y up, metres)."""

from __future__ import annotations

from a2p.render.glb import normals_or_up, y_up
from a2p.render.palette import colour_of
from a2p.render.scene import ExportScene


def obj_text(scene: ExportScene, material_file: str) -> str:
    """Returns the .obj; vertices and normals are numbered through, so that indices are the file's own."""
    lines = [
        "# a2p: metres; x right, y up, z towards the viewer; the camera is at the origin",
        f"mtllib {material_file}",
    ]
    first = 1
    for name, hand in scene.named_hands():
        lines += [f"o {name}", f"g {name}"]
        lines += [f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in y_up(hand.vertices).tolist()]
        lines += [f"vn {x:.5f} {y:.5f} {z:.5f}" for x, y, z in y_up(normals_or_up(hand)).tolist()]
        lines += [f"usemtl {name}", "s 1"]
        lines += [f"f {a}//{a} {b}//{b} {c}//{c}" for a, b, c in (hand.faces + first).tolist()]
        first += len(hand.vertices)
    return "\n".join(lines) + "\n"


def mtl_text(scene: ExportScene) -> str:
    """Returns the materials that the .obj names."""
    lines = ["# a2p"]
    for name, hand in scene.named_hands():
        red, green, blue = colour_of(hand.handedness)
        lines += [f"newmtl {name}", f"Kd {red} {green} {blue}", "Ks 0.1 0.1 0.1", "Ns 30", "illum 2"]
    return "\n".join(lines) + "\n"

"""Pictures and files of posed hands."""

from a2p.render.export import SUFFIXES, export_scene
from a2p.render.overlay import RenderMesh, draw_overlay, view_from_aside
from a2p.render.palette import LEFT_COLOUR, RIGHT_COLOUR, colour_of
from a2p.render.scene import ExportHand, ExportScene

__all__ = [
    "LEFT_COLOUR",
    "RIGHT_COLOUR",
    "SUFFIXES",
    "ExportHand",
    "ExportScene",
    "RenderMesh",
    "colour_of",
    "draw_overlay",
    "export_scene",
    "view_from_aside",
]

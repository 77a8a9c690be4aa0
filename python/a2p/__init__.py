"""Two posed hand meshes from one picture: aligned in 2D, plausible in 3D."""

from a2p.camera import Camera

__all__ = ["Camera"]

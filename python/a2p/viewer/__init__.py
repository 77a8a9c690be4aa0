"""A page on this machine that shows a stream's hands in 3D beside the picture. Needs nothing but a browser."""

from a2p.viewer.server import ViewerServer

__all__ = ["ViewerServer"]

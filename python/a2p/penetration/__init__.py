"""Mesh-mesh penetration: depth, signed distance, volume, and their gradients."""

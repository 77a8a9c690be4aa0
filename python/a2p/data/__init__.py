"""Data sets: the ones that exist, and the one that a2p makes itself."""

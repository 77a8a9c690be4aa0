"""How fast a2p runs on this machine."""

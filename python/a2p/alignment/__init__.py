"""Stage 1: hands that lie on the picture."""

"""Stage 2: hands that do not pass through each other."""

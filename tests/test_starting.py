from __future__ import annotations

import subprocess
import sys

_START = """
import sys
import a2p
a2p.Reconstructor()
print(*(name for name in ("torch._dynamo", "sympy") if name in sys.modules))
"""


def test_a_reconstructor_starts_without_pytorchs_compiler() -> None:
    """It takes longer to load than all else together."""
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == ""

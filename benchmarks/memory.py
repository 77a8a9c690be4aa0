"""How much memory each entry point of the extension keeps over many calls, answers and refusals alike.

    python -m benchmarks.memory --calls 100000

Arguments are the fuzzer's, the same few over and over. Fails where the process grows by more than the limit.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.arguments import Choices
from tests.fuzz.bindings import ENTRY_POINTS

LIMIT_KB = 2_048
"""An allocator that settles takes some hundred kB; a leak of 100 bytes a call would take 10 MB in 100,000 calls."""
PATTERNS = 40
"""Different arguments of each entry point."""


def resident_kb() -> int:
    """Returns the memory that this process holds now."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def grown_kb(entry_point: Callable[[Choices], Any], calls: int, warm_up: int = 1_000) -> int:
    """Returns by how much the process grows over the calls."""
    noise = random.Random(0)
    patterns = [noise.randbytes(400) for _ in range(PATTERNS)]
    before = 0
    for call in range(warm_up + calls):
        if call == warm_up:
            before = resident_kb()
        try:
            entry_point(Choices(patterns[call % PATTERNS]))
        except (TypeError, ValueError):  # a refusal, which must not leak either
            continue
    return resident_kb() - before


def main() -> int:
    """Prints a line an entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="of each entry point")
    calls = parser.parse_args().calls
    failed = False
    for entry_point in ENTRY_POINTS:
        grown = grown_kb(entry_point, calls)
        failed |= grown > LIMIT_KB
        print(f"{entry_point.__name__.strip('_')}: {grown:+,} kB over {calls:,} calls", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())

"""What a measurement ran on."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from a2p.native import core


@dataclass(frozen=True)
class Machine:
    """The facts that a figure means nothing without."""

    processor: str
    cores: int
    """Cores that this process may run on."""
    instruction_set: str
    """The one that native code chose."""
    gpu: str | None
    system: str
    python: str
    torch: str
    a2p: str

    @classmethod
    def here(cls) -> Machine:
        """Returns the facts of this machine and process."""
        return cls(
            processor=_processor(),
            cores=_cores(),
            instruction_set=core.isa(),
            gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
            torch=torch.__version__,
            a2p=metadata.version("a2p-hands"),
        )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """Returns the processor's name; the architecture's where the system does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

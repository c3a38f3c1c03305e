"""The machine that a figure was measured on."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """Processor, cores that this process may use, kernel and Python."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    cores = len(os.sched_getaffinity(0))
    return (
        f"{next(names, platform.machine())}, {cores} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}"
    )

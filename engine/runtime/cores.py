"""Properties of the CPU: the cores that this process may use, and its integer products.

ONNX Runtime uses the number of the host's cores, and would start 64 threads in a pod with two.
"""

import math
import os
from functools import cache
from pathlib import Path

_CPU = Path("/proc/cpuinfo")
_VNNI = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")


def usable_cores() -> int:
    """The number of cores, at least 1; a limit of 1.5 cores counts as 2."""
    limit = min(len(os.sched_getaffinity(0)), _cgroup_limit())
    return max(1, math.ceil(limit))


def _cgroup_limit() -> float:
    try:
        quota, period = _CGROUP_V2.read_text().split()
    except (OSError, ValueError):
        try:
            quota = (_CGROUP_V1 / "cpu.cfs_quota_us").read_text().strip()
            period = (_CGROUP_V1 / "cpu.cfs_period_us").read_text()
        except OSError:
            return math.inf
    return math.inf if quota in ("max", "-1") else int(quota) / int(period)


@cache
def has_vnni() -> bool:
    """Whether the CPU adds products of eight bits in 32, so that none overflows."""
    try:
        lines = _CPU.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return not _VNNI.isdisjoint(flags)

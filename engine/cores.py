"""How many cores this process may really use: affinity and the cgroup's CPU limit.

ONNX Runtime asks the host alone, and would start 64 threads in a pod that owns two cores.
"""

import math
import os
from pathlib import Path

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")


def usable_cores() -> int:
    """At least 1; a limit of 1.5 cores counts as 2."""
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

"""`python -m slo.capacity`: how many pods a load needs, and the bounds of their autoscaler.

In: requests per second by tenant, the p95, the measured rate of one pod. Out: concurrency, pods,
HPA bounds. It only computes, without measurements and requests.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: The most items in work of one pod; the facade refuses further ones.
POD_CONCURRENCY: Final = 100
#: CPU, in percent, up to which a pod's measured figure counts.
CPU_LIMIT: Final = 70
HPA_LEAST: Final = 2
HPA_TARGETS: Final = range(60, CPU_LIMIT + 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """concurrency: items in work at once; `by_*`: pods that it and the CPU need, at least 1;
    `hpa_*`: replicas.
    """

    rps: float
    concurrency: float
    by_concurrency: int
    by_cpu: int | None
    hpa_min: int
    hpa_max: int

    @property
    def pods(self) -> int:
        return max(self.by_concurrency, self.by_cpu or 1)


def plan(
    rps: Sequence[float],
    p95_s: float,
    *,
    pod_rps: float | None = None,
    target: int = CPU_LIMIT,
    peak: float = 2.0,
) -> Plan:
    """The pods for the sum of the tenants' `rps`, each answered within `p95_s`.

    pod_rps: the measured rate of one pod at CPU_LIMIT; without it, only concurrency counts.
    target: the HPA's, in percent. peak: the multiple of `rps` that the HPA must reach.
    """
    total = math.fsum(rps)

    def needed(load: float) -> tuple[int, int | None]:
        by_cpu = None if pod_rps is None else _pods(load / (pod_rps * target / CPU_LIMIT))
        return _pods(load * p95_s / POD_CONCURRENCY), by_cpu

    by_concurrency, by_cpu = needed(total)
    least = max(HPA_LEAST, by_concurrency, by_cpu or 1)
    at_peak = needed(total * peak)
    return Plan(
        rps=total,
        concurrency=total * p95_s,
        by_concurrency=by_concurrency,
        by_cpu=by_cpu,
        hpa_min=least,
        # At least one more than the minimum: with equal bounds the HPA would not scale.
        hpa_max=max(least + 1, at_peak[0], at_peak[1] or 1),
    )


def describe(found: Plan, target: int) -> str:
    """The plan as lines of text."""
    by_cpu = "not measured: give --pod-rps" if found.by_cpu is None else str(found.by_cpu)
    rows = (
        ("requests", f"{found.rps:g} per second"),
        ("concurrency", f"{found.concurrency:g}"),
        ("pods by concurrency", str(found.by_concurrency)),
        ("pods by CPU", by_cpu),
        ("pods", str(found.pods)),
        ("HPA", f"{found.hpa_min} to {found.hpa_max} replicas at {target} % CPU"),
    )
    return "".join(f"{name:<21}{value}\n" for name, value in rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m slo.capacity", description=__doc__)
    parser.add_argument(
        "--rps",
        type=_tenant_rps,
        action="append",
        required=True,
        metavar="[TENANT=]N",
        help="requests per second; once per tenant",
    )
    parser.add_argument("--p95", type=_positive, required=True, help="seconds, such as 0.25")
    parser.add_argument(
        "--pod-rps", type=_positive, help=f"measured rate of one pod at {CPU_LIMIT} %% CPU"
    )
    parser.add_argument(
        "--target",
        type=int,
        choices=HPA_TARGETS,
        default=CPU_LIMIT,
        metavar="60..70",
        help="the HPA's CPU target, percent",
    )
    parser.add_argument(
        "--peak", type=_positive, default=2.0, help="peak load over the usual one (2)"
    )
    given = parser.parse_args(arguments)
    found = plan(given.rps, given.p95, pod_rps=given.pod_rps, target=given.target, peak=given.peak)
    print(describe(found, given.target), end="")
    return 0


def _pods(share: float) -> int:
    # 12.500000000000002 / 12.5 is one pod, not two.
    return max(1, math.ceil(round(share, 9)))


def _tenant_rps(text: str) -> float:
    return _positive(text.rpartition("=")[2])


def _positive(text: str) -> float:
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())

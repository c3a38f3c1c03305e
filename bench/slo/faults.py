"""The faults of an alert run, and the alerts that must fire.

They use the stand-in model of `bench/faults`, which answers at once without a fault, so that only
the fault can make an alert fire.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.slo.stack import Stack

_LATENCY = frozenset({"latency", "latency_windows"})
_FALLBACK = frozenset({"fallback"})


@dataclass(frozen=True, slots=True)
class Fault:
    """alerts: must fire; slos: their other alerts may fire (label `slo`); settings: `MAPPER_*`."""

    name: str
    inject: Callable[[Stack], None]
    alerts: frozenset[str]
    slos: frozenset[str]
    settings: Mapping[str, str] = field(default_factory=dict)


def _tell(**fault: object) -> Callable[[Stack], None]:
    return lambda stack: stack.tell(**fault)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "triton-down",
            lambda stack: stack.triton.stop(grace_s=0),  # kill -9
            frozenset({"MapperFallbackWarning"}),
            _FALLBACK,
        ),
        # The circuit opens after a few late answers, and then the rules answer fast.
        Fault(
            "slow-model",
            _tell(delay_s=2),
            frozenset({"MapperFallbackWarning"}),
            _FALLBACK | _LATENCY,
        ),
        Fault(
            "overload",
            _tell(delay_s=0.2),
            frozenset({"MapperFallbackWarning", "MapperLatencyP95Warning"}),
            _FALLBACK | _LATENCY,
        ),
        Fault(
            "rules-only",
            lambda stack: stack.set_mode("rules_only"),
            frozenset({"MapperFallbackWarning"}),
            _FALLBACK,
        ),
        Fault(
            "bad-candidates",
            _tell(text="{cut"),
            frozenset({"MapperSchemaValidCritical", "MapperFallbackWarning"}),
            _FALLBACK | {"schema_valid"},
        ),
        # Accepted requests fail only if the operator has disabled the fallback.
        Fault(
            "no-fallback",
            _tell(delay_s=0.4),
            frozenset({"MapperAvailabilityCritical"}),
            _FALLBACK | _LATENCY | {"availability"},
            {"MAPPER_ON_TIMEOUT": "error"},
        ),
        Fault(
            "facade-down",
            lambda stack: stack.kill_facade(),
            frozenset({"MapperMetricsAbsent"}),
            frozenset(),
        ),
    )
}

"""The faults of an alert run: what is done to the stack, and which alerts must fire for it.

They run over the stand-in model of `bench/faults`, which answers at once unless told otherwise, so
that nothing but the fault can be what fires.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.slo.stack import Stack

_LATENCY = frozenset({"latency", "latency_windows"})
_FALLBACK = frozenset({"fallback"})


@dataclass(frozen=True, slots=True)
class Fault:
    """alerts: that must fire; slos: whose other alerts may (label `slo`); settings: `MAPPER_*`."""

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
        # The one way in which accepted requests fail: the operator chose no fallback.
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

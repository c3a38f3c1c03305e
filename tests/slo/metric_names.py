"""Which metrics there are, and which a query asks for.

The facade's are read from its own registry, Triton's from `triton_metrics.txt`: what the server of
this project said on its metrics port, with the ensemble's guard loaded and one item answered.
"""

import re
from pathlib import Path

from client_api.telemetry.metrics import Metrics
from client_api.telemetry.shadow_counts import Agreement, Comparison, ShadowCounts
from engine.versions import Shadow
from fallback.decision.decision import Decision
from pipeline.detector_series import DetectorSeries
from schemas.contract import CircuitState, ErrorCode, FallbackReason, Mode, Source

_TRITON = Path(__file__).with_name("triton_metrics.txt")
_RULES_MADE = re.compile(r"mapper:[a-z0-9_:]+")
_METRIC = re.compile(r"\b(?:mapper|nv)_[a-z0-9_]+(?![a-z0-9_:]|\s*=)")


def facade() -> Metrics:
    """The facade's metrics after some traffic of every kind."""
    metrics = Metrics(DetectorSeries({"presidio": "presidio"}.get))
    for detector in ("presidio", "made-up"):
        for reason in (None, *FallbackReason):
            metrics.answered(detector, 0.1, _decision(detector, reason))
        metrics.unanswered(detector, 0.3)
    metrics.batch(2, 0.2)
    metrics.replayed()
    for code in ErrorCode:
        metrics.rejected(code)
        metrics.failed(code)
    metrics.follow_mode(lambda: Mode.HYBRID)
    metrics.set_circuit(CircuitState.CLOSED)
    versions = {"taxonomy": "t", "frameworks": "f", "rules": "r", "model": "m"}
    metrics.set_build("0", versions)
    return metrics


def shadow() -> ShadowCounts:
    """The facade's metrics of a candidate that answered an item."""
    counts = ShadowCounts(str)
    counts.begin(Shadow("llama_mapper_shadow", 2, 0.1, ""))
    counts.compared("presidio", Comparison(Agreement.SAME, 0.1, 0.05, 0.04))
    return counts


def _decision(detector: str, reason: FallbackReason | None) -> Decision:
    return Decision(
        event={
            "taxonomy": ["HARM.SPEECH.Toxicity"],
            "provenance": {"detector": detector},
            "policy_context": {"frameworks": {}},
        },
        confidence=0.9,
        source=Source.RULES,
        fallback_reason=reason,
        schema_valid=True,
        signals=[],
        versions={},
        reading={"how": "generic"},
    )


def series_names(exposition: str) -> set[str]:
    """Names of the samples in Prometheus' text format."""
    lines = (line for line in exposition.splitlines() if line and not line.startswith("#"))
    return {re.split(r"[{ ]", line)[0] for line in lines}


def existing() -> set[str]:
    """What the facade and Triton have."""
    text = (facade().exposition() + shadow().exposition()).decode()
    return series_names(text) | series_names(_TRITON.read_text(encoding="utf-8"))


def asked_for(expr: str) -> set[str]:
    """Metrics of the facade and of Triton in a query."""
    without_strings = re.sub(r'"[^"]*"', '""', expr)
    return set(_METRIC.findall(without_strings))


def recorded(expr: str) -> set[str]:
    """Recorded series in a query."""
    return set(_RULES_MADE.findall(re.sub(r'"[^"]*"', '""', expr)))

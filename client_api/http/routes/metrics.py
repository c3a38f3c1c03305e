"""`/metrics` for Prometheus; `/metrics/summary` and `/metrics/alerts` for use without it."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from client_api.http.interface.answers import Closed
from client_api.http.interface.openapi import GUARDED, UNCHANGED
from client_api.http.json_route import json_response
from client_api.http.state import Shared
from client_api.http.stored import StoredAnswer
from client_api.telemetry.slo_report import service_levels
from client_api.telemetry.window import SLOT_S, WINDOW_S, Counts
from schemas.contract import Mode, Source
from schemas.slo import Internal, load_slo

_SOURCES: Final[Mapping[str, Source | None]] = {s.value: s for s in Source} | {"none": None}

router = APIRouter(prefix="/metrics", tags=["metrics"], responses=GUARDED)


class Quantiles(Closed):
    """Milliseconds; null without traffic."""

    p50: float | None
    p95: float | None
    p99: float | None


class DetectorCounts(Closed):
    """Items of a detector, by the source of their answers."""

    detector: str
    items: int
    model: int
    curated: int
    rules: int
    mixed: int
    none: Annotated[int, Field(description="items that failed")]


class History(Closed):
    """Items per step of the window, the oldest first."""

    step_s: float
    items: list[int]


class ShadowRow(Closed):
    """Items of a detector that were sent to a candidate as well, by the comparison of the labels;
    means over the items that the candidate answered, null without one."""

    detector: str
    same: int
    partial: Annotated[int, Field(description="some labels in common")]
    different: int
    unanswered: Annotated[int, Field(description="the candidate gave no valid answer")]
    confidence_shift: Annotated[float | None, Field(description="candidate minus served")]
    served_ms: float | None
    candidate_ms: float | None


class ShadowTable(Closed):
    """Comparison of a candidate with the served version since its shadow began."""

    version: int
    share: Annotated[float, Field(description="of the items")]
    dropped: Annotated[int, Field(description="items not sent to it: live items have priority")]
    detectors: Annotated[list[ShadowRow], Field(description="the busiest first")]


class Summary(Closed):
    """The last five minutes in numbers."""

    window_s: float
    items: int
    success_percentage: float
    schema_valid_percentage: float
    fallback_percentage: float
    latency_ms: Quantiles
    sources: Annotated[dict[str, int], Field(description="items by source of the answer")]
    detectors: Annotated[list[DetectorCounts], Field(description="the busiest first")]
    fallback_reasons: dict[str, int]
    history: History
    shadow: ShadowTable | None
    objectives: Annotated[list[dict[str, JsonValue]], Field(description="the service levels")]
    period: Annotated[str, Field(description="of the objectives")]
    uptime_s: float
    mode: Mode
    circuit: str
    timestamp: str


class Alert(BaseModel):
    """A figure that exceeds its internal threshold."""

    metric: str
    value: float
    threshold: float
    severity: str
    message: str
    detector: str | SkipJsonSchema[None] = None


class AlertReport(Closed):
    """The figures that exceed their thresholds now."""

    alerts: list[Alert]
    count: int
    timestamp: str


@router.get("", name="metrics", response_class=PlainTextResponse, responses=UNCHANGED)
async def exposition(request: Request, state: Shared) -> Response:
    """Prometheus' text format, compressed for clients that accept it."""
    text = state.metrics.exposition() + state.compared.exposition()
    answer = StoredAnswer(text, CONTENT_TYPE_LATEST, gzip_level=1)
    # In a thread, so that the event loop runs meanwhile.
    return await asyncio.to_thread(answer.respond, request)


@router.get("/summary", name="metrics_summary", response_model=Summary)
async def summary(state: Shared) -> Response:
    """The figures of the last five minutes, and the service levels of this process."""
    window, slo = state.metrics.window, load_slo()
    counts, history = window.total(), window.history()
    return json_response(
        {
            "window_s": WINDOW_S,
            "items": counts.items,
            "success_percentage": counts.success_percentage,
            "schema_valid_percentage": counts.schema_valid_percentage,
            "fallback_percentage": counts.fallback_percentage,
            "latency_ms": {
                name: _milliseconds(window.quantile(counts, q))
                for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
            },
            "sources": _sources(counts),
            "detectors": _detectors(counts),
            "fallback_reasons": {r.value: n for r, n in counts.reasons.most_common()},
            "history": {"step_s": SLOT_S, "items": [slot.items for slot in history]},
            "shadow": state.compared.table(),
            "objectives": service_levels(window, history, slo),
            "period": str(slo.period),
            "uptime_s": round(time.monotonic() - state.started, 3),
            "mode": state.switch.current().mode,
            "circuit": state.metrics.circuit.name.lower(),
            "timestamp": _now(),
        }
    )


def _sources(counts: Counts) -> dict[str, int]:
    """Items by the source of their answers; `none` is for those that failed."""
    found: Counter[Source | None] = Counter()
    for (_, source), items in counts.answers.items():
        found[source] += items
    return {name: found[source] for name, source in _SOURCES.items()}


def _detectors(counts: Counts) -> list[dict[str, Any]]:
    """The same for each detector, the busiest first."""
    names: Counter[str] = Counter()
    for (name, _), items in counts.answers.items():
        names[name] += items
    return [
        {"detector": name, "items": items}
        | {label: counts.answers[name, source] for label, source in _SOURCES.items()}
        for name, items in names.most_common()
    ]


@router.get("/alerts", name="metrics_alerts", response_model=AlertReport)
async def alerts(state: Shared) -> Response:
    """Figures of the last five minutes that exceed the internal thresholds of the service level
    document; Prometheus alerts on the objectives."""
    window = state.metrics.window
    counts = window.total()
    p95_ms = _milliseconds(window.quantile(counts, 0.95))
    found = _alerts(counts, p95_ms, load_slo().internal)
    return json_response({"alerts": found, "count": len(found), "timestamp": _now()})


def _alerts(counts: Counts, p95_ms: float | None, limits: Internal) -> list[dict[str, Any]]:
    valid, fallback = counts.schema_valid_percentage, counts.fallback_percentage
    p95_max_ms = limits.latency_p95_max_ms
    found = []
    if valid < limits.schema_valid_min:
        text = "the model's candidates fail validation too often"
        least = limits.schema_valid_min
        found.append(_alert("schema_valid_percentage", valid, least, "critical", text))
    if fallback > limits.fallback_max:
        text = "the model's answers are overruled or missing too often"
        most = limits.fallback_max
        found.append(_alert("fallback_percentage", fallback, most, "warning", text))
    if p95_ms is not None and p95_ms > p95_max_ms:
        text = "answers take too long"
        found.append(_alert("latency_p95_ms", p95_ms, p95_max_ms, "critical", text))
    return found


def _alert(
    metric: str, value: float, threshold: float, severity: str, message: str
) -> dict[str, Any]:
    return {
        "metric": metric,
        "value": value,
        "threshold": threshold,
        "severity": severity,
        "message": message,
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

"""`/metrics` for Prometheus; `/metrics/summary` and `/metrics/alerts` for who has none."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from client_api.openapi import GUARDED
from client_api.routes.json_route import json_response
from client_api.state import Shared
from client_api.window import WINDOW_S, Counts

# The service level document's internal thresholds; Prometheus alerts on the objectives.
_SCHEMA_VALID_MIN = 95.0
_FALLBACK_MAX = 10.0
_P95_MAX_MS = 250.0

router = APIRouter(prefix="/metrics", tags=["metrics"], responses=GUARDED)


@router.get("", response_class=PlainTextResponse)
async def exposition(state: Shared) -> Response:
    """Prometheus' text format."""
    return Response(state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


@router.get("/summary")
async def summary(state: Shared) -> Response:
    """The last five minutes in numbers."""
    counts = state.metrics.window.total()
    return json_response(
        {
            "window_s": WINDOW_S,
            "items": counts.items,
            "success_percentage": counts.success_percentage,
            "schema_valid_percentage": counts.schema_valid_percentage,
            "fallback_percentage": counts.fallback_percentage,
            "latency_ms": {
                name: _milliseconds(state.metrics.window.quantile(counts, q))
                for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
            },
            "mode": state.switch.current().mode,
            "timestamp": _now(),
        }
    )


@router.get("/alerts")
async def alerts(state: Shared) -> Response:
    """What of the last five minutes is beyond the internal thresholds."""
    window = state.metrics.window
    counts = window.total()
    found = _alerts(counts, _milliseconds(window.quantile(counts, 0.95)))
    return json_response({"alerts": found, "count": len(found), "timestamp": _now()})


def _alerts(counts: Counts, p95_ms: float | None) -> list[dict[str, Any]]:
    valid, fallback = counts.schema_valid_percentage, counts.fallback_percentage
    found = []
    if valid < _SCHEMA_VALID_MIN:
        text = "the model's candidates fail validation too often"
        found.append(_alert("schema_valid_percentage", valid, _SCHEMA_VALID_MIN, "critical", text))
    if fallback > _FALLBACK_MAX:
        text = "the model's answers are overruled or missing too often"
        found.append(_alert("fallback_percentage", fallback, _FALLBACK_MAX, "warning", text))
    if p95_ms is not None and p95_ms > _P95_MAX_MS:
        text = "answers take too long"
        found.append(_alert("latency_p95_ms", p95_ms, _P95_MAX_MS, "critical", text))
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

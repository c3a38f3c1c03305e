"""Answers of the service, as lines."""

import json
from collections.abc import Iterable
from typing import Any

from schemas.frameworks import load_frameworks

SECRET_WORDS = "the planted words of a user"


def answer(*labels: str, **fields: Any) -> dict[str, Any]:
    """An answer of the service."""
    controls = load_frameworks().controls(labels)
    provenance = {"detector": "presidio", "model": "m", "route": "model", "tenant_id": None}
    provenance |= {"ts": "2026-11-29T05:42:11.102+00:00"} | fields.pop("provenance", {})
    return {
        "taxonomy": list(labels),
        "scores": dict.fromkeys(labels, 0.9),
        "confidence": 0.97,
        "label_confidence": dict.fromkeys(labels, 0.97),
        "notes": SECRET_WORDS,
        "provenance": provenance,
        "policy_context": {"frameworks": controls},
        "version_info": {"taxonomy": "2026.11", "rules": "2026.11-1", "model": "m"},
        "source": "model",
        "fallback_reason": None,
        "signals": [{"name": SECRET_WORDS}],
        "row": {"id": SECRET_WORDS},
        **fields,
    }


def lines(rows: Iterable[Any]) -> list[str]:
    return [json.dumps(row) for row in rows]

"""An incident as an OCSF Detection Finding (class 2004, schema 1.5.0), for SIEMs.

Source of names and numbers: schema.ocsf.io, class `detection_finding`.
"""

from collections.abc import Mapping
from typing import Any, Final

from llama_mapper.evidence.answers import Answer

_SCHEMA: Final = "1.5.0"
_CATEGORY, _CLASS, _CREATE, _STATUS_NEW, _OTHER_SEVERITY = 2, 2004, 1, 1, 99
_CONFIDENCE: Final = {"Low": 1, "Medium": 2, "High": 3}


def detection_finding(answer: Answer, uid: str) -> dict[str, Any]:
    """The event of an incident. uid: unique among all incidents, such as the record's hash.

    The severity is 99 (Other), since a mapped label has none.
    """
    milliseconds = int(answer.time.timestamp() * 1000)
    level = _level(answer.confidence)
    return {
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_uid": _CATEGORY,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + _CREATE,
        "time": milliseconds,
        "severity_id": _OTHER_SEVERITY,
        "severity": "Other",
        "status_id": _STATUS_NEW,
        "status": "New",
        "confidence": level,
        "confidence_id": _CONFIDENCE[level],
        "confidence_score": round(answer.confidence * 100),
        "metadata": {
            "version": _SCHEMA,
            "product": {
                "name": "Llama Mapper",
                "vendor_name": "Llama Mapper",
                "version": answer.versions.get("taxonomy", ""),
            },
            **({"tenant_uid": answer.tenant} if answer.tenant else {}),
        },
        "finding_info": {
            "uid": uid,
            "title": ", ".join(answer.findings),
            "types": list(answer.findings),
            "created_time": milliseconds,
            "data_sources": [answer.detector],
        },
        "unmapped": {"controls": _lists(answer.controls), "versions": dict(answer.versions)},
    }


def _level(confidence: float) -> str:
    return "High" if confidence >= 0.9 else "Medium" if confidence >= 0.6 else "Low"


def _lists(controls: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {name: list(ids) for name, ids in controls.items()}

"""A summary as OSCAL assessment results (1.2.1), for GRC tools.

Each control with incidents is an observation. There is no OSCAL finding: an auditor reviews an
incident, which is not a verdict of non-compliance.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from llama_mapper.evidence.chain import EVENTS

VERSION: Final = "1.2.1"
_NAMESPACE: Final = "https://llama-mapper.example/ns/oscal"
_NO_TOKEN: Final = re.compile(r"[^A-Za-z0-9._-]+")


def assessment_results(
    summary: Mapping[str, Any], head: str, made: datetime, plan: str
) -> dict[str, Any]:
    """The document.

    summary: `Summary.data`. head: the last hash of the records, from which all UUIDs are derived.
    made: the time of writing. plan: reference to the assessment plan, which OSCAL requires.
    """

    def uuid(*parts: str) -> str:
        return str(uuid5(NAMESPACE_URL, "/".join((_NAMESPACE, head, *parts))))

    touched = [one for one in summary["by_control"] if one["incidents"]]
    collected = summary["last"] or made.astimezone(UTC).isoformat()
    return {
        "assessment-results": {
            "uuid": uuid("document"),
            "metadata": {
                "title": "AI-safety detector findings by control",
                "last-modified": made.astimezone(UTC).isoformat(),
                "version": summary["versions"]["frameworks_of_the_service"][0],
                "oscal-version": VERSION,
            },
            "import-ap": {"href": plan},
            "results": [
                {
                    "uuid": uuid("result"),
                    "title": "Mapped detector outputs",
                    "description": f"{summary['answers']} outputs of AI-safety detectors, mapped "
                    "to one taxonomy and to the controls that its labels touch.",
                    "start": summary["first"] or collected,
                    "end": collected,
                    "props": [
                        _property(name, str(count)) for name, count in summary["outcomes"].items()
                    ],
                    "reviewed-controls": {"control-selections": _selections(summary["by_control"])},
                    **_listed(
                        "observations", [_observation(one, uuid, collected) for one in touched]
                    ),
                }
            ],
        }
    }


def _observation(control: Mapping[str, Any], uuid: Any, collected: str) -> dict[str, Any]:
    title = f"{control['framework']} {control['id']}"
    return {
        "uuid": uuid("observation", title),
        "title": f"{title}: {control['incidents']} incidents",
        "description": control["title"] or title,
        "methods": ["TEST-AUTOMATED"],
        "types": ["finding"],
        "props": [
            _property("framework", control["framework"]),
            _property("control-id", control["id"]),
            _property("incidents", str(control["incidents"])),
        ],
        "relevant-evidence": [{"href": EVENTS, "description": "the records, with their hashes"}],
        "collected": collected,
    }


def _selections(controls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One per framework. A control id of OSCAL has no spaces and no brackets."""
    frameworks = dict.fromkeys(one["framework"] for one in controls)
    return [
        {
            "description": framework,
            "include-controls": [
                {"control-id": _token(one["id"])}
                for one in controls
                if one["framework"] == framework
            ],
        }
        for framework in frameworks
    ] or [{"include-all": {}}]


def _token(text: str) -> str:
    token = _NO_TOKEN.sub("-", text).strip("-")
    return token if token[:1].isalpha() else f"_{token}"


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": _NAMESPACE, "value": value}


def _listed(key: str, values: list[dict[str, Any]]) -> dict[str, Any]:
    """OSCAL allows no empty list."""
    return {key: values} if values else {}

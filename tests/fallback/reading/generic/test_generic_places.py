"""Values that mean something by where they stand: ids, counts, parts, kinds of a category."""

from typing import Any

import pytest
from said import said

X, Y = "frobnication", "quuxing"
READ: list[tuple[Any, list[str] | str]] = [
    # the id of what was judged
    ({"job": "b81d", "decision": "approve", "labels": [{"label": X, "triggered": False}]}, "clean"),
    ({"chat": 9, "detections": {X: {"hit": 0, "weight": 0.0}}}, "clean"),
    ({"thread": "t-5", f"{X}_probability": 0.91}, [X]),
    ({"snippets_checked": 4, "flagged": False}, "clean"),
    # what was done, and nothing that was found
    ({"entities": [{"category": X, "text": "12***"}], "deidentified": True}, [X]),
    ({f"{X}_probability": 0.91, "escalate": True}, [X]),
    # good verdicts
    ({"result": "AUTHENTIC", "techniques": {X: 0.02}}, "clean"),
    ({"topic": X, "on_policy": True, "confidence": 0.97}, "clean"),
    # parts of what was judged
    ({"frames": [{"t": 0.0, "tags": []}, {"t": 1.5, "tags": [X, Y]}]}, [X, Y]),
    ({"pages": [{"page": 1, "flagged": True, "label": X}]}, [X]),
    # a child of a category is one of its kinds
    ({"bias": {"gender": {"score": 0.84}, "age": {"score": 0.1}}}, ["gender bias"]),
    ({"hate": {"race": {"flagged": True}}}, ["race hate"]),
    ({"pii": {"email": {"score": 0.9}}}, ["email"]),
    # a verdict may be a name
    ({"detections": [{"detection": X, "type": "email", "score": 0.9}]}, ["email"]),
    ({"detection": "email", "detection_type": "pii", "score": 0.9}, ["email", "pii"]),
    ({"detection": "has_HAP", "detection_type": "hap", "score": 0.9}, ["hap"]),
    ({"verdict": X, "source": "a.c"}, [X]),
    ({"claims": [{"verdict": "SUPPORTED"}, {"verdict": "corroborated"}]}, "clean"),
    ({"claims": [{"verdict": "SUPPORTED"}, {"verdict": "REFUTED"}]}, ["refuted"]),
    (f"X-Acme-Verdict: {X}\nX-Acme-Score: 9.7/10", [X]),
    # what checked is no finding beside what was done
    ({"result": {"blocked": False, "policy": f"{X}-policy"}}, "clean"),
    (
        {"details": {"prompt": {"pii": {"email": {"result": True, "entities": ["a@b.io"]}}}}},
        ["email"],
    ),
    (f"PASS  {X}\nPASS  no_{Y}\n0 of 2 checks failed", "clean"),
    (f"PASS  {X}\nFAIL  no_{Y}\n1 of 2 checks failed", [Y]),
    (f"| Vulnerability | Level | Metric |\n|---|---|---|\n| {X} | major | — |", [X]),
    # links and counts beside a verdict
    ({"label": X, "conclusion": "block", "urls": ["http://a.io/1.png"]}, [X]),
    ({"is_safe": False, "behavioral_findings": 1, "findings": [{"threat_category": X}]}, [X]),
    ({"md5": "d41d", "match": True, "database": X}, [X]),
    (f"user: 4411 | reason: {X} | strikes: 2/3", [f"reason {X}"]),
    ({"guardrail_name": "acme", "r": {"detectors": {X: {"detected": True}}}}, [X]),
    # the kind of an event before it
    (f'[VULNERABILITY]  {{"label": "{X}", "severity": "HIGH"}}a->b (high)', [X]),
    # consoles: rules, headings in rules, and the code around a finding
    ("/tmp/a.mp3: OK\n/tmp/b.mp3: OK\n------ SUMMARY ------\nInfected files: 0", "clean"),
    (f"==== {X} ====\n/tmp/a.mp3: OK\n/tmp/b.mp3: OK", [f"==== {X}"]),
    (f"{X}\n══════════\n/src/a.py:73 (added)\n──────────\n72  user: bo\n73 [ id: **\n74  c", [X]),
    (
        {"rows": [{"vulnerability": "Hallucination and Misinformation", "level": "major"}]},
        ["hallucination", "misinformation"],
    ),
]


@pytest.mark.parametrize(("output", "expected"), READ, ids=repr)
def test_places(output: Any, expected: list[str] | str) -> None:
    assert said(output) == expected

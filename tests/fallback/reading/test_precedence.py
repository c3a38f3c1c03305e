"""The order of precedence, as one table: which statement about a scope or a name wins."""

from typing import Any

import pytest

from fallback.reading import Reader
from fallback.reading.finding import SILENCED, Basis, Finding, across, merge, settle
from fallback.rules.lookup import load_rules
from fallback.signal import Verdict

CLEAN, REVIEW = "clean", "review"

#: Statements of one output, strongest first, and what is read: names, `clean` or `review`.
TABLE: list[tuple[str, Any, list[str] | str]] = [
    ("decision no beats score", {"flagged": False, "scores": {"hate": 0.9}}, CLEAN),
    ("decision no beats grade", {"flagged": False, "hate": "high"}, CLEAN),
    ("decision no beats presence", {"flagged": False, "labels": ["hate"]}, CLEAN),
    ("decision no, flag yes: a finding", {"flagged": False, "flags": {"hate": True}}, ["hate"]),
    (
        "decision yes, flags no: the verdict stays",
        {"flagged": True, "flags": {"hate": False}},
        REVIEW,
    ),
    (
        "decision yes, scores low: the verdict stays",
        {"flagged": True, "scores": {"a": 0.1}},
        REVIEW,
    ),
    ("decision yes confirms presence", {"verdict": "unsafe", "labels": ["hate"]}, ["hate"]),
    ("decision yes yields to its reason", {"flagged": True, "flags": {"hate": True}}, ["hate"]),
    ("two decisions that differ: found", {"passed": True, "flagged": True}, REVIEW),
    ("action no beats score", {"action": "allow", "scores": {"hate": 0.9}}, CLEAN),
    (
        "action no, detection: a finding",
        {"action": "allow", "detections": [{"type": "x y"}]},
        ["x y"],
    ),
    ("action yes beats scores", {"action": "block", "scores": {"hate": 0.1}}, REVIEW),
    ("flag no beats grade", {"label": "hate", "detected": False, "severity": "high"}, CLEAN),
    ("flag no beats score", {"label": "hate", "detected": False, "score": 0.99}, CLEAN),
    ("flag yes beats score", {"label": "hate", "detected": True, "score": 0.01}, ["hate"]),
    ("flag no of a map beats its score", {"flags": {"a": False}, "scores": {"a": 0.9}}, CLEAN),
    ("grade no beats score", {"label": "hate", "severity": "safe", "score": 0.9}, CLEAN),
    ("grade yes beats score", {"label": "hate", "severity": "high", "score": 0.1}, ["hate"]),
    ("score over the threshold", {"label": "hate", "score": 0.5}, ["hate"]),
    ("score under the threshold", {"label": "hate", "score": 0.49}, CLEAN),
    ("own threshold before the default", {"label": "hate", "score": 0.7, "threshold": 0.8}, CLEAN),
    ("score beats presence", {"label": "hate", "score": 0.1}, CLEAN),
    ("mere presence", {"label": "hate"}, ["hate"]),
    ("finding beats failure", {"labels": ["hate"], "error": "timed out"}, ["hate"]),
    ("verdict beats failure", {"flagged": True, "error": "timed out"}, REVIEW),
    ("found in one scope is found", [{"flagged": False}, {"flagged": True}], REVIEW),
    ("a child beside its parent", [{"Name": "b", "ParentName": "a"}, {"Name": "a"}], ["a", "b"]),
]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(load_rules())


@pytest.mark.parametrize(("output", "said"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE])
def test_precedence(reader: Reader, output: Any, said: list[str] | str) -> None:
    import json

    signals = reader.read("a-vendor-nobody-knows", json.dumps(output)).signals
    if said == CLEAN:
        assert signals[0].verdict is Verdict.NOTHING_FOUND
    elif said == REVIEW:
        assert len(signals) == 1
        assert signals[0].flagged
        assert signals[0].verdict is None
    else:
        assert sorted(s.name for s in signals) == said


def test_a_stronger_clean_statement_silences_all_that_a_weaker_one_does() -> None:
    order = (Basis.PRESENCE, Basis.SCORE, Basis.GRADE, Basis.FLAG)
    for weaker, stronger in zip(order, order[1:], strict=False):
        assert SILENCED[weaker] <= SILENCED[stronger]
    assert all(Basis.FLAG not in silenced for silenced in SILENCED.values())


@pytest.mark.parametrize("basis", list(Basis)[: Basis.FLAG + 1])
def test_a_decision_silences_what_the_table_says(basis: Basis) -> None:
    found = Finding("x", True, None, basis)
    decision = Finding("flagged", False, None, Basis.DECISION)
    settled = settle([decision], [found])
    assert any(f.category for f in settled) is (basis not in SILENCED[Basis.DECISION])


def test_one_name_has_one_finding_in_a_scope_and_the_stronger_statement_decides() -> None:
    flag = Finding("self-harm", False, None, Basis.FLAG)
    score = Finding("Self Harm", True, 0.9, Basis.SCORE)
    assert [f.hit for f in merge([score, flag])] == [False]
    assert [f.hit for f in across([[flag], [score]])] == [True]

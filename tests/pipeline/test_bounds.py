"""What a direct caller of the first step cannot make it do."""

from collections.abc import Sequence
from typing import Any

import pytest

from fallback.rules.lookup import RuleMapper
from fallback.signal import Signal
from pipeline.steps import MAX_CONTRIBUTING, MAX_OUTPUT, UNREADABLE, load_pipeline
from schemas.requests import Metadata


def test_a_longer_output_is_not_read_and_says_so() -> None:
    pipeline = load_pipeline()
    item = pipeline.read("presidio", "EMAIL " * (MAX_OUTPUT // 6 + 1))
    assert item.reading == UNREADABLE
    decision = pipeline.decide(item)
    assert decision.event["taxonomy"] != ["OTHER.Safe"]


def test_only_a_few_known_contributing_detectors_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = load_pipeline()
    known = [detector.name for detector in pipeline.rules.detectors.values()]
    names = (*(f"nobody-{n}" for n in range(1000)), *known)
    asked: list[tuple[str, ...]] = []
    original = RuleMapper.map

    def note(self: RuleMapper, detector: str, signal: Signal, others: Sequence[str] = ()) -> Any:
        asked.append(tuple(others))
        return original(self, detector, signal, others)

    monkeypatch.setattr(RuleMapper, "map", note)
    pipeline.read("d", "hate", Metadata(contributing_detectors=names))
    assert asked[-1] == tuple(known[:MAX_CONTRIBUTING])
    assert all(len(others) <= MAX_CONTRIBUTING for others in asked)

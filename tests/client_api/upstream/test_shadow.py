"""A candidate is asked a share of the live items, and nobody's answer shows it."""

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from bench.processes import eventually
from client_api.mapping.gateway import Item, ModelError, ModelTimeout
from engine.versions import Shadow, remove_shadow, shadow_file, write_shadow
from fallback.decision.decision import Decision
from pipeline.steps import ReadItem
from schemas.candidate import Candidate, CandidateSet
from tests.support.fake_model import HATE, FakeCandidate, FakeGateway, facade, raising, samples
from tests.support.fake_model import model as served

#: No curated entry of its own, so that the model's word is the answer.
UNKNOWN = {"detector": "a tool of ours", "output": "spite"}


def candidate(*labels: str, confidence: float = 0.95) -> Callable[[ReadItem], CandidateSet]:
    """A version that answers every signal alike."""
    text = '{"taxonomy":[' + ",".join(f'"{label}"' for label in labels) + "]}"

    def answer(item: ReadItem) -> CandidateSet:
        each = Candidate(text, 0.9, confidence)
        return CandidateSet("candidate", (each,) * len(item.reading.signals))

    return answer


def begin(repository: Path, share: float = 1.0, version: int = 2) -> None:
    write_shadow(repository, Shadow("llama_mapper_shadow", version, share, ""))


def shadowed(
    repository: Path, beside: FakeCandidate, gateway: FakeGateway | None = None, **settings: Any
) -> TestClient:
    """A facade that follows the repository's shadow, with time on a busy machine."""
    own = {"model_repository": repository, "budget_ms": 60_000.0, **settings}
    return facade(gateway or FakeGateway(), candidate=beside, **own)


def table(client: httpx.Client) -> Any:
    return client.get("/metrics/summary").json()["shadow"]


def compared(client: httpx.Client) -> int:
    names = ("same", "partial", "different", "unanswered")
    return sum(sum(row[name] for name in names) for row in table(client)["detectors"])


@pytest.mark.parametrize(
    ("answer", "agreement", "shift"),
    [
        (candidate("HARM.SPEECH.Hate.Other"), "same", 0.0),
        (candidate("HARM.SPEECH.Hate.Other", confidence=0.75), "same", -0.2),
        (candidate("HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"), "partial", 0.0),
        (candidate("PII.Contact.Email"), "different", 0.0),
        (raising(ModelError("lost")), "unanswered", None),
        (candidate("no such label"), "different", None),
    ],
)
def test_the_answers_of_both_are_compared(
    tmp_path: Path,
    answer: Callable[[ReadItem], CandidateSet],
    agreement: str,
    shift: float | None,
) -> None:
    begin(tmp_path)
    with shadowed(tmp_path, FakeCandidate(answer)) as client:
        eventually(lambda: table(client) is not None)
        told = client.post("/map", json=UNKNOWN).json()
        eventually(lambda: compared(client) == 1)
        [row], counts = table(client)["detectors"], samples(client)

    assert (told["taxonomy"], told["source"]) == (["HARM.SPEECH.Hate.Other"], "model")
    assert row[agreement] == 1
    assert counts["mapper_shadow_total", agreement, "other"] == 1
    if shift is not None:
        assert row["confidence_shift"] == pytest.approx(shift, abs=1e-4)
        assert counts["mapper_shadow_confidence_shift", "other"] == pytest.approx(shift, abs=1e-4)
    timed = counts.get(("mapper_shadow_latency_seconds_count", "other", "candidate"), 0)
    assert timed == (agreement != "unanswered")
    assert (row["candidate_ms"] is None) == (agreement == "unanswered")


def test_nothing_of_it_counts_among_what_callers_got(tmp_path: Path) -> None:
    def without_shadow(counts: dict[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
        """The counters of answers, by name and labels."""
        kinds = ("_total", "_count")
        return {
            series: value
            for series, value in counts.items()
            if series[0].endswith(kinds) and "shadow" not in series[0]
        }

    def counted(beside: FakeCandidate, expected: int) -> dict[tuple[str, ...], float]:
        with shadowed(tmp_path, beside, item_cache_bytes=1 << 20) as client:
            eventually(lambda: bool(shadow_file(tmp_path).exists()) == (table(client) is not None))
            for _ in range(5):
                for body in (HATE, UNKNOWN):
                    assert client.post("/map", json=body).status_code == 200
            eventually(lambda: len(beside.asked) == expected)
            assert samples(client)["mapper_circuit_state",] == 0
            return without_shadow(samples(client))

    plain = counted(FakeCandidate(candidate("OTHER.Safe")), 0)
    begin(tmp_path)
    # An item that the cache knew is live traffic as well; failures open no circuit.
    beside = counted(FakeCandidate(raising(ModelError("lost"))), 10)
    assert beside == plain


def asked_of(repository: Path, bodies: list[dict[str, str]]) -> list[str]:
    """What of the live items the candidate was asked, in order."""
    beside = FakeCandidate(candidate("OTHER.Unknown"))

    def names() -> list[str]:
        return [item.reading.signals[0].name for item in beside.asked]

    with shadowed(repository, beside) as client:
        eventually(lambda: table(client) is not None)
        for body in bodies:
            client.post("/map", json=body)

        def is_past() -> bool:
            """It is asked in the order of the items."""
            client.post("/map", json={"detector": "tool", "output": f"end {time.monotonic_ns()}"})
            return any(name.startswith("end") for name in names())

        eventually(is_past)
    return [name for name in names() if not name.startswith("end")]


def test_an_item_is_of_the_share_always_or_never(tmp_path: Path) -> None:
    begin(tmp_path, share=0.3)
    bodies = [{"detector": "tool", "output": f"word {n}"} for n in range(100)]
    first = asked_of(tmp_path, [body for body in bodies for _ in range(2)])
    again = asked_of(tmp_path, bodies)
    assert again == list(dict.fromkeys(first))
    assert len(first) == 2 * len(again)
    assert 15 < len(again) < 45, "a share of 0.3 of 100"


def test_it_waits_while_the_model_has_live_items_and_what_waits_is_bounded(tmp_path: Path) -> None:
    begin(tmp_path)
    held, release = threading.Event(), threading.Event()

    class Holding(FakeGateway):
        """Keeps one item until it is told to answer."""

        async def map(self, items: Any, budget_s: float) -> list[Decision]:
            if items[0].output == "slow":
                held.set()
                await asyncio.to_thread(release.wait)
            return await super().map(items, budget_s)

    beside = FakeCandidate(candidate("OTHER.Unknown"))
    with shadowed(tmp_path, beside, Holding()) as client:
        eventually(lambda: table(client) is not None)
        slow = threading.Thread(
            target=lambda: client.post("/map", json={"detector": "tool", "output": "slow"})
        )
        slow.start()
        assert held.wait(60)
        for n in range(110):
            client.post("/map", json={"detector": "tool", "output": f"word {n}"})
        assert beside.asked == []
        # One is in hand, a hundred wait.
        eventually(lambda: table(client)["dropped"] == 9)
        assert samples(client)["mapper_shadow_dropped_total",] == 9
        release.set()
        slow.join()
        eventually(lambda: compared(client) == len(beside.asked) >= 101)


def test_what_the_model_did_not_answer_is_not_compared(tmp_path: Path) -> None:
    begin(tmp_path)
    late = FakeGateway(raising(ModelTimeout("late")), served)
    beside = FakeCandidate(candidate("OTHER.Unknown"))
    with shadowed(tmp_path, beside, late) as client:
        eventually(lambda: table(client) is not None)
        assert client.post("/map", json=HATE).json()["fallback_reason"] == "timeout"
        client.put("/admin/mode", json={"mode": "rules_only"})
        assert client.post("/map", json=HATE).json()["fallback_reason"] == "rules_only"
        late.answer = served
        client.put("/admin/mode", json={"mode": "hybrid"})
        client.post("/map", json=UNKNOWN)
        eventually(lambda: compared(client) == 1)
    assert [item.detector for item in beside.asked] == ["a tool of ours"]


def test_another_candidate_begins_at_zero_and_an_end_is_followed(tmp_path: Path) -> None:
    begin(tmp_path)
    beside = FakeCandidate(candidate("OTHER.Unknown"))
    with shadowed(tmp_path, beside) as client:
        eventually(lambda: table(client) is not None)
        client.post("/map", json=UNKNOWN)
        eventually(lambda: compared(client) == 1)
        begin(tmp_path, version=3)
        eventually(lambda: table(client)["version"] == 3)
        assert table(client)["detectors"] == []
        assert ("mapper_shadow_total", "same", "other") not in samples(client)
        shadow_file(tmp_path).write_text("{")
        eventually(lambda: table(client) is None)
        begin(tmp_path)
        eventually(lambda: table(client) is not None)
        remove_shadow(tmp_path)
        eventually(lambda: table(client) is None)
        client.post("/map", json=UNKNOWN)
    assert len(beside.asked) == 1


def test_the_same_rules_and_threshold_decide_both(tmp_path: Path) -> None:
    begin(tmp_path)

    def unsure(item: Item) -> Decision:
        return served(item, '{"taxonomy":["PII.Contact.Email"]}')

    beside = FakeCandidate(candidate("PII.Contact.Email", confidence=0.5))
    with shadowed(tmp_path, beside, FakeGateway(unsure)) as client:
        eventually(lambda: table(client) is not None)
        client.post("/map", json=UNKNOWN | {"threshold": 0.4})
        eventually(lambda: compared(client) == 1)
        assert table(client)["detectors"][0]["same"] == 1
        client.post("/map", json=UNKNOWN | {"threshold": 0.7})
        eventually(lambda: compared(client) == 2)
        assert table(client)["detectors"][0]["different"] == 1

"""The generated traffic: its shares, that a seed decides it, and that the gate stays unseen."""

from collections import Counter
from itertools import islice

import pytest

from bench.load.open_loop import Result, Seen
from bench.load.traffic import Kind, Request, Traffic
from export.data.folds import family_of, load_folds
from export.data.rows import DATA, NEUTRAL, load_rows
from schemas.text import normalise

COUNT = 20_000


@pytest.fixture(scope="module")
def drawn() -> list[Request]:
    traffic = Traffic(seed=1)
    return [traffic.draw() for _ in range(COUNT)]


def test_a_seed_decides_every_request(drawn: list[Request]) -> None:
    same, other = Traffic(seed=1), Traffic(seed=2)

    assert [same.draw() for _ in range(500)] == drawn[:500]
    assert [other.draw() for _ in range(500)] != drawn[:500]


def test_one_in_ten_is_new_and_one_in_a_hundred_garbage(drawn: list[Request]) -> None:
    kinds = Counter(one.kind for one in drawn)
    mapped = COUNT - kinds[Kind.GARBAGE]

    assert kinds[Kind.GARBAGE] / COUNT == pytest.approx(0.01, abs=0.003)
    assert kinds[Kind.NEW] / mapped == pytest.approx(0.1, abs=0.01)
    assert kinds[Kind.COMPOSITE] > 0


def test_curated_traffic_is_curated_and_no_gate_family_is_among_it(drawn: list[Request]) -> None:
    gate = load_folds().gate
    pairs = {
        (row.detector, row.output)
        for row in (*load_rows(), *load_rows(DATA / "composites.jsonl"))
        if family_of(row.detector) not in gate
    }

    known = [one for one in drawn if one.kind in (Kind.CURATED, Kind.COMPOSITE)]
    assert {(one.detector, one.output) for one in known} <= pairs


def test_popularity_falls_as_one_over_the_rank(drawn: list[Request]) -> None:
    counts = Counter(one for one in drawn if one.kind in (Kind.CURATED, Kind.COMPOSITE))
    first, _, _, fourth = (count for _, count in islice(counts.most_common(), 4))

    assert first / fourth == pytest.approx(4, rel=0.2)


def test_new_labels_come_from_a_detector_that_no_rule_knows(drawn: list[Request]) -> None:
    new = [one for one in drawn if one.kind is Kind.NEW]
    gate = load_folds().gate
    plain = {normalise(row.output) for row in load_rows() if family_of(row.detector) in gate}

    assert {one.detector for one in new} == {NEUTRAL}
    # Many a spelling of its own: more than there are labels.
    assert len({one.output for one in new}) > 2 * len(plain)
    assert sum(normalise(one.output) in plain for one in new) > len(new) / 2


def test_a_result_tells_garbage_and_batches_apart() -> None:
    def seen(kind: Kind, took_s: float, reason: str | None = None, batch: int = 1) -> Seen:
        return Seen(kind, 0.0, took_s, 0.0, 200, batch, "rules" if reason else "model", reason)

    result = Result(
        [
            seen(Kind.CURATED, 0.01),
            seen(Kind.NEW, 0.03, "low_confidence"),
            seen(Kind.GARBAGE, 0.02, "low_confidence"),
            *[seen(Kind.CURATED, 0.5, batch=2)] * 2,
            Seen(Kind.CURATED, 0.0, 1.0, 0.0, 429, 1),
            Seen(Kind.CURATED, 0.0, 1.0, 0.0, 0, 1, failure="ServerDisconnectedError"),
        ],
        seconds=1.0,
    )

    assert result.without_garbage().fallback_share() == pytest.approx(1 / 4)
    assert result.latency_ms(0.5, batch=2) == pytest.approx(500)
    assert result.statuses() == {200: 5, 429: 1, 0: 1}
    assert result.failures() == {"ServerDisconnectedError": 1}
    assert result.answers() == {("model", ""): 3, ("rules", "low_confidence"): 2}

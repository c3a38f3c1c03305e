"""Items by detector and day: what is counted, what is kept of it, and when it counts as drift."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.processes import eventually
from client_api.mapping.gateway import Item
from client_api.review.days import DAY_S, Day
from client_api.review.drift import WINDOW_DAYS, DetectorDrift, chi_square, judge
from client_api.review.recorder import Recorder
from client_api.review.schema import STEPS, bring_up_to_date, make_engine
from client_api.review.sightings import Names
from client_api.review.store import Store
from fallback.decision.decision import Decision
from schemas.slo import Outcome, load_slo
from tests.client_api.review.test_recorder import unsure
from tests.support.fake_model import KeyFile, model
from tests.support.reviewing import post, reviewed

RULE = load_slo().drift
TODAY = 20_000


def sure(detector: str = "acme-guard") -> tuple[Item, Decision]:
    item = Item(detector, "hate")
    return item, model(item)


def days(before: tuple[int, int], now: tuple[int, int]) -> dict[int, Day]:
    """Items, and unknown ones of them, on each day of the reference and in the window."""
    found = {TODAY - back: _day(*before) for back in range(WINDOW_DAYS, WINDOW_DAYS + 7)}
    return found | {TODAY: _day(*now)}


def _day(items: int, unknown: int) -> Day:
    return Day(items, dict.fromkeys(Outcome, 0) | {Outcome.UNKNOWN: unknown})


@pytest.mark.parametrize(
    ("before", "now", "drifted"),
    [
        ((1000, 20), (1000, 120), True),
        ((1000, 20), (1000, 60), False),  # four points
        ((1000, 500), (1000, 100), False),  # it fell
        ((30, 3), (200, 32), False),  # by chance
        ((1000, 0), (199, 199), False),  # few items
        ((20, 0), (1000, 1000), False),  # few items before
        ((0, 0), (1000, 1000), False),  # a new detector
    ],
)
def test_a_share_drifts_where_the_alert_says_so(
    before: tuple[int, int], now: tuple[int, int], drifted: bool
) -> None:
    [found] = judge({"acme": days(before, now)}, RULE, TODAY)
    assert found.shares[Outcome.UNKNOWN].drifted is found.drifted is drifted
    assert not found.shares[Outcome.UNREAD].drifted


def test_what_drifted_comes_first_then_what_is_frequent() -> None:
    found = judge(
        {
            "rare": days((10, 0), (10, 0)),
            "busy": days((9000, 9), (9000, 9)),
            "drifts": days((300, 0), (300, 300)),
            "idle": {TODAY: Day()},
        },
        RULE,
        TODAY,
    )
    assert [one.detector for one in found] == ["drifts", "busy", "rare"]


def test_the_test_is_the_textbooks() -> None:
    # Of the table 10, 20 / 30, 40 with Yates' correction, as R's chisq.test has it.
    assert chi_square(10, 30, 30, 70) == pytest.approx(0.4464, abs=5e-5)
    assert chi_square(0, 0, 3, 9) == chi_square(0, 5, 0, 9) == chi_square(5, 5, 9, 9) == 0


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


def recorder(
    folder: Path, clock: Clock, *, keep: bool = True, most: int = 100
) -> tuple[Recorder, Store]:
    url = f"sqlite:///{folder / 'review.db'}"
    store = Store(url, retention_days=90, most=most, clock=clock)
    return Recorder(store, Names(lambda tenant, name: None, keep=keep), lambda count: None), store


def test_a_week_of_answers_and_a_day_of_new_words(tmp_path: Path) -> None:
    clock = Clock((TODAY - 8) * DAY_S)
    counting, store = recorder(tmp_path, clock)
    for _ in range(9):
        for _ in range(100):
            counting.record(*sure())
        counting.flush()
        clock.now += DAY_S
    clock.now -= DAY_S
    for n in range(100):
        counting.record(*unsure(f"word{chr(97 + n % 5)}", detector="Acme Guard"))
    counting.flush()
    [found] = _judged(store)
    share = found.shares[Outcome.LOW_CONFIDENCE]
    assert (found.window.items, found.reference.items, found.window.new_words) == (300, 700, 5)
    assert (share.share, share.reference, share.drifted) == (1 / 3, 0, True)
    assert found.shares[Outcome.UNKNOWN].share == 0  # flagged: for review
    assert found.days[TODAY].items == 200


def _judged(store: Store) -> list[DetectorDrift]:
    today, items = store.items(None, RULE)
    return judge(items, RULE, today)


def test_old_days_and_a_flood_of_names_are_deleted(tmp_path: Path) -> None:
    clock = Clock(TODAY * DAY_S)
    counting, store = recorder(tmp_path, clock, most=20)
    for _ in range(3):
        counting.record(*sure())
    for n in range(60):
        counting.record(*sure(f"guard {'x' * n}"))
    counting.flush()
    found = _judged(store)
    assert len(found) == 20
    assert found[0].detector == "acme-guard"
    clock.now += 40 * DAY_S
    counting.record(*sure("other"))
    counting.flush()
    assert len(store.items(None, RULE)[1]) == 1


def test_a_name_that_is_not_kept_is_a_digest(tmp_path: Path) -> None:
    counting, store = recorder(tmp_path, Clock(TODAY * DAY_S), keep=False)
    counting.record(*sure())
    counting.flush()
    [found] = _judged(store)
    assert found.detector.startswith("#")


def test_counts_wait_for_the_database(tmp_path: Path) -> None:
    counting, store = recorder(tmp_path / "missing", Clock(TODAY * DAY_S))
    for _ in range(2):
        counting.record(*sure())
        counting.flush()
    (tmp_path / "missing").mkdir()
    counting.flush()
    counting.flush()
    [found] = _judged(store)
    assert found.window.items == 2


def test_a_database_of_the_release_before_gets_the_table(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'review.db'}")
    bring_up_to_date(engine, STEPS[:1])
    counting, store = recorder(tmp_path, Clock(TODAY * DAY_S))
    counting.record(*sure())
    counting.flush()
    assert len(_judged(store)) == 1


def test_a_reviewer_sees_the_items_of_a_tenant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    both = ("map:write", "review")
    acme, other = keys.create("acme", *both), keys.create("other", *both)
    admin = keys.create("ops", "review", "admin")
    mapping = keys.create("acme", "map:write")
    with reviewed(tmp_path / "review", keys_file=keys.path) as client:
        for header in (acme, acme, other):
            post(client, "acme-guard", "zorblish", **header)

        def seen(header: dict[str, str]) -> list[int]:
            found = client.get("/review/drift", headers=header).json()["detectors"]
            return [one["items"] for one in found]

        eventually(lambda: seen(admin) == [3])
        assert (seen(acme), seen(other)) == ([2], [1])
        assert client.get("/review/drift", headers=mapping).status_code == 403
        [one] = client.get("/review/drift?limit=1", headers=acme).json()["detectors"]
    assert one["shares"]["low_confidence"] == {
        "share": 1.0,
        "reference": None,
        "chi_square": 0.0,
        "drifted": False,
    }
    assert one["days"][-1]["outcomes"]["unknown"] == 2
    assert one["new_words"] == 1

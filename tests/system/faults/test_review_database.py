"""The review queue in a real PostgreSQL: two facades, an outage, a flood of names."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from bench.processes import eventually
from client_api.review.schema import bring_up_to_date, make_engine
from client_api.review.sightings import Cause, Tally
from client_api.review.store import Store
from client_api.review.words import WordState
from tests.support.postgres import Postgres, postgres
from tests.support.reviewing import GUESS, act, listed, post, reviewed

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]


@pytest.fixture
def database() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def replicas(database: Postgres, tmp_path: Path) -> Iterator[list[TestClient]]:
    """Two facades with folders of their own, and one database."""
    with ExitStack() as stack:
        folders = [tmp_path / name for name in ("one", "two")]
        yield [stack.enter_context(reviewed(folder, review_url=database.url)) for folder in folders]


def test_replicas_count_together_and_follow_each_other(replicas: list[TestClient]) -> None:
    one, two = replicas
    for client in (one, two, two):
        post(client, "acme-guard", "zorblish")
    eventually(lambda: listed(one, 1)[0]["seen"] == 3)
    [drift] = two.get("/review/drift").json()["detectors"]
    assert (drift["detector"], drift["items"], drift["new_words"]) == ("acme-guard", 3, 1)
    [word] = listed(two, 1)
    done = act(two, word, "accept").json()
    assert act(one, word, "ignore").status_code == 409
    eventually(lambda: post(one, "acme-guard", "zorblish")["taxonomy"] == [GUESS])
    act(one, done, "undo")
    eventually(lambda: post(two, "acme-guard", "zorblish")["taxonomy"] == ["OTHER.Unknown"])
    exported = one.get("/review/export").json()
    assert exported == {"files": {}, "rows": []}


def complains(client: TestClient) -> bool:
    """Whether the service says that the queue's database is out."""
    reasons = client.get("/health").json().get("reasons", [])
    return any("review database" in reason for reason in reasons)


def test_answers_go_on_without_the_database_and_counts_catch_up(
    database: Postgres, replicas: list[TestClient]
) -> None:
    client = replicas[0]
    post(client, "acme-guard", "zorblish")
    [word] = listed(client, 1)
    database.stop()
    for _ in range(5):
        assert post(client, "acme-guard", "zorblish")["taxonomy"] == ["OTHER.Unknown"]
        assert post(client, "acme-guard", "quorvid")["taxonomy"] == ["OTHER.Unknown"]
    refused: httpx.Response = client.get("/review")
    assert (refused.status_code, refused.json()["retryable"]) == (503, True)
    assert act(client, word, "accept").status_code == 503
    eventually(lambda: complains(client))
    database.start()
    eventually(lambda: client.get("/review").status_code == 200)
    eventually(
        lambda: (
            {w["word"]: w["seen"] for w in listed(client, 2)}
            == {
                "zorblish": 6,
                "quorvid": 5,
            }
        )
    )
    eventually(lambda: not complains(client))
    assert act(client, word, "accept").status_code == 200


def test_the_tables_are_made_once_by_many(database: Postgres) -> None:
    failures: list[Exception] = []

    def make() -> None:
        engine = make_engine(database.url)
        try:
            bring_up_to_date(engine)
        except Exception as error:
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert Store(database.url, retention_days=1).revision() == 0


def test_a_flood_of_names_is_bounded(database: Postgres) -> None:
    store = Store(database.url, retention_days=90, most=200)
    names = ["".join(letters) for letters in product("abcdefghij", repeat=3)]
    for start in range(0, len(names), 100):
        tallies = {}
        for name in names[start : start + 100]:
            tallies[name] = Tally(None, "acme-guard", name, kept=True)
            tallies[name].causes[Cause.LOW_CONFIDENCE] = 2 if name == "abc" else 1
        store.add(tallies)
        assert sum(store.counts(None).values()) <= 200
    assert any(word.word == "abc" for word in store.list(None, WordState.OPEN, limit=1))
    store.close()

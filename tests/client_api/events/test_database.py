"""The event sink in PostgreSQL: one row an event, whatever happens to the database."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from sqlalchemy import create_engine, inspect, text

from bench.processes import eventually, free_ports
from client_api.events.database import DatabaseStore
from client_api.events.record import event_of
from client_api.mapping.gateway import Item
from client_api.review.words import StoreError
from client_api.settings import Settings
from tests.support.command_line import mapper
from tests.support.fake_model import HATE, FakeGateway, facade, model
from tests.support.postgres import Postgres, postgres
from tests.support.serving import running_facade

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def quiet() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    yield
    structlog.reset_defaults()


def rows(database: Postgres) -> int:
    """Of the table, which the first event creates."""
    engine = create_engine(database.url.replace("postgresql:", "postgresql+psycopg:"))
    if not inspect(engine).has_table("mapper_events"):
        return 0
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM mapper_events")).scalar_one())


@pytest.mark.usefixtures("quiet")
def test_events_outlive_an_outage_and_become_evidence(database: Postgres, tmp_path: Path) -> None:
    with facade(events_url=database.url, budget_ms=60_000.0) as client:
        client.post("/map", json=HATE)
        eventually(lambda: rows(database) == 1)
        database.stop()
        client.post("/map", json=HATE | {"output": "violence"})
        eventually(lambda: "event sink" in str(client.get("/health").json()["reasons"]))
        database.start()
    assert rows(database) == 2

    settings = Settings(port=free_ports(1)[0])
    out = tmp_path / "evidence"
    with running_facade(settings, lambda _: FakeGateway()) as url:
        arguments = ("evidence", "--database", "--out", str(out), "--json")
        done = mapper(url, *arguments, events_url=database.url)
        unset = mapper(url, *arguments, events_url="")
        gone = mapper(
            url,
            *("evidence", "--database", "--out", str(tmp_path / "none")),
            events_url=f"postgresql://postgres:secret@127.0.0.1:{free_ports(1)[0]}/x",
        )
    assert json.loads(done.stdout)["answers"] == 2
    assert unset.exit_code == 2
    assert gone.exit_code == 1
    assert "secret" not in gone.stderr


def test_an_event_that_is_sent_again_is_one_row_and_old_ones_go(database: Postgres) -> None:
    store = DatabaseStore(database.url)
    store.expire(datetime.now(UTC) + timedelta(days=1))
    item = Item("openai-moderation", "hate")
    event = event_of(item, model(item), lambda _, name: name)
    store.append([event, event])
    store.append([event])
    assert rows(database) == 1
    store.expire(datetime.now(UTC) - timedelta(days=1))
    assert rows(database) == 1
    store.expire(datetime.now(UTC) + timedelta(days=1))
    assert rows(database) == 0
    store.close()


def test_a_database_that_is_away_is_an_outage() -> None:
    store = DatabaseStore(f"postgresql://postgres@127.0.0.1:{free_ports(1)[0]}/x")
    with pytest.raises(StoreError):
        store.append([])

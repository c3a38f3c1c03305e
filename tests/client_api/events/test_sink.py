"""The event sink as Parquet files: what it keeps, for how long, and what an outage changes."""

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import structlog

from bench.processes import free_ports
from client_api.app import create_app
from client_api.events import sink as bounds
from client_api.events.parquet import ParquetStore
from client_api.events.sink import EventSink
from client_api.mapping.gateway import Item
from client_api.settings import Settings
from schemas.config.errors import ConfigError
from schemas.contract import FallbackReason
from tests.client_api.http.test_nothing_leaks import PLANTED, planted_requests
from tests.support.command_line import mapper
from tests.support.fake_model import HATE, FakeGateway, KeyFile, facade, model, samples
from tests.support.serving import running_facade

PATIENT = {"budget_ms": 60_000.0}


def kept(folder: Path) -> list[dict[str, Any]]:
    frames = [pl.read_parquet(file) for file in sorted(folder.rglob("*.parquet"))]
    return pl.concat(frames).sort("time", maintain_order=True).to_dicts() if frames else []


def test_each_answer_is_kept_once_and_no_refusal_is(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    key = {"Idempotency-Key": "one"}
    items = [HATE | {"output": "violence"}, {"detector": "", "output": "x"}]
    with facade(events_dir=folder, **PATIENT) as client:
        answers = [client.post("/map", json=HATE, headers=key).json() for _ in range(2)]
        client.post("/map/batch", json={"requests": items})
        client.post("/map", json={})
        client.post("/map", json={"detector": "acme-guard", "output": "new"})
    first, _, third = kept(folder)

    event = json.loads(first["event"])
    assert event == {name: answers[0][name] for name in answers[0] if name != "notes"}
    assert first["labels"] == answers[0]["taxonomy"]
    assert first["detector"] == "openai-moderation"
    assert first["time"] == datetime.fromisoformat(answers[0]["provenance"]["ts"])
    # A name that no file declares is a caller's text.
    assert third["detector"].startswith("#")
    assert "acme" not in third["event"]


def test_nothing_that_was_sent_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "events"
    keys = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    key = keys.create("acme", "map:write", "metrics:read", "admin")
    chosen = {"keys_file": keys.path, "rate_limit_key": "off", "events_dir": folder} | PATIENT
    with facade(FakeGateway(), **chosen) as client:
        for request in planted_requests():
            client.request(**request | {"headers": key | request.get("headers", {})})
    rows = kept(folder)

    assert len(rows) > 5
    assert {row["tenant"] for row in rows} == {"acme"}
    assert PLANTED not in str(rows)
    for path in folder.rglob("*"):
        assert PLANTED not in str(path)
        assert path.is_dir() or PLANTED.encode() not in path.read_bytes()


@pytest.fixture
def quiet() -> Iterator[None]:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("quiet")
def test_evidence_is_made_of_the_folder(tmp_path: Path) -> None:
    folder, out = tmp_path / "events", tmp_path / "evidence"
    with facade(events_dir=folder, **PATIENT) as client:
        for output in ("hate", "violence"):
            client.post("/map", json=HATE | {"output": output})
    settings = Settings(port=free_ports(1)[0])
    with running_facade(settings, lambda _: FakeGateway()) as url:
        done = mapper(url, "evidence", str(folder), "--out", str(out), "--json")
        [file] = folder.rglob("*.parquet")
        one = mapper(url, "evidence", str(file), "--out", str(tmp_path / "two"), "--json")
        (tmp_path / "no.parquet").write_text("text")
        bad = mapper(url, "evidence", str(tmp_path / "no.parquet"), "--out", str(tmp_path / "3"))

    assert json.loads(done.stdout)["answers"] == json.loads(one.stdout)["answers"] == 2
    assert json.loads(done.stdout)["incident"] == 2
    assert mapper(url, "evidence", "--verify", str(out)).exit_code == 0
    assert bad.exit_code == 1
    assert "is not Parquet" in bad.stderr


def sink_of(folder: Path, lost: list[int]) -> EventSink:
    """A sink whose thread does not run; `flush` is called by the test."""
    known = {"openai-moderation": "openai-moderation"}
    return EventSink(
        ParquetStore(folder),
        lambda _, name: known.get(name),
        retention_days=30,
        on_dropped=lost.append,
    )


def answer(sink: EventSink, *outputs: str) -> None:
    for output in outputs:
        item = Item("openai-moderation", output)
        sink.record(item, model(item))


def test_events_wait_for_a_store_that_is_out_and_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MAX_WAITING", 4)
    folder, lost = tmp_path / "events", list[int]()
    sink = sink_of(folder, lost)
    shutil.rmtree(folder)
    folder.write_text("no folder")
    answer(sink, "hate", "violence")
    sink.flush()
    assert sink.problem
    answer(sink, "hate", "hate", "hate")
    assert lost == [1]
    sink.flush()
    folder.unlink()
    folder.mkdir()
    sink.flush()
    assert sink.problem is None
    assert len(kept(folder)) == 4
    sink.flush()
    assert len(kept(folder)) == 4
    assert not list(folder.rglob("*.part"))


def test_what_a_store_does_not_take_at_the_end_is_counted(tmp_path: Path) -> None:
    folder, lost = tmp_path / "events", list[int]()
    sink = sink_of(folder, lost)
    shutil.rmtree(folder)
    folder.write_text("no folder")
    sink.start()
    answer(sink, "hate", "violence")
    sink.close()
    assert sum(lost) == 2


def test_days_older_than_the_retention_are_deleted(tmp_path: Path) -> None:
    lost: list[int] = []
    sink = sink_of(tmp_path, lost)
    now = datetime.now(UTC)
    for days in (0, 29, 31, 400):
        day = tmp_path / f"date={now - timedelta(days=days):%Y-%m-%d}"
        day.mkdir(exist_ok=True)
        (day / "old.parquet").touch()
    (tmp_path / "date=notes").mkdir()
    sink.flush()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        "date=notes",
        *(f"date={now - timedelta(days=days):%Y-%m-%d}" for days in (0, 29)),
    }


def test_off_by_default_and_lost_events_have_a_series(tmp_path: Path) -> None:
    with facade() as client:
        assert samples(client)["mapper_events_dropped_total",] == 0
    assert Settings().events_dir is None
    assert Settings().events_url is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"events_url": "sqlite:////tmp/x"}, "not a URL such as postgresql://"),
        ({"events_url": "no url"}, "not the URL"),
        ({"events_dir": "/dev/null/x"}, "Not a directory"),
    ],
)
def test_a_sink_that_cannot_be_is_refused_at_the_start(
    settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        create_app(Settings(**settings), lambda _: FakeGateway())


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "client_api.events.parquet")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigError, match=r"needs polars; .make \.venv/\.events"):
        create_app(Settings(events_dir=tmp_path), lambda _: FakeGateway())


def test_two_sinks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is one sink"):
        Settings(events_dir=tmp_path, events_url="postgresql://x")


def test_answers_by_rules_are_kept_too(tmp_path: Path) -> None:
    with facade(events_dir=tmp_path, mode="rules_only") as client:
        client.post("/map", json=HATE)
    [row] = kept(tmp_path)
    event = json.loads(row["event"])
    assert (event["source"], event["fallback_reason"]) == ("rules", FallbackReason.RULES_ONLY)

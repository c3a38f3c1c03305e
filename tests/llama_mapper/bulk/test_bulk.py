"""`mapper bulk`: files in and out, each different output asked once, and a killed run goes on."""

import csv
import gzip
import json
import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from bench.processes import free_ports
from client_api.settings import Settings
from llama_mapper import RetryPolicy, TransportError
from llama_mapper.bulk import Bulk, Endpoints, Progress, UsageError, job
from llama_mapper.bulk.rows import text_blocks
from tests.support.command_line import mapper, started
from tests.support.fake_model import FakeGateway
from tests.support.serving import running_facade

HATE, DETECTOR = "HARM.SPEECH.Hate.Other", "openai-moderation"


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def served(gateway: FakeGateway, tmp_path: Path) -> Iterator[str]:
    with running_facade(patient(tmp_path), lambda _: gateway) as url:
        yield url


def patient(folder: Path) -> Settings:
    """A facade whose model is never late, however busy the machine is."""
    long = {"budget_ms": 60_000, "batch_budget_ms": 60_000, "canary_timeout_s": 60}
    return Settings(port=free_ports(1)[0], mode_state_file=folder / "mode.json", **long)


def rows(count: int, different: int = 7) -> list[dict[str, Any]]:
    return [
        {
            "id": i,
            "detector": DETECTOR,
            "output": said(i % different),
            "at": f"2026-0{1 + i % 2}-03",
        }
        for i in range(count)
    ]


def said(number: int) -> str:
    return f"hate w{number}"


def as_lines(found: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in found).encode()


def read_lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def asked(gateway: FakeGateway) -> list[str]:
    return sorted(output for call in gateway.asked for output in call)


def test_a_whole_line_is_an_output_where_asked(
    served: str, gateway: FakeGateway, tmp_path: Path
) -> None:
    source, target = tmp_path / "collected.jsonl", tmp_path / "mapped.jsonl"
    source.write_text('{"hate": true}\n[1]\n')
    done = mapper(
        served, "bulk", str(source), str(target), "--detector", DETECTOR, "--output-column", "@"
    )
    assert [json.loads(output) for output in asked(gateway)] == [{"hate": True}]
    assert read_lines(target.read_bytes())[0]["mapped"]["taxonomy"] == [HATE]
    assert done.exit_code == 1  # a list is no row
    [bad] = read_lines((tmp_path / "mapped.jsonl.bad.jsonl").read_bytes())
    assert bad["reason"] == "the line is not a JSON object"


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_lines_keep_their_text_and_get_the_answer(
    served: str, gateway: FakeGateway, tmp_path: Path, ending: str
) -> None:
    packed = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[ending]
    unpacked = {
        "": bytes,
        ".gz": gzip.decompress,
        ".zst": lambda data: zstandard.ZstdDecompressor().stream_reader(data).read(),
    }[ending]
    (tmp_path / f"in.jsonl{ending}").write_bytes(packed(as_lines(rows(500))))
    out = tmp_path / f"out.jsonl{ending}"
    done = mapper(served, "bulk", str(tmp_path / f"in.jsonl{ending}"), str(out))
    assert done.exit_code == 0, done.stderr
    found = read_lines(unpacked(out.read_bytes()))
    assert [{k: v for k, v in row.items() if k != "mapped"} for row in found] == rows(500)
    assert {tuple(row["mapped"]["taxonomy"]) for row in found} == {(HATE,)}
    assert asked(gateway) == sorted(map(said, range(7)))
    assert "500 rows mapped, 7 different, 0 bad" in done.stdout
    assert not Path(f"{out}.work").exists()


def test_csv_of_several_files_gets_columns(served: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        lines = [f'{name}{i},"hate, ""w{i % 3}""\n"' for i in range(5)]
        (tmp_path / f"{name}.csv").write_text("id,said\n" + "\n".join(lines) + "\n")
    out = tmp_path / "out.csv"
    arguments = (str(tmp_path / "[ab].csv"), str(out), "--detector", DETECTOR)
    done = mapper(served, "bulk", *arguments, "--output-column", "said", "--json")
    assert json.loads(done.stdout)["distinct"] == 3
    with out.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["id"] for row in found] == [f"{n}{i}" for n in "ab" for i in range(5)]
    assert found[0]["said"] == 'hate, "w0"\n'
    assert {row["mapped_source"] for row in found} == {"model"}


@pytest.mark.parametrize("nested", [False, True])
def test_parquet_gets_columns(served: str, tmp_path: Path, nested: bool) -> None:
    outputs = [{"label": said(i % 3)} if nested else said(i % 3) for i in range(50)]
    detectors = [None if i == 7 else DETECTOR for i in range(50)]
    frame = pl.DataFrame({"id": range(50), "detector": detectors, "output": outputs})
    frame.write_parquet(tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    done = mapper(served, "bulk", str(tmp_path / "in.parquet"), str(out))
    assert done.exit_code == 1, done.stderr
    found = pl.read_parquet(out)
    assert found["id"].to_list() == [i for i in range(50) if i != 7]
    assert found["output"].to_list() == [o for i, o in enumerate(outputs) if i != 7]
    assert found["mapped_taxonomy"].to_list() == [[HATE]] * 49
    (bad,) = read_lines(Path(f"{out}.bad.jsonl").read_bytes())
    assert (bad["line"], bad["row"]["id"]) == (8, 7)


def test_standard_input_is_a_source(served: str, tmp_path: Path) -> None:
    with started(served, "bulk", "-", str(tmp_path / "o.jsonl"), "--format", "jsonl") as process:
        _, told = process.communicate(as_lines(rows(10)))
        assert process.returncode == 0, told
    assert len(read_lines((tmp_path / "o.jsonl").read_bytes())) == 10


def test_bad_rows_are_aside_with_their_reasons(served: str, tmp_path: Path) -> None:
    bad = [
        b"{\n",
        b"[]\n",
        b'{"detector": "d"}\n',
        b'{"detector": 5, "output": "o"}\n',
        b'{"detector": "d", "output": "\\ud800"}\n',
        b'{"detector": "d", "output": "\xff"}\n',
        b'{"detector": "", "output": "o"}\n',
        b'{"detector": "d", "output": NaN}\n',
        b'{"detector": "d", "output": "' + b"x" * 70_000 + b'"}\n',
    ]
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(2)) + b"\n" + b"".join(bad))
    out = tmp_path / "out.jsonl"
    done = mapper(served, "bulk", str(tmp_path / "in.jsonl"), str(out))
    assert done.exit_code == 1
    assert len(read_lines(out.read_bytes())) == 2
    aside = read_lines(Path(f"{out}.bad.jsonl").read_bytes())
    assert sorted(one["line"] for one in aside) == list(range(4, 13))
    reasons = {one["line"]: one["reason"] for one in aside}
    assert "not JSON" in reasons[4]
    assert "'output' is missing" in reasons[6]
    assert "PAYLOAD_TOO_LARGE" in reasons[12]


def test_the_report_counts_labels_by_detector_and_time(served: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(
        as_lines([*rows(20), {"detector": "<b>", "output": "", "at": None}])
    )
    out = tmp_path / "out.jsonl"
    arguments = (str(tmp_path / "in.jsonl"), str(out), "--time-column", "at", "--monthly")
    assert mapper(served, "bulk", *arguments).exit_code == 0
    report = json.loads(Path(f"{out}.report.json").read_bytes())
    assert report["labels"] == {HATE: 20, "OTHER.Unknown": 1}
    assert report["periods"] == {"2026-01": {HATE: 10}, "2026-02": {HATE: 10}}
    assert report["detectors"][DETECTOR] == {"rows": 20, "labels": {HATE: 20}}
    assert [one["detector"] for one in report["review"]] == ["<b>"]
    assert sum(step["rows"] for step in report["confidence"]) == 21
    page = Path(f"{out}.report.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "src=" not in page
    assert "http" not in page
    assert f"| {HATE} | 20 |" in Path(f"{out}.report.md").read_text()
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(10)))
    again = (*arguments, "--force", "--earlier", f"{out}.report.json", "--json")
    changes = json.loads(mapper(served, "bulk", *again).stdout)["changes"]
    assert {one["label"]: one["share"] for one in changes} == {HATE: 1.0, "OTHER.Unknown": 0.0}


def test_a_run_goes_on_after_the_service_was_lost(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "text_blocks", lambda *args: text_blocks(*args, size=10))
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(100, different=50)))
    run = (str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))

    class LostError(Exception):
        pass

    def lose(done: object) -> None:
        if getattr(done, "rows", 0) == 30:
            raise LostError

    with running_facade(patient(tmp_path), lambda _: gateway) as url:
        with pytest.raises(LostError):
            Bulk(*run, Endpoints([url])).run(lose)
        # As a process that was killed while it wrote.
        with (tmp_path / "out.jsonl.work/answers.jsonl").open("ab") as journal:
            journal.write(b'{"pair": ["d", "o", tr')
        (tmp_path / "out.jsonl.work/part-0000003").write_bytes(b"half a ")
        with pytest.raises(UsageError, match="of a run over other files"):
            Bulk(*run, Endpoints([url], threshold=0.5)).run()
        told: list[Progress] = []
        report = Bulk(*run, Endpoints([url])).run(told.append)
    assert report["mapped"] == 100
    assert [done.rows for done in told] == list(range(10, 101, 10))
    assert told[-1].share == 1
    assert [done.rows_per_s is None for done in told] == [True] * 3 + [False] * 7
    assert [row["id"] for row in read_lines((tmp_path / "out.jsonl").read_bytes())] == list(
        range(100)
    )
    assert asked(gateway) == sorted(map(said, range(50)))


@pytest.mark.heavy
def test_a_killed_process_neither_loses_nor_repeats_a_row(
    served: str, gateway: FakeGateway, tmp_path: Path
) -> None:
    count = 350_000
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(count, different=200)))
    run = ("bulk", str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))
    kills = 0
    while not (tmp_path / "out.jsonl").exists():
        with started(served, *run) as process:
            assert process.stderr
            # A line a block that is done; the first one of a new process repeats those of before.
            for _ in range(kills + 1):
                process.stderr.readline()
            os.kill(process.pid, signal.SIGKILL)
        kills += 1
        assert kills < 9
    assert kills > 2
    with started(served, *run) as process:
        process.communicate()
    found = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["id"] for line in found] == list(range(count))
    assert asked(gateway) == sorted(map(said, range(200)))


def test_several_endpoints_share_the_work_and_a_lost_one_is_left_out(
    served: str, tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(300, different=300)))
    run = (str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))
    assert Bulk(*run, Endpoints(["http://127.0.0.1:1", served])).run()["mapped"] == 300


class _GivesNoAnswer(BaseHTTPRequestHandler):
    """Alive, and lost in the middle of every batch."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def test_the_batch_of_an_endpoint_that_is_lost_in_it_goes_to_another(
    served: str, gateway: FakeGateway, tmp_path: Path
) -> None:
    """With `WAITING` a client waits for minutes for a lost service."""
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(300, different=300)))
    run = (str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _GivesNoAnswer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            endpoints = [f"http://127.0.0.1:{server.server_port}", served]
            assert Bulk(*run, Endpoints(endpoints)).run()["mapped"] == 300
        finally:
            server.shutdown()
            thread.join()
    assert asked(gateway) == sorted(map(said, range(300)))


def test_a_run_ends_when_all_endpoints_are_lost(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(3)))
    run = (str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"))
    with pytest.raises(TransportError):
        Bulk(*run, Endpoints(["http://127.0.0.1:1"], retry=RetryPolicy(2, base_s=0))).run()

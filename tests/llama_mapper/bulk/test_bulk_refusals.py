"""What `mapper bulk` refuses: files that are damaged or do not fit, and wrong options."""

import gzip
from pathlib import Path

import pytest

from bench.processes import eventually
from llama_mapper import MapperError
from llama_mapper.bulk import Bulk, Columns, Endpoints
from tests.llama_mapper.bulk.test_bulk import as_lines, rows
from tests.support.command_line import mapper, started


@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ("none.jsonl", "o.jsonl", "no such file"),
        ("in.jsonl", "o.csv", "is csv"),
        ("in.jsonl", "o.txt", "must end in one of"),
        ("in.csv", "o.csv", "no column 'detector'"),
        ("twice.csv", "o.csv", "rename it"),
        ("in.jsonl", "in.jsonl", "exists"),
    ],
)
def test_what_does_not_fit_together_is_wrong_usage(
    url: str, tmp_path: Path, source: str, target: str, problem: str
) -> None:
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(1)))
    (tmp_path / "in.csv").write_text("name,output\nd,o\n")
    (tmp_path / "twice.csv").write_text("detector,output,mapped_source\nd,o,x\n")
    done = mapper(url, "bulk", str(tmp_path / source), str(tmp_path / target))
    assert done.exit_code == 2, done.stdout
    assert problem in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("in.jsonl.gz", gzip.compress(as_lines(rows(900)))[:-20]),
        ("in.jsonl.gz", b"no gzip"),
        ("in.csv.zst", b"no zstd"),
        ("in.parquet", b"no parquet"),
    ],
)
def test_a_damaged_file_is_named(url: str, tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    out = tmp_path / name.replace("in", "out")
    done = mapper(url, "bulk", str(tmp_path / name), str(out))
    assert done.exit_code == 1, done.stderr
    assert name in done.stderr
    assert not out.exists()


def test_an_earlier_report_must_be_one(url: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(1)))
    arguments = (str(tmp_path / "in.jsonl"), str(tmp_path / "o.jsonl"), "--earlier")
    assert mapper(url, "bulk", *arguments, str(tmp_path / "in.jsonl")).exit_code == 2
    assert mapper(url, "bulk", *arguments, str(tmp_path / "none")).exit_code == 1


def test_a_second_process_keeps_away(url: str, tmp_path: Path) -> None:
    run = ("bulk", "-", str(tmp_path / "o.jsonl"), "--format", "jsonl")
    with started(url, *run) as first:
        assert first.stdin
        eventually(lambda: (tmp_path / "o.jsonl.work/answers.jsonl").exists())
        second = mapper(url, *run, stdin=as_lines(rows(1)))
        assert second.exit_code == 2
        assert "another process" in second.stderr
        first.stdin.close()
        assert first.wait(60) == 0


def test_a_refusal_stops_the_run_and_keeps_it(url: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(3)))
    arguments = (str(tmp_path / "in.jsonl"), str(tmp_path / "o.jsonl"))
    done = mapper(url, "bulk", *arguments, "--taxonomy", "none")
    assert done.exit_code == 1
    assert "the same command goes on" in done.stderr
    with pytest.raises(MapperError):
        Bulk(*arguments, Endpoints([url], taxonomy="none"), Columns()).run()

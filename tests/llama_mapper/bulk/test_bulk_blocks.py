"""Blocks of `mapper bulk`: rows of any width are mapped in blocks of bounded size."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from bench.harness.stand_in import TritonStandIn
from llama_mapper.bulk import Bulk, Progress, UsageError
from llama_mapper.bulk.triton import TritonEndpoints
from tests.llama_mapper.bulk.test_bulk import as_lines, rows, said
from tests.support.fake_model import model

#: 40 wide rows are more than a block.
COUNT, DIFFERENT = 40, 3
#: Prints the peak of its own memory, in KB.
MEASURED = """
import re, sys
from pathlib import Path
from llama_mapper.bulk import Bulk
from llama_mapper.bulk.triton import TritonEndpoints
Bulk(*sys.argv[1:3], TritonEndpoints(sys.argv[3:])).run()
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.fixture
def triton() -> TritonStandIn:
    return TritonStandIn(model)


@pytest.fixture
def place(triton: TritonStandIn) -> Iterator[TritonEndpoints]:
    with triton.running() as address:
        yield TritonEndpoints([address])


def wide_rows(count: int, different: int = 7) -> list[dict[str, Any]]:
    """Each has a million characters besides its output."""
    texts = [f"text{number}" for number in range(10)]
    return [
        row | {name: f"{row['id']} " + "x" * 100_000 for name in texts}
        for row in rows(count, different)
    ]


def write_lines(file: Path, found: list[dict[str, Any]]) -> None:
    with file.open("wb") as lines:
        lines.writelines(as_lines([row]) for row in found)


def write_csv(file: Path, found: list[dict[str, Any]]) -> None:
    with file.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, found[0])
        writer.writeheader()
        writer.writerows(found)


def write_table(file: Path, found: list[dict[str, Any]]) -> None:
    pl.DataFrame(found).write_parquet(file)


def ids_of_lines(file: Path) -> list[int]:
    return [json.loads(line)["id"] for line in file.open()]


def ids_of_csv(file: Path) -> list[int]:
    with file.open(newline="") as lines:
        return [int(row["id"]) for row in csv.DictReader(lines)]


def ids_of_table(file: Path) -> list[int]:
    return pl.read_parquet(file)["id"].to_list()


@pytest.mark.parametrize(
    ("ending", "write", "ids"),
    [
        (".jsonl", write_lines, ids_of_lines),
        (".csv", write_csv, ids_of_csv),
        (".parquet", write_table, ids_of_table),
    ],
)
def test_wide_rows_are_mapped_in_smaller_blocks(
    tmp_path: Path,
    triton: TritonStandIn,
    place: TritonEndpoints,
    ending: str,
    write: Callable[[Path, list[dict[str, Any]]], None],
    ids: Callable[[Path], list[int]],
) -> None:
    """A killed run goes on with the same blocks."""
    source, target = tmp_path / f"in{ending}", tmp_path / f"out{ending}"
    write(source, wide_rows(COUNT, DIFFERENT))

    class StopError(Exception):
        pass

    def stop(done: Progress) -> None:
        raise StopError

    with pytest.raises(StopError):
        Bulk(str(source), str(target), place).run(stop)
    told: list[Progress] = []
    report = Bulk(str(source), str(target), place).run(told.append)
    assert [done.rows for done in told] == [told[0].rows, COUNT]
    assert told[0].rows < COUNT
    assert told[0].rows_per_s is None
    assert report["labels"] == {"HARM.SPEECH.Hate.Other": COUNT}
    assert ids(target) == list(range(COUNT))
    assert sorted(item.output for items in triton.asked for item in items) == [
        said(number) for number in range(DIFFERENT)
    ]


def test_narrow_rows_may_precede_wide_ones(tmp_path: Path, place: TritonEndpoints) -> None:
    texts = [name for name in wide_rows(1)[0] if name.startswith("text")]
    write_table(tmp_path / "1.parquet", [row | dict.fromkeys(texts, "") for row in rows(5_000)])
    write_table(tmp_path / "2.parquet", wide_rows(COUNT))
    out = tmp_path / "out.parquet"
    told: list[Progress] = []
    Bulk(str(tmp_path / "[12].parquet"), str(out), place).run(told.append)
    assert [done.rows for done in told][::2] == [5_000, 5_000 + COUNT]
    assert ids_of_table(out) == [*range(5_000), *range(COUNT)]


@pytest.mark.heavy
@pytest.mark.parametrize(("ending", "write"), [(".jsonl", write_lines), (".parquet", write_table)])
def test_the_peak_of_memory_does_not_grow_with_the_width_of_rows(
    tmp_path: Path,
    place: TritonEndpoints,
    ending: str,
    write: Callable[[Path, list[dict[str, Any]]], None],
) -> None:
    """300 MB of rows. The peak is that of the process that maps."""
    source, target = tmp_path / f"in{ending}", tmp_path / f"out{ending}"
    write(source, wide_rows(300))
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, source, target, *place.addresses],
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(ran.stdout) < 400_000


def test_a_work_folder_of_an_earlier_version_is_refused(
    tmp_path: Path, place: TritonEndpoints
) -> None:
    """It has blocks of other sizes, so that rows would be lost or repeated."""
    write_lines(tmp_path / "in.jsonl", rows(10))
    run = (str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl"), place)

    def stop(done: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Bulk(*run).run(stop)
    kept = tmp_path / "out.jsonl.work" / "run.json"
    told = json.loads(kept.read_bytes())
    kept.write_text(json.dumps({name: told[name] for name in ("sources", "columns", "asked")}))
    with pytest.raises(UsageError, match="by another version of llama-mapper: remove it"):
        Bulk(*run).run()

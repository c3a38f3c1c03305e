"""A run from files to files, block by block.

In: sources and a target. Out: the target, its bad rows, and the report. Memory holds a block,
and the answers of the different pairs.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llama_mapper.bulk.asking import PairMapper
from llama_mapper.bulk.columns import ADDED, Columns
from llama_mapper.bulk.pages import as_html, as_markdown
from llama_mapper.bulk.pairs import Answers
from llama_mapper.bulk.report import Report, make_report, read_report
from llama_mapper.bulk.rows import Block, CsvRows, JsonRows, text_blocks
from llama_mapper.bulk.streams import STDIN, Kind, Named, UsageError, sources
from llama_mapper.bulk.work import Work, join_bytes

#: Of the blocks and the journal in a work folder. A run of another form does not go on.
_FORM = 3


@dataclass(frozen=True, slots=True)
class Progress:
    """rows: done so far, those of an earlier process too. share: of the sources' bytes, None of
    standard input. rows_per_s, left_s: of this process; None before they are known."""

    rows: int
    share: float | None
    rows_per_s: float | None
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Bulk:
    """source: a file, a pattern, or `-` for standard input; target: a file of the same format. The
    endings .jsonl, .ndjson, .csv, .parquet, with .gz or .zst, say what they are. mapper: maps the
    different pairs. kind: of standard input. earlier: a report to compare with.
    """

    source: str
    target: str
    mapper: PairMapper
    columns: Columns = field(default_factory=Columns)
    kind: Kind | None = None
    earlier: Path | None = None

    def run(self, progress: Callable[[Progress], None] = lambda done: None) -> Report:
        """Map everything, or go on where a killed process stopped; returns the report.

        Raises UsageError, SourceError, OSError, MapperError when the service refuses.
        """
        found = sources(self.source, self.kind)
        target = Named.of(self.target)
        if target.kind is not found[0].kind:
            raise UsageError(f"{self.target} is {target.kind}, but {self.source} {found[0].kind}")
        earlier = None if self.earlier is None else read_report(self.earlier)
        work = Work(Path(self.target), self._run(found))
        answers = Answers(work.answers())
        try:
            blocks = 0
            watch = _Watch(sum(_size(one) for one in found if one.name != STDIN))
            for block in self._blocks(found, target):
                if not work.is_done(block.number):
                    watch.work()
                    self._map(block, work, answers)
                blocks += 1
                tally = work.tally(block.number)
                progress(watch.after(tally["mapped"] + tally["bad"], block.progress()))
            report = make_report(map(work.tally, range(blocks)), answers, earlier)
            reports = {
                ".report.json": json.dumps(report, indent=2) + "\n",
                ".report.md": as_markdown(report),
                ".report.html": as_html(report),
            }
            work.finish(blocks, reports, _joiner(target.kind))
        finally:
            answers.close()
            work.close()
        return report

    def _blocks(self, found: Sequence[Named], target: Named) -> Iterator[Block]:
        if target.kind is Kind.PARQUET:
            from llama_mapper.bulk.tables import table_blocks

            return table_blocks(found, self.columns)
        rows = JsonRows if target.kind is Kind.JSONL else CsvRows
        return text_blocks(found, rows(self.columns), target)

    def _map(self, block: Block, work: Work, answers: Answers) -> None:
        counts, unread = block.read()
        wanted = dict.fromkeys(pair for _, pair in counts)
        self.mapper.ask([pair for pair in wanted if pair not in answers], answers)
        mapped, refused = block.write(work.part(block.number), answers)
        numbered: Counter[tuple[str, int]] = Counter()
        for (period, pair), count in counts.items():
            numbered[period, answers[pair].number] += count
        bad = [*unread, *refused]
        tally = {
            "mapped": mapped,
            "bad": len(bad),
            "pairs": [[period, number, count] for (period, number), count in numbered.items()],
        }
        work.complete(block.number, bad, tally)

    def _run(self, found: Sequence[Named]) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        stats = [(one.name, *_identity(one)) for one in found]
        return {
            "form": [_FORM, *ADDED],
            "sources": stats,
            "columns": [getattr(self.columns, name) for name in self.columns.__slots__],
            "asked": self.mapper.options(),
        }


class _Watch:
    """Rows and bytes against the time. size: bytes of the sources, 0 where nobody knows."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rows = self._read = 0
        self._began: tuple[float, int, int] | None = None

    def work(self) -> None:
        """A block is mapped from now on."""
        self._began = self._began or (time.monotonic(), self._rows, self._read)

    def after(self, rows: int, read: int) -> Progress:
        """A block is complete."""
        self._rows, self._read = self._rows + rows, read
        share = min(read / self._size, 1.0) if self._size else None
        if self._began is None:
            return Progress(self._rows, share, None, None)
        then, rows_then, read_then = self._began
        seconds = max(time.monotonic() - then, 1e-3)
        pace = (read - read_then) / seconds
        left = (self._size - read) / pace if self._size and pace else None
        return Progress(self._rows, share, (self._rows - rows_then) / seconds, left)


def _joiner(kind: Kind) -> Callable[[Sequence[Path], Path], None]:
    if kind is Kind.PARQUET:
        from llama_mapper.bulk.tables import join_tables

        return join_tables
    return join_bytes


def _size(one: Named) -> int:
    return Path(one.name).stat().st_size


def _identity(one: Named) -> tuple[int, int]:
    if one.name == STDIN:
        return (0, 0)
    stat = Path(one.name).stat()
    return stat.st_size, stat.st_mtime_ns

"""`mapper batch`: rows of a file or of standard input, answered as they arrive."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from llama_mapper import (
    DEFAULT_URL,
    BatchResult,
    ItemError,
    MappedEvent,
    MapperError,
    MapRequest,
)
from llama_mapper.cli import show
from llama_mapper.cli.mapping import BudgetMs, View
from llama_mapper.cli.rows import Csv, HeaderError, JsonLines, Lines, Readable, Row, Rows
from llama_mapper.cli.service import Json, Tenant, Url, connected
from llama_mapper.contract import ErrorCode

#: The most rows sent together.
GROUP = 100


class Format(StrEnum):
    """Of the rows."""

    JSONL = "jsonl"
    CSV = "csv"


def batch(
    file: Annotated[
        Path, typer.Argument(help="JSON Lines or CSV (*.csv); `-` reads standard input")
    ],
    format_: Annotated[
        Format | None, typer.Option("--format", help="format of the rows; default: by file name")
    ] = None,
    taxonomy: View = None,
    wait_for_model: Annotated[
        bool, typer.Option("--wait-for-model", help="retry items if the model was late or lost")
    ] = False,
    budget_ms: BudgetMs = None,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Map rows with `detector` and `output`; a bad row is an error of its own.

    Rows of standard input are answered as they arrive. The answer to CSV is CSV, with --json JSON
    Lines.
    """
    is_csv = (format_ or file.suffix.lower().removeprefix(".")) == Format.CSV
    rows: Rows = Csv(as_json=as_json) if is_csv else JsonLines()
    counts = {"rows": 0, "mapped": 0, "errors": 0}
    with _opened(file) as stream, connected(url, tenant, as_json=as_json) as client:
        lines = Lines(stream)
        map_many = partial(
            client.map_many,
            taxonomy=taxonomy,
            wait_for_model=wait_for_model,
            budget_ms=budget_ms,
        )
        try:
            for group in _groups(rows.read(lines), lines):
                try:
                    outcomes = _mapped(map_many, group)
                except MapperError as error:
                    where = f"stopped at lines {group[0].line} to {group[-1].line}: "
                    show.refusal(error, url, as_json=as_json, where=where)
                    raise typer.Exit(1) from None
                for row, outcome in zip(group, outcomes, strict=True):
                    # Other fields of a row may have an escaped lone surrogate.
                    sys.stdout.buffer.write(rows.answer(row, outcome).encode("utf-8", "replace"))
                    counts["errors" if isinstance(outcome, ItemError) else "mapped"] += 1
                sys.stdout.flush()
                counts["rows"] += len(group)
        except HeaderError as error:
            raise typer.BadParameter(str(error)) from None
    _sum_up(counts, as_json=as_json)
    if counts["errors"]:
        raise typer.Exit(1)


def _opened(file: Path) -> AbstractContextManager[Readable]:
    try:
        # typeshed does not declare read1 of standard input.
        return (
            nullcontext(cast(Readable, sys.stdin.buffer)) if str(file) == "-" else file.open("rb")
        )
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None


def _groups(rows: Iterator[Row], lines: Lines) -> Iterator[list[Row]]:
    """The available rows together; does not wait while it has any."""
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == GROUP or lines.drained:
            yield group
            group = []
    if group:
        yield group


def _mapped(
    map_many: Callable[[list[MapRequest]], BatchResult], group: list[Row]
) -> list[MappedEvent | ItemError]:
    """The outcome of each row. Raises MapperError."""
    result = map_many([row.request for row in group if row.request])
    failed = {error.index: error for error in result.errors}
    answered = iter([event or failed[index] for index, event in enumerate(result.results)])
    return [
        next(answered)
        if row.request
        else ItemError(place, ErrorCode.INVALID_REQUEST, row.problem, False)
        for place, row in enumerate(group)
    ]


def _sum_up(counts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.note(show.as_line(counts))
    else:
        show.note(f"{counts['rows']} rows: {counts['mapped']} mapped, {counts['errors']} errors")

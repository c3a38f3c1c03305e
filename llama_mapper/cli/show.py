"""The output of commands: tables for people, or JSON.

Texts of the service may quote a detector's output: control characters are written as escapes, so
that no output moves the cursor of a terminal.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from llama_mapper import AccessError, ApiError, MappedEvent, MapperError, TransportError

_UNBOUNDED = 100_000


def as_line(value: Any) -> str:
    """JSON in one line."""
    return json.dumps(value, ensure_ascii=False)


def data(value: Any) -> None:
    """A JSON document on standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def plain(value: Any) -> str:
    """A value as text without control characters."""
    text = value if isinstance(value, str) else as_line(value)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def line(text: str) -> None:
    """A line on standard output."""
    typer.echo(plain(text))


def note(text: str) -> None:
    """A line on standard error."""
    typer.echo(plain(text), err=True)


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows under heads on standard output; one line per row in a file or a pipe."""
    grid = Table(*heads, box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in grid.columns:
        column.overflow = "fold"
    for row in rows:
        grid.add_row(*(Text(_cell(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_UNBOUNDED)
    console.print(grid)


def event(found: MappedEvent) -> None:
    """An answer: labels, source, and with `explain` its signals."""
    table(
        ("label", "score", "confidence"),
        (
            (label, found.scores.get(label, ""), found.label_confidence.get(label, ""))
            for label in found.taxonomy
        ),
    )
    reason = f", because of {found.fallback_reason}" if found.fallback_reason else ""
    line(f"answered by {found.source}{reason}; confidence {found.confidence}")
    if found.notes:
        line(found.notes)
    if found.signals:
        typer.echo()
        columns = ("name", "score", "labels", "source", "confidence")
        rows = ([signal.get(column) for column in columns] for signal in found.signals)
        table(("signal", *columns[1:]), rows)
    if found.reading is not None:
        pairs(found.reading)


def pairs(values: Mapping[str, Any]) -> None:
    """Names and values, one line each."""
    wide = max(map(len, values), default=0)
    for name, value in values.items():
        line(f"{name:{wide}}  {_cell(value)}")


def problem(message: str, hint: str = "", *, as_json: bool, **facts: Any) -> None:
    """A problem on standard error, with a remedy."""
    if as_json:
        typer.echo(as_line({"error": {"message": message, "hint": hint, **facts}}), err=True)
        return
    note(f"error: {message}")
    if hint:
        note(hint)


def refusal(error: MapperError, url: str, *, as_json: bool, where: str = "") -> None:
    """A failure of a call on standard error. where: its place, such as a row."""
    facts: dict[str, Any] = {}
    if isinstance(error, ApiError):
        facts = {
            "status": error.status,
            "error_code": error.error_code,
            "retryable": error.retryable,
            "request_id": error.request_id,
        }
    problem(where + str(error), _hint(error, url), as_json=as_json, **facts)


def _hint(error: MapperError, url: str) -> str:
    if isinstance(error, TransportError):
        return f"called {url}; start the service or set MAPPER_URL, or run `mapper doctor`"
    if isinstance(error, AccessError):
        return "set MAPPER_KEY to a key that allows this, and MAPPER_TENANT to its own tenant"
    return ""


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    return "" if value is None else plain(value)

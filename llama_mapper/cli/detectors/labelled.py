"""`mapper detectors test`: labelled outputs compared with the service's current answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from llama_mapper import DEFAULT_URL, MappedEvent, MapRequest
from llama_mapper.cli import show
from llama_mapper.cli.detectors.text import read_text
from llama_mapper.cli.service import Json, Tenant, Url, connected


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    request: MapRequest
    gold: frozenset[str]


def compare(
    file: Annotated[Path, typer.Argument(help="JSON Lines with detector, output and gold")],
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Map labelled outputs and list those with other labels; status 1 if there is one."""
    rows = list(_rows(file))
    with connected(url, tenant, as_json=as_json) as client:
        answers = client.map_many([row.request for row in rows], wait_for_model=True)
    refused = {error.index: error.message for error in answers.errors}
    wrong = [
        _wrong(row, answer, refused.get(index, ""))
        for index, (row, answer) in enumerate(zip(rows, answers.results, strict=True))
        if answer is None or set(answer.taxonomy) != row.gold
    ]
    right = len(rows) - len(wrong)
    if as_json:
        show.data({"rows": len(rows), "right": right, "wrong": wrong})
    else:
        if wrong:
            columns = ("line", "output", "gold", "answered", "confidence")
            show.table(columns, ([one[column] for column in columns] for one in wrong))
        show.line(f"{right} of {len(rows)} right")
    if wrong:
        raise typer.Exit(1)


def _wrong(row: _Row, answer: MappedEvent | None, refusal: str) -> dict[str, Any]:
    return {
        "line": row.line,
        "detector": row.request.detector,
        "output": row.request.output,
        "gold": sorted(row.gold),
        "answered": list(answer.taxonomy) if answer else refusal,
        "confidence": answer.confidence if answer else None,
    }


def _rows(file: Path) -> Iterator[_Row]:
    """Raises BadParameter for a wrong line."""
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            request = MapRequest(value["detector"], value["output"])
            yield _Row(number, request, frozenset(value["gold"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise typer.BadParameter(
                f"{file}, line {number}: is not an object with detector, output and gold"
            ) from None

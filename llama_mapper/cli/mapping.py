"""`mapper map`: one output."""

import json
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from llama_mapper import DEFAULT_URL
from llama_mapper.cli import show
from llama_mapper.cli.service import Json, Tenant, Url, connected

Threshold = Annotated[
    float | None, typer.Option(min=0, max=1, help="lowest confidence of the model's answer")
]
BudgetMs = Annotated[
    float | None, typer.Option("--budget-ms", min=1, help="milliseconds for the answer")
]
View = Annotated[
    str | None,
    typer.Option("--taxonomy", help="the view that names the labels; default: the canonical ones"),
]


def map_output(
    detector: Annotated[str, typer.Argument(help="the detector's name")],
    output: Annotated[
        str, typer.Argument(help="its output, text or JSON; `-` reads standard input")
    ] = "-",
    explain: Annotated[bool, typer.Option("--explain", help="show signals and reading")] = False,
    threshold: Threshold = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="a hint; VALUE is JSON, else text; repeatable"),
    ] = None,
    taxonomy: View = None,
    budget_ms: BudgetMs = None,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Map an output of a detector."""
    told = _standard_input() if output == "-" else _checked(output)
    hints = read_metadata(metadata or ())
    with connected(url, tenant, as_json=as_json) as client:
        event = client.map(
            _checked(detector),
            told,
            metadata=hints or None,
            threshold=threshold,
            budget_ms=budget_ms,
            explain=explain,
            taxonomy=taxonomy,
        )
    if as_json:
        show.data(event.raw)
    else:
        show.event(event)


def read_metadata(given: Iterable[str]) -> dict[str, Any]:
    """KEY=VALUE pairs; a value that is not JSON is a text. Raises BadParameter."""
    found: dict[str, Any] = {}
    for pair in map(_checked, given):
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{pair!r} is not KEY=VALUE")
        try:
            found[key] = json.loads(value, parse_constant=str)
        except (ValueError, RecursionError):
            found[key] = value
    return found


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise typer.BadParameter("standard input is not UTF-8") from None


def _checked(text: str) -> str:
    """The text. Raises BadParameter if it was not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise typer.BadParameter("the text is not UTF-8") from None
    return text

"""`mapper taxonomy` and `mapper versions`: the labels and versions of the service."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer

from llama_mapper import DEFAULT_URL
from llama_mapper._types import parse
from llama_mapper.cli import show
from llama_mapper.cli.service import Json, Tenant, Url, connected

Record = dict[str, Any]


def taxonomy(
    prefix: Annotated[
        str, typer.Argument(help="only labels with this prefix, such as HARM.SPEECH")
    ] = "",
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List the canonical labels."""

    def chosen(data: Record) -> Record:
        labels = [one for one in data["labels"] if one["name"].startswith(prefix)]
        return {"version": data["version"], "labels": labels}

    found = got("/taxonomy", chosen, url, tenant, as_json=as_json)
    if not found["labels"]:
        fail(f"no label begins with {prefix!r}", as_json=as_json)
    if as_json:
        show.data(found)
    else:
        show.table(("label", "description"), columns(found["labels"], "name", "description"))


def versions(url: Url = DEFAULT_URL, tenant: Tenant = None, as_json: Json = False) -> None:
    """Show the current versions: service, taxonomy, frameworks, rules, model, this client."""
    found = got("/version", dict, url, tenant, as_json=as_json)
    found["client"] = version("llama-mapper")
    if as_json:
        show.data(found)
    else:
        show.pairs({"service": found.pop("version", "")} | found)


def got(
    path: str,
    make: Callable[[Any], Record],
    url: str,
    tenant: str | None,
    *,
    as_json: bool,
) -> Record:
    """The result of `make` on the JSON at a path; a refusal ends the command."""
    with connected(url, tenant, as_json=as_json) as client:
        return parse(make, client.get(path))


def columns(records: Sequence[Record], *names: str) -> list[list[Any]]:
    """Rows of a table: the values of the given names."""
    return [[record.get(name) for name in names] for record in records]


def fail(problem: str, *, as_json: bool) -> NoReturn:
    """Print the problem and end with status 1."""
    show.problem(problem, as_json=as_json)
    raise typer.Exit(1)

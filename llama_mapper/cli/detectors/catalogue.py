"""`mapper detectors` and `mapper detectors show`: the curated detectors."""

import difflib
from typing import Annotated, Any

import typer

from llama_mapper import DEFAULT_URL
from llama_mapper.cli import show as screen
from llama_mapper.cli.catalogue import columns, fail, got
from llama_mapper.cli.service import Json, Tenant, Url

_COLUMNS = ("detector", "vendor", "entries", "aliases")


def names(url: str, tenant: str | None, *, as_json: bool) -> None:
    """List the curated detectors."""
    found = got("/detectors", dict, url, tenant, as_json=as_json)
    if as_json:
        screen.data({"version": found["version"], "detectors": found["detectors"]})
    else:
        screen.table(_COLUMNS, columns(found["detectors"], *_COLUMNS))


def show(
    name: Annotated[str, typer.Argument(help="a detector's name or alias")],
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Show a detector; `mapper detectors NAME` does the same."""
    known = got("/detectors", _named, url, tenant, as_json=as_json)
    one = known.get(name.lower())
    if one is None:
        near = difflib.get_close_matches(name.lower(), known, n=3)
        advice = f"; did you mean {' or '.join(near)}?" if near else ""
        fail(f"no detector {name!r} is curated{advice}", as_json=as_json)
    if as_json:
        screen.data(one)
    else:
        screen.pairs(one)


def _named(data: dict[str, Any]) -> dict[str, Any]:
    """The detector of each name and alias in lower case."""
    return {
        name.lower(): one
        for one in data["detectors"]
        for name in (*one["aliases"], one["detector"])
    }

"""`mapper detectors lint`, `diff` and `add`: files of your own, checked by the service."""

from pathlib import Path
from typing import Annotated, Any

import typer

from llama_mapper import DEFAULT_URL, MapperClient
from llama_mapper.cli import show
from llama_mapper.cli.detectors.text import read_text
from llama_mapper.cli.service import Json, Tenant, Url, connected

File = Annotated[Path, typer.Argument(help="a detector file, YAML; `-` reads standard input")]


def lint(file: File, url: Url = DEFAULT_URL, tenant: Tenant = None, as_json: Json = False) -> None:
    """Check a detector file: it is refused with errors; check its warnings again."""
    with connected(url, tenant, as_json=as_json) as client:
        found = _check(client, read_text(file))
    if as_json:
        show.data(found)
    else:
        _problems(file, found)
        errors = [one for one in found["problems"] if one["level"] == "error"]
        warnings = len(found["problems"]) - len(errors)
        show.line(f"{file}: {len(errors)} errors, {warnings} warnings")
    if not found["valid"]:
        raise typer.Exit(1)


def diff(file: File, url: Url = DEFAULT_URL, tenant: Tenant = None, as_json: Json = False) -> None:
    """Show the changes of a detector file to the served rules."""
    with connected(url, tenant, as_json=as_json) as client:
        found = _check(client, read_text(file))
    if not found["valid"]:
        _refuse(file, found, as_json=as_json)
    if as_json:
        show.data({"detector": found["detector"], "changes": found["changes"]})
    elif found["changes"]:
        show.table(("key", "word", "now", "then"), map(_cells, found["changes"]))
    else:
        show.line(f"{file}: changes nothing")


def add(file: File, url: Url = DEFAULT_URL, tenant: Tenant = None, as_json: Json = False) -> None:
    """Write a detector file to the service's folder, MAPPER_DETECTORS_DIR; it applies at once."""
    with connected(url, tenant, as_json=as_json) as client:
        text = read_text(file)
        found = _check(client, text)
        if not found["valid"]:
            _refuse(file, found, as_json=as_json)
        added = client.post("/detectors/add", {"file": text})
    if as_json:
        show.data(added)
    else:
        show.line(f"{added['detector']} is served from {added['name']}; rules {added['rules']}")


def _check(client: MapperClient, text: str) -> dict[str, Any]:
    found: dict[str, Any] = client.post("/detectors/check", {"file": text})
    return found


def _refuse(file: Path, found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show.problem(f"{file} has errors", as_json=True, problems=found["problems"])
    else:
        _problems(file, found)
    raise typer.Exit(1)


def _problems(file: Path, found: dict[str, Any]) -> None:
    for one in found["problems"]:
        place = f"{file}:{one['line']}" if one["line"] else f"{file}"
        show.line(f"{place}: {one['level']}: {one['key']} {one['problem']}")


def _cells(change: dict[str, Any]) -> list[Any]:
    return [change["key"], change["word"], change["before"], change["after"]]

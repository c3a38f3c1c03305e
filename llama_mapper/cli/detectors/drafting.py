"""`mapper detectors draft`: a file for a detector without curated entries, to be reviewed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from llama_mapper import DEFAULT_URL
from llama_mapper.cli import show
from llama_mapper.cli.detectors.text import read_text
from llama_mapper.cli.service import Json, Tenant, Url, connected

_File = typer.Option(exists=True, dir_okay=False, allow_dash=True)


def draft(
    name: Annotated[str, typer.Argument(help="the detector's name")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="its words, one per line; the meaning of an opaque one after a tab"
        ),
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="its outputs: JSON Lines, or one text per line"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="file to write; default: NAME.yaml")
    ] = None,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Draft a detector file from labels or outputs: doubtful entries first, then certain ones."""
    if (labels is None) == (outputs is None):
        raise typer.BadParameter("give --labels or --outputs")
    target = out or Path(f"{name.replace('/', '-')}.yaml")
    if target.exists():
        raise typer.BadParameter(f"{target} exists; name another with --out, or remove it")
    body: dict[str, Any] = {"detector": name}
    if labels is not None:
        body["words"] = list(_words(read_text(labels)))
    else:
        assert outputs is not None
        body["outputs"] = list(_outputs(read_text(outputs)))
    with connected(url, tenant, as_json=as_json) as client:
        made = client.post("/detectors/draft", body)
    target.write_text(made["file"], encoding="utf-8")
    if as_json:
        show.data(made)
        return
    doubtful = [entry for entry in made["entries"] if entry["state"] == "doubtful"]
    doubtful.sort(key=lambda entry: entry["confidence"])
    if doubtful:
        columns = ("word", "labels", "confidence", "why")
        show.table(columns, ([entry[column] for column in columns] for entry in doubtful))
    states = [entry["state"] for entry in made["entries"]]
    codes = states.count("code")
    show.line(
        f"{target}: {states.count('certain')} certain, {len(doubtful)} doubtful"
        f"{f', {codes} codes without a legend' if codes else ''}"
        f"{', a format' if 'outputs:' in made['file'] else ''}"
    )
    for note in made["notes"]:
        show.line(note)


def _words(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        word, _, legend = line.partition("\t")
        if word.strip():
            yield {"word": word.strip()} | ({"legend": legend.strip()} if legend.strip() else {})


def _outputs(text: str) -> Iterator[Any]:
    """The output of each line: JSON, or the member `output` of an object; or a text."""
    for line in filter(str.strip, text.splitlines()):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            yield line
            continue
        row = isinstance(value, dict) and "output" in value and value.keys() <= _ROW
        told = value["output"] if row else value
        yield told if isinstance(told, str | dict | list) else line


_ROW = {"detector", "output", "gold"}

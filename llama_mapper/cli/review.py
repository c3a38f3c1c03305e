"""`mapper review`: words to review, and reviewers' decisions about them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from llama_mapper import DEFAULT_URL
from llama_mapper._types import parse
from llama_mapper.cli import show
from llama_mapper.cli.service import Json, Tenant, Url, connected

Record = dict[str, Any]


class State(StrEnum):
    """The state of a word."""

    OPEN = "open"
    LATER = "later"
    IGNORED = "ignored"
    DECIDED = "decided"


review = typer.Typer(
    name="review",
    help="Review words of low confidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
Id = Annotated[int, typer.Argument(help="id of a word in `list`")]
Why = Annotated[str, typer.Option("--why", help="a reason, stored with the decision")]
Name = Annotated[
    str, typer.Option("--as", envvar="USER", help="your name, stored with the decision")
]
Everyone = Annotated[bool, typer.Option("--everyone", help="for all tenants; needs admin")]


@review.command("list")
def list_words(
    state: Annotated[State, typer.Option(help="their state")] = State.OPEN,
    limit: Annotated[int, typer.Option(min=1, max=200, help="most words to list")] = 50,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List words, the most frequent first."""
    with connected(url, tenant, as_json=as_json) as client:
        found: Record = parse(dict, client.get(f"/review?state={state}&limit={limit}"))
    if as_json:
        show.data(found)
        return
    rows = (
        [
            *(word["id"], word["detector"], word["word"], word["seen"]),
            ", ".join(word["causes"]),
            word["decided"] or word["labels"],
            word["proposal"],
            _nearest(word["neighbours"][:1]),
        ]
        for word in found["words"]
    )
    show.table(
        ("id", "detector", "word", "seen", "because of", "answer", "proposal", "nearest"), rows
    )
    counts = ", ".join(f"{count} {name}" for name, count in found["counts"].items())
    show.line(counts)


@review.command()
def drift(url: Url = DEFAULT_URL, tenant: Tenant = None, as_json: Json = False) -> None:
    """Show the outcomes of each detector's items, today and yesterday, and in the week before."""
    with connected(url, tenant, as_json=as_json) as client:
        found: Record = parse(dict, client.get("/review/drift"))
    if as_json:
        show.data(found)
        return
    rows = (
        [
            *(one["detector"], one["items"], one["reference_items"], one["new_words"]),
            *(_change(share) for share in one["shares"].values()),
            ", ".join(name for name, share in one["shares"].items() if share["drifted"]),
        ]
        for one in found["detectors"]
    )
    outcomes = ("unknown", "low confidence", "overridden", "unread")
    show.table(("detector", "items", "before", "new words", *outcomes, "drifted"), rows)


@review.command("show")
def show_word(
    word_id: Id, url: Url = DEFAULT_URL, tenant: Tenant = None, as_json: Json = False
) -> None:
    """Show a word with its history."""
    with connected(url, tenant, as_json=as_json) as client:
        _shown(parse(dict, client.get(f"/review/{word_id}")), as_json=as_json)


@review.command()
def accept(
    word_id: Id,
    why: Why = "",
    name: Name = "",
    everyone: Everyone = False,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Give a word the proposed labels."""
    body = {"action": "accept", "why": why, "reviewer": name, "everyone": everyone}
    _act(word_id, body, url, tenant, as_json=as_json)


@review.command()
def correct(
    word_id: Id,
    labels: Annotated[list[str], typer.Argument(help="labels of the taxonomy")],
    why: Why = "",
    name: Name = "",
    everyone: Everyone = False,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Give a word other labels."""
    body = {
        "action": "correct",
        "labels": labels,
        "why": why,
        "reviewer": name,
        "everyone": everyone,
    }
    _act(word_id, body, url, tenant, as_json=as_json)


def _simple(action: str, help_text: str) -> None:
    def command(
        word_id: Id,
        why: Why = "",
        name: Name = "",
        url: Url = DEFAULT_URL,
        tenant: Tenant = None,
        as_json: Json = False,
    ) -> None:
        body = {"action": action, "why": why, "reviewer": name}
        _act(word_id, body, url, tenant, as_json=as_json)

    review.command(action, help=help_text)(command)


_simple("ignore", "Leave a word unchanged, and do not list it again.")
_simple("later", "Postpone a word.")
_simple("undo", "Undo the last decision about a word.")


@review.command("export")
def export_decisions(
    folder: Annotated[
        Path | None, typer.Argument(help="folder for the detector files (YAML)")
    ] = None,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Write the decisions as detector files, or without a folder as labelled JSON Lines."""
    with connected(url, tenant, as_json=as_json) as client:
        found: Record = parse(dict, client.get("/review/export"))
    if as_json:
        show.data(found)
    elif folder is None:
        for row in found["rows"]:
            typer.echo(show.as_line(row))
    else:
        _write(folder, found["files"], as_json=as_json)
        show.line(f"{len(found['files'])} files in {folder}")


@review.command("import")
def import_decisions(
    paths: Annotated[
        list[Path], typer.Argument(exists=True, help="detector files, or folders of them")
    ],
    name: Name = "",
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Import the decisions of exported files."""
    files = [
        file
        for path in paths
        for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])
    ]
    if not files:
        show.problem("there is no *.yaml file", as_json=as_json)
        raise typer.Exit(1)
    try:
        texts = {str(file): file.read_text(encoding="utf-8") for file in files}
    except (OSError, UnicodeDecodeError) as error:
        show.problem(f"a file cannot be read: {error}", as_json=as_json)
        raise typer.Exit(1) from None
    with connected(url, tenant, as_json=as_json) as client:
        told: Record = parse(
            dict, client.post("/review/import", {"files": texts, "reviewer": name})
        )
    if as_json:
        show.data(told)
    else:
        show.line(f"{told['new']} new decisions")


def _act(word_id: int, body: Record, url: str, tenant: str | None, *, as_json: bool) -> None:
    with connected(url, tenant, as_json=as_json) as client:
        # The current version: the user of the command line has just seen the word.
        seen: Record = parse(dict, client.get(f"/review/{word_id}"))
        made = client.post(f"/review/{word_id}", body | {"version": seen["version"]})
        _shown(parse(dict, made), as_json=as_json)


def _change(share: Record) -> str:
    before, now = (
        "-" if part is None else f"{100 * part:.1f}"
        for part in (share["reference"], share["share"])
    )
    return f"{before} → {now} %"


def _nearest(neighbours: list[Record]) -> str:
    """Training texts with their labels."""
    return "; ".join(
        f"{one['phrase']} ({', '.join(one['labels'])}, {one['similarity']:.2f})"
        for one in neighbours
    )


def _shown(word: Record, *, as_json: bool) -> None:
    if as_json:
        show.data(word)
        return
    history = word.pop("history")
    show.pairs(word | {"neighbours": _nearest(word["neighbours"])})
    for one in history:
        labels = f" {', '.join(one['labels'])}" if one["labels"] else ""
        why = f": {one['why']}" if one["why"] else ""
        undone = f" (undone by {one['undone_by']})" if one["undone_by"] else ""
        show.line(f"{one['at']}  {one['action']}{labels} by {one['by']}{why}{undone}")


def _write(folder: Path, files: Record, *, as_json: bool) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            # The service chooses the names; none may point outside the folder.
            (folder / Path(name).name).write_text(text, encoding="utf-8")
    except OSError as error:
        show.problem(f"{folder}: {error.strerror}", as_json=as_json)
        raise typer.Exit(1) from None

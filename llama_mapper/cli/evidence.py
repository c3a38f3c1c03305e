"""`mapper evidence`: files for an auditor, from mapped outputs or from the facade's events."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from llama_mapper import DEFAULT_URL
from llama_mapper._types import parse
from llama_mapper.bulk import SourceError
from llama_mapper.bulk.streams import Named
from llama_mapper.cli import show
from llama_mapper.cli.service import Json, Tenant, Url, connected
from llama_mapper.evidence import (
    Answer,
    Catalogue,
    Columns,
    MappedRows,
    Outcome,
    Period,
    Rejected,
    find_inputs,
    read_answers,
    read_inputs,
    verify,
    write_evidence,
)
from llama_mapper.evidence.sink import database_lines

#: As the facade's own setting; a URL among the arguments would show its password to other users.
_DATABASE = "MAPPER_EVENTS_URL"


def evidence(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="files or patterns: JSON Lines of mapper batch; JSON Lines, CSV (.gz, .zst) or "
            "Parquet of mapper bulk; Parquet of an engine or of the event sink, or its folder; `-` "
            "for standard input"
        ),
    ] = None,
    database: Annotated[
        bool, typer.Option("--database", help=f"read the event sink's PostgreSQL, {_DATABASE}")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="folder to write, new or empty", file_okay=False)
    ] = None,
    by: Annotated[Period, typer.Option(help="the periods, in UTC")] = Period.MONTH,
    time_column: Annotated[
        str | None, typer.Option(help="in rows of `mapper bulk`: the field of the time, ISO")
    ] = None,
    detector_column: Annotated[
        str, typer.Option(help="in rows of `mapper bulk`: the field of the detector")
    ] = "detector",
    detector: Annotated[
        str | None, typer.Option(help="the detector of all rows of `mapper bulk`")
    ] = None,
    tenant_column: Annotated[
        str | None, typer.Option(help="in rows of `mapper bulk`: the field of the tenant")
    ] = None,
    plan: Annotated[
        str, typer.Option(help="the assessment plan that the OSCAL document refers to")
    ] = "#assessment-plan",
    check: Annotated[
        Path | None,
        typer.Option("--verify", help="check a folder of evidence, and write nothing"),
    ] = None,
    url: Url = DEFAULT_URL,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Write incidents by control, label, detector, tenant and period, with tamper-evident records.

    Controls come from the service; the files do not contain the texts of outputs. The exit status
    is 1 if a line is rejected; everything else is in the files.
    """
    if check is not None:
        if files or out or database:
            raise typer.BadParameter("--verify takes no FILES, no --database and no --out")
        _verify(check, as_json=as_json)
        return
    if not (files or database) or out is None:
        raise typer.BadParameter("give FILES or --database, and --out; or --verify")
    if database and not os.environ.get(_DATABASE):
        raise typer.BadParameter(f"--database needs {_DATABASE} in the environment")
    with connected(url, tenant, as_json=as_json) as client:
        answers = (client.get("/frameworks"), client.get("/detectors"))
        catalogue = parse(lambda both: Catalogue.of(*both), answers)
    rows = MappedRows(
        Columns(time_column, detector_column, tenant_column, fixed=detector), catalogue
    )
    try:
        inputs = find_inputs(files or ())
        summary = write_evidence(
            _read(inputs, rows, database=database),
            out,
            catalogue,
            period=by,
            made=datetime.now(UTC),
            plan=plan,
        )
    except FileExistsError:
        show.problem(f"{out} is not empty; name a new folder", as_json=as_json)
        raise typer.Exit(1) from None
    except OSError as error:
        show.problem(f"{error.filename}: {error.strerror}", as_json=as_json)
        raise typer.Exit(1) from None
    except ModuleNotFoundError as missing:
        extra = "postgresql" if missing.name == "psycopg" else "bulk"
        show.problem(
            f"{missing.name} is not installed: pip install 'llama-mapper[{extra}]'", as_json=as_json
        )
        raise typer.Exit(1) from None
    except (SourceError, ValueError) as error:
        show.problem(str(error), as_json=as_json)
        raise typer.Exit(1) from None
    counts = {
        "answers": summary.answers,
        **{f"{one}": summary.total(one) for one in Outcome},
        "rejected": summary.rejected,
    }
    if as_json:
        show.data({"folder": str(out), **counts})
    else:
        show.pairs(counts)
        show.line(f"written to {out}; keep or sign seal.json")
    if summary.rejected:
        raise typer.Exit(1)


def _verify(folder: Path, *, as_json: bool) -> None:
    problems = verify(folder)
    if as_json:
        show.data({"folder": str(folder), "problems": problems})
    else:
        for problem in problems or [f"{folder}: every record and file is unchanged since the seal"]:
            show.line(problem)
    if problems:
        raise typer.Exit(1)


def _read(inputs: list[Named], rows: MappedRows, *, database: bool) -> Iterator[Answer | Rejected]:
    if database:
        yield from read_answers(database_lines(os.environ[_DATABASE]))
    yield from read_inputs(inputs, rows)

"""`mapper bulk`: files of any size, each different output sent once."""

import re
from pathlib import Path
from typing import Annotated

import typer

from llama_mapper import DEFAULT_URL, MapperError, TransportError
from llama_mapper.bulk import (
    Bulk,
    Columns,
    Endpoints,
    Kind,
    PairMapper,
    Progress,
    SourceError,
    UsageError,
)
from llama_mapper.bulk.in_process import InProcess
from llama_mapper.cli import show
from llama_mapper.cli.mapping import Threshold, View
from llama_mapper.cli.service import Json, Tenant, check_url, read_key

Urls = Annotated[
    list[str],
    typer.Option("--url", envvar="MAPPER_URL", help="where a service is; repeatable"),
]
Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--triton",
        metavar="HOST:PORT",
        help="where a Triton answers by gRPC, in place of a service; repeatable",
    ),
]


def bulk(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="IN", help="file, pattern, `-` for stdin")],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="*.jsonl, *.csv or *.parquet; .gz, .zst")
    ],
    detector: Annotated[str, typer.Option(help="the detector of all rows")] = "",
    detector_column: Annotated[str, typer.Option(help="the column of detectors")] = "detector",
    output_column: Annotated[
        str, typer.Option(help="the column of outputs, `@`: the line")
    ] = "output",
    time_column: Annotated[str, typer.Option(help="ISO times, for the report")] = "",
    monthly: Annotated[bool, typer.Option("--monthly", help="report months, not days")] = False,
    earlier: Annotated[
        Path | None, typer.Option(help="OUT.report.json of an earlier run, to compare with")
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--format", help="of standard input")] = None,
    force: Annotated[bool, typer.Option("--force", help="replace OUT")] = False,
    threshold: Threshold = None,
    taxonomy: View = None,
    url: Urls = [DEFAULT_URL],  # noqa: B006 (typer reads it, nobody writes it)
    triton: Addresses = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="the model in this process, in place of a service")
    ] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Map every row of IN to OUT, with a report beside it.

    A killed run goes on where it stopped when the same command is given again.
    """
    if Path(target).exists() and not Path(target + ".work").exists() and not force:
        raise typer.BadParameter(f"{target} exists: use --force to replace it")
    ways = {
        "--url": _is_argument(context, "url"),
        "--triton": bool(triton),
        "--in-process": in_process,
    }
    if len(given := [name for name, is_given in ways.items() if is_given]) > 1:
        raise typer.BadParameter(f"give one of {' and '.join(given)}")
    if taxonomy is not None and (triton or in_process):
        raise typer.BadParameter("only a service has views: --taxonomy needs --url")
    columns = Columns(detector_column, output_column, detector, time_column, 7 if monthly else 10)
    try:
        mapper: PairMapper
        if triton:
            mapper = _at_triton(triton, tenant, threshold)
        elif in_process:
            mapper = InProcess(tenant, threshold)
        else:
            urls = [check_url(one) for one in url]
            mapper = Endpoints(urls, read_key(), tenant, threshold, taxonomy)
        job = Bulk(source, target, mapper, columns, kind, earlier)
        report = job.run(lambda done: show.note(_told(done)))
    except UsageError as error:
        raise typer.BadParameter(str(error)) from None
    except ImportError as error:
        raise typer.BadParameter(f"{error}: pip install 'llama-mapper[bulk]'") from None
    except (OSError, SourceError) as error:
        show.problem(str(error), as_json=as_json)
        raise typer.Exit(1) from None
    except MapperError as error:
        where = "stopped, the same command goes on: "
        if triton and isinstance(error, TransportError):
            show.problem(where + str(error), f"asked {', '.join(triton)}", as_json=as_json)
        else:
            show.refusal(error, ", ".join(url), as_json=as_json, where=where)
        raise typer.Exit(1) from None
    if as_json:
        show.data(report)
    else:
        show.line(
            f"{report['mapped']} rows mapped, {report['distinct']} different, {report['bad']} bad; "
            f"{target}.report.md and .html say more"
        )
    if report["bad"]:
        raise typer.Exit(1)


def _is_argument(context: typer.Context, name: str) -> bool:
    """Whether an option was given to the command, and not by a variable."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _at_triton(addresses: list[str], tenant: str | None, threshold: float | None) -> PairMapper:
    """Raises UsageError."""
    for address in addresses:
        if not re.fullmatch(r"(dns:///)?[^/\s]+:\d{1,5}", address):
            raise UsageError(f"{address!r} is not HOST:PORT, such as 127.0.0.1:8001")
    try:
        from llama_mapper.bulk.triton import TritonEndpoints
    except ImportError as error:
        raise UsageError(f"{error}: pip install 'llama-mapper[triton]'") from None
    return TritonEndpoints(addresses, tenant, threshold)


def _told(done: Progress) -> str:
    share = "" if done.share is None else f", {done.share:.0%}"
    pace = "" if done.rows_per_s is None else f", {done.rows_per_s:,.0f} rows/s"
    left = "" if done.left_s is None else f", {done.left_s:.0f} s left"
    return f"{done.rows:,} rows{share}{pace}{left}"

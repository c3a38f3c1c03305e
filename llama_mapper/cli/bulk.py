"""`mapper bulk`: files of any size, each different output asked once."""

from pathlib import Path
from typing import Annotated

import typer

from llama_mapper import DEFAULT_URL, MapperError
from llama_mapper.bulk import Bulk, Columns, Endpoints, Kind, Progress, SourceError, UsageError
from llama_mapper.cli import show
from llama_mapper.cli.mapping import Threshold, View
from llama_mapper.cli.service import Json, Tenant, check_url, read_key

Urls = Annotated[
    list[str],
    typer.Option("--url", envvar="MAPPER_URL", help="where a service is; repeatable"),
]


def bulk(
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
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Map every row of IN to OUT, with a report beside it.

    A killed run goes on where it stopped when the same command is given again.
    """
    urls = [check_url(one) for one in url]
    if Path(target).exists() and not Path(target + ".work").exists() and not force:
        raise typer.BadParameter(f"{target} exists: use --force to replace it")
    job = Bulk(
        source,
        target,
        Endpoints(urls, read_key(), tenant, threshold, taxonomy),
        Columns(detector_column, output_column, detector, time_column, 7 if monthly else 10),
        kind,
        earlier,
    )
    try:
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
        show.refusal(error, ", ".join(urls), as_json=as_json, where=where)
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


def _told(done: Progress) -> str:
    share = "" if done.share is None else f", {done.share:.0%}"
    pace = "" if done.rows_per_s is None else f", {done.rows_per_s:,.0f} rows/s"
    left = "" if done.left_s is None else f", {done.left_s:.0f} s left"
    return f"{done.rows:,} rows{share}{pace}{left}"

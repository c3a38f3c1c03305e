"""Reads the events of the facade's sink, as lines of JSON for `read_answers`.

In: a Parquet file, or the URL of PostgreSQL. Out: an iterator with one line per event. The
libraries are those of `llama-mapper[bulk]` and `llama-mapper[postgresql]`.
"""

from collections.abc import Iterator
from pathlib import Path

_ROWS = 10_000


def parquet_lines(path: Path) -> Iterator[str]:
    """The events of a file.

    Raises OSError for an unreadable file, ValueError for a file of another format,
    ModuleNotFoundError without polars.
    """
    import polars as pl

    try:
        with path.open("rb") as opened:
            events = pl.read_parquet(opened, columns=["event"])["event"].cast(pl.String)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{path}: is not a file of events ({type(error).__name__})") from None
    yield from events.drop_nulls()


def database_lines(url: str) -> Iterator[str]:
    """The events of the sink's table, oldest first.

    Raises OSError if the database does not answer or has no such table, ModuleNotFoundError without
    psycopg.
    """
    import psycopg

    try:
        with psycopg.connect(url) as connection, connection.cursor("events") as cursor:
            cursor.itersize = _ROWS
            cursor.execute("SELECT event::text FROM mapper_events ORDER BY time, id")
            for (line,) in cursor:
                yield line
    except psycopg.Error as error:
        # Its message has the host, which is not needed.
        raise OSError(0, type(error).__name__, "the database of events") from None

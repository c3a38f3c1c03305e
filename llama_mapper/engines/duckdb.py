"""A function for SQL in DuckDB.

register(connection, Endpoints(["http://localhost:8080"]))
connection.sql("SELECT *, unnest(canonical(detector, output)) FROM 'logs/*.parquet'")
"""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa

from llama_mapper.bulk import PairMapper
from llama_mapper.engines.answers import FIELDS, AskOnce

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SQL = {"string": "VARCHAR", "double": "DOUBLE", "list<item: string>": "VARCHAR[]"}


def register(
    connection: "DuckDBPyConnection", endpoints: PairMapper, name: str = "canonical"
) -> None:
    """Add `name(detector VARCHAR, output VARCHAR)` to a connection; it gives a struct.

    A pair is sent once while the connection has the function. A query fails with the client's
    error when an endpoint refuses, or all are lost.
    """
    asking = AskOnce(endpoints)
    # A notebook's thread already has an event loop, which cannot wait for another one.
    thread = ThreadPoolExecutor(1, "canonical")

    def ask(detectors: pa.ChunkedArray, outputs: pa.ChunkedArray) -> pa.StructArray:
        columns = detectors.to_pylist(), outputs.to_pylist()
        return thread.submit(asking.structs, *columns).result()

    fields = ", ".join(f"{field.name} {_SQL[str(field.type)]}" for field in FIELDS)
    connection.create_function(
        name,
        ask,
        ["VARCHAR", "VARCHAR"],
        f"STRUCT({fields})",
        type="arrow",
        null_handling="special",
    )

"""The function for SQL, in a real DuckDB."""

import asyncio
import json
from collections.abc import Callable

import duckdb
import pytest

from llama_mapper import NO_RETRY
from llama_mapper.bulk import Endpoints, PairMapper
from llama_mapper.engines.duckdb import register
from tests.engines.conftest import DETECTOR, OUTPUTS

LOGS = f"""
CREATE TABLE logs AS SELECT i AS id, '{DETECTOR}' AS detector,
    list_extract({list(OUTPUTS)}, 1 + i % {len(OUTPUTS)}) AS output FROM range(10_000) t(i)
"""


@pytest.fixture
def connection(url: str) -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    register(made, Endpoints([url]))
    made.sql(LOGS)
    return made


def test_each_different_pair_is_asked_once(
    connection: duckdb.DuckDBPyConnection,
    expected: dict[str, tuple[str, ...]],
    asked: Callable[[], float],
) -> None:
    found = connection.sql(
        "SELECT output, canonical(detector, output) AS c, count(*) FROM logs GROUP BY ALL"
    ).fetchall()
    assert {output: tuple(c["mapped_taxonomy"]) for output, c, _ in found} == expected
    assert {count for _, _, count in found} == {2000}
    assert asked() == len(OUTPUTS)


def test_a_row_without_an_answer_says_why(connection: duckdb.DuckDBPyConnection) -> None:
    one = "SELECT unnest(canonical({}))"
    null = connection.sql(one.format("'presidio', NULL")).to_arrow_table().to_pylist()
    assert null[0]["mapped_problem"] == "detector or output is null"
    large = connection.sql(one.format("'presidio', repeat('x', 70_000)")).to_arrow_table()
    assert large.to_pylist()[0]["mapped_problem"].startswith("PAYLOAD_TOO_LARGE")
    assert large.to_pylist()[0]["mapped_taxonomy"] is None


def test_triton_answers_as_the_service_does(
    connection: duckdb.DuckDBPyConnection, triton: PairMapper
) -> None:
    register(connection, triton, "at_triton")
    query = "SELECT DISTINCT output, unnest({}(detector, output)) FROM logs ORDER BY output"
    at_triton, by_rest = (
        connection.sql(query.format(name)).fetchall() for name in ("at_triton", "canonical")
    )
    assert at_triton == by_rest
    assert [row[0] for row in at_triton] == sorted(OUTPUTS)


def test_it_works_where_an_event_loop_runs(connection: duckdb.DuckDBPyConnection) -> None:
    async def ask() -> object:
        return connection.sql("SELECT canonical('presidio', 'US_SSN')").fetchall()

    (row,) = asyncio.run(ask())  # type: ignore[misc]
    assert row[0]["mapped_taxonomy"] == ["PII.Identifier.SSN"]
    assert json.loads(row[0]["mapped_versions"]).keys() >= {"taxonomy", "frameworks"}


def test_a_lost_service_fails_the_query() -> None:
    lost = duckdb.connect()
    register(lost, Endpoints(["http://127.0.0.1:1"], retry=NO_RETRY))
    with pytest.raises(duckdb.Error, match="TransportError"):
        lost.sql("SELECT canonical('presidio', 'US_SSN')").fetchall()

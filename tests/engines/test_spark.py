"""The Spark job on a real local cluster."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyspark.sql import SparkSession

from llama_mapper.bulk import Columns, Endpoints, PairMapper, UsageError
from llama_mapper.engines.spark import map_rows
from tests.engines.conftest import DETECTOR, OUTPUTS


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    """Two threads of one process, with the Python of this test for their workers."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    builder = SparkSession.builder.master("local[2]").config(map=settings)
    session = builder.getOrCreate()
    yield session
    session.stop()


def rows(count: int) -> list[tuple[int, str | None, str]]:
    return [(i, None if i == 3 else DETECTOR, OUTPUTS[i % len(OUTPUTS)]) for i in range(count)]


@pytest.mark.parametrize("broadcast", [True, False])
def test_each_different_pair_is_asked_once(
    spark: SparkSession,
    url: str,
    expected: dict[str, tuple[str, ...]],
    asked: Callable[[], float],
    broadcast: bool,
) -> None:
    frame = spark.createDataFrame(rows(2000), "id long, detector string, output string")
    mapped = map_rows(frame, Endpoints([url]), broadcast=broadcast)
    found = {row["id"]: row for row in mapped.collect()}
    assert asked() == len(OUTPUTS)
    assert sorted(found) == list(range(2000))
    assert found.pop(3)["mapped_problem"] == "detector or output is null"
    assert {(r["output"], tuple(r["mapped_taxonomy"])) for r in found.values()} == set(
        expected.items()
    )
    assert mapped.columns[:3] == frame.columns


def test_triton_answers_as_the_service_does(
    spark: SparkSession, url: str, triton: PairMapper
) -> None:
    frame = spark.createDataFrame(rows(200), "id long, detector string, output string")
    at_triton, by_rest = (
        map_rows(frame, endpoints).orderBy("id").collect()
        for endpoints in (triton, Endpoints([url]))
    )
    assert at_triton == by_rest
    assert [row["mapped_problem"] is None for row in at_triton] == [i != 3 for i in range(200)]


def test_an_output_that_is_no_text_is_asked_as_json(spark: SparkSession, url: str) -> None:
    said: list[Any] = [("presidio", [{"entity_type": "US_SSN", "score": 0.9}])]
    schema = "name string, said array<struct<entity_type: string, score: double>>"
    frame = spark.createDataFrame(said, schema)
    columns = Columns(output="said", constant="presidio")
    (row,) = map_rows(frame, Endpoints([url]), columns).collect()
    assert row["mapped_taxonomy"] == ["PII.Identifier.SSN"]
    assert json.loads(row["mapped_versions"]).keys() >= {"taxonomy", "frameworks"}


def test_a_missing_column_is_named(spark: SparkSession, url: str) -> None:
    with pytest.raises(UsageError, match="no column 'output'"):
        map_rows(spark.createDataFrame([("d",)], "detector string"), Endpoints([url]))

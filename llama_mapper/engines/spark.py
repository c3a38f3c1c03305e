"""A Spark job: distinct, map, join.

mapped = map_rows(spark.read.parquet("logs/"), Endpoints(["http://mapper:8080"]))
mapped.write.parquet("mapped/")
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyspark.sql import functions as sql
from pyspark.sql.types import StringType

from llama_mapper.bulk import Columns, PairMapper
from llama_mapper.bulk.columns import ADDED, DEFAULT_COLUMNS, PROBLEM
from llama_mapper.engines.answers import NULL, AskOnce

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_DETECTOR, _OUTPUT = "__detector", "__output"
_SCHEMA: Final = (
    f"{_DETECTOR} string, {_OUTPUT} string, mapped_taxonomy array<string>, "
    "mapped_confidence double, mapped_source string, mapped_fallback_reason string, "
    f"mapped_versions string, {PROBLEM} string"
)


def map_rows(
    frame: "DataFrame",
    endpoints: PairMapper,
    columns: Columns = DEFAULT_COLUMNS,
    *,
    tasks: int = 2,
    broadcast: bool = True,
) -> "DataFrame":
    """The rows with the columns of their answers; `mapped_problem` is the reason without one.

    tasks: number of parallel tasks, each with 2 batches of 50 in flight at every endpoint.
    broadcast: broadcast the answers to the rows; else both are shuffled, for more different pairs
    than fit into a worker's memory. An output that is not a text is sent as JSON. Each action sends
    the pairs again: write the frame once.

    Raises UsageError for columns that are missing or taken.
    """
    columns.places(frame.columns)
    detector = sql.lit(columns.constant) if columns.constant else sql.col(columns.detector)
    output, is_text = sql.col(columns.output), True
    if not isinstance(frame.schema[columns.output].dataType, StringType):
        output, is_text = sql.to_json(output), False
    keyed = frame.withColumns({_DETECTOR: detector, _OUTPUT: output})

    def ask(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        asking = AskOnce(endpoints, is_text=is_text)
        for batch in batches:
            keys = batch.column(0), batch.column(1)
            answers = asking.structs(*(key.to_pylist() for key in keys))
            names = (_DETECTOR, _OUTPUT, *ADDED, PROBLEM)
            yield pa.RecordBatch.from_arrays([*keys, *answers.flatten()], names=names)

    pairs = keyed.select(_DETECTOR, _OUTPUT).dropna().distinct().repartition(tasks)
    answers = pairs.mapInArrow(ask, _SCHEMA)
    joined = keyed.join(
        sql.broadcast(answers) if broadcast else answers, [_DETECTOR, _OUTPUT], "left"
    )
    lacks = sql.col(_DETECTOR).isNull() | sql.col(_OUTPUT).isNull()
    problem = sql.when(lacks, sql.lit(NULL)).otherwise(sql.col(PROBLEM))
    return joined.withColumn(PROBLEM, problem).drop(_DETECTOR, _OUTPUT)

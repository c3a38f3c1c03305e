"""`.venv-engines/bin/python -m bench.engines`: the same rows on DuckDB, Spark and Ray Data.

In: numbers of rows, of different outputs and of workers, and the service at MAPPER_URL. Out: one
line per engine and number of workers, with the seconds from file to file, without the start of the
engine. The service has answered all outputs before.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.bulk import make_rows
from llama_mapper.bulk import Bulk, Endpoints

Run = Callable[[], object]


def duckdb(source: Path, target: Path, endpoints: Endpoints, workers: int) -> Run:
    """Distinct, map, join in SQL."""
    import duckdb as engine

    from llama_mapper.engines.duckdb import register

    connection = engine.connect(config={"threads": workers})
    register(connection, endpoints)

    def run() -> None:
        connection.sql(f"CREATE TABLE logs AS SELECT * FROM read_json('{source}')")
        connection.sql(
            "CREATE TABLE answers AS SELECT *, canonical(detector, output) AS mapped "
            "FROM (SELECT DISTINCT detector, output FROM logs)"
        )
        joined = connection.sql("SELECT * FROM logs LEFT JOIN answers USING (detector, output)")
        joined.write_parquet(str(target))

    return run


def spark(source: Path, target: Path, endpoints: Endpoints, workers: int) -> Run:
    """A local cluster with one thread per worker."""
    from pyspark.sql import SparkSession

    from llama_mapper.engines.spark import map_rows

    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": str(workers)}
    settings |= dict.fromkeys(("spark.driver.bindAddress", "spark.driver.host"), "127.0.0.1")
    session = SparkSession.builder.master(f"local[{workers}]").config(map=settings).getOrCreate()

    def run() -> None:
        frame = session.read.schema("id long, detector string, output string").json(str(source))
        map_rows(frame, endpoints, tasks=workers).write.parquet(str(target))
        session.stop()

    return run


def ray(source: Path, target: Path, endpoints: Endpoints, workers: int) -> Run:
    """A local cluster with one core per worker."""
    import ray as engine

    from llama_mapper.engines.ray import map_rows

    engine.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)

    def run() -> None:
        rows = engine.data.read_json(str(source))
        map_rows(rows, endpoints, tasks=workers).write_parquet(str(target))
        engine.shutdown()

    return run


ENGINES = {"duckdb": duckdb, "spark": spark, "ray": ray}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.engines", description=__doc__)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--distinct", type=int, default=5_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    endpoints = Endpoints([os.environ.get("MAPPER_URL", "http://127.0.0.1:8080")])
    with tempfile.TemporaryDirectory() as folder:
        source, first = Path(folder, "in.jsonl"), Path(folder, "first.jsonl")
        make_rows(source, asked.rows, asked.distinct, seed=1)
        make_rows(first, asked.distinct, asked.distinct, seed=1)
        Bulk(str(first), str(Path(folder, "out.jsonl")), endpoints).run()
        for name in asked.engines:
            for workers in asked.workers:
                run = ENGINES[name](source, Path(folder, f"{name}-{workers}"), endpoints, workers)
                began = time.monotonic()
                run()
                seconds = time.monotonic() - began
                print(f"{name}, {workers} workers: {asked.rows:,} rows in {seconds:.1f} s")


if __name__ == "__main__":
    main()

"""`.venv-engines/bin/python -m bench.engines`: the same rows on DuckDB, Spark and Ray Data.

In: numbers of rows, of different outputs, of workers and of endpoints. Out: the seconds from file
to file, without the start of the engine, for each engine, number of workers and number of
endpoints. Endpoints are stand-ins of Triton, each of which takes a given time for an item; or
running services or Tritons, which have answered all outputs before.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from bench import report
from bench.harness.rows import make_rows
from bench.processes import stand_ins
from llama_mapper.bulk import Bulk, Endpoints, PairMapper
from llama_mapper.bulk.triton import TritonEndpoints

Run = Callable[[], object]


def duckdb(source: Path, target: Path, endpoints: PairMapper, workers: int) -> Run:
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


def spark(source: Path, target: Path, endpoints: PairMapper, workers: int) -> Run:
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


def ray(source: Path, target: Path, endpoints: PairMapper, workers: int) -> Run:
    """A local cluster with one core per worker."""
    import ray as engine

    from llama_mapper.engines.ray import map_rows

    engine.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    engine.data.DataContext.get_current().enable_progress_bars = False

    def run() -> None:
        rows = engine.data.read_json(str(source))
        map_rows(rows, endpoints, tasks=workers).write_parquet(str(target))
        engine.shutdown()

    return run


ENGINES = {"duckdb": duckdb, "spark": spark, "ray": ray}
_NAMES = {"duckdb": "DuckDB", "spark": "Spark", "ray": "Ray Data"}


def measure(
    asked: argparse.Namespace, places: Sequence[PairMapper]
) -> dict[tuple[str, int], list[float]]:
    """Seconds by engine and workers, one for each of the places."""
    found: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        source, first = Path(folder, "in.jsonl"), Path(folder, "first.jsonl")
        make_rows(source, asked.rows, asked.distinct, seed=1)
        if not asked.stand_ins:
            make_rows(first, asked.distinct, asked.distinct, seed=1)
            Bulk(str(first), str(Path(folder, "out.jsonl")), places[-1]).run()
        for name in asked.engines:
            for workers in asked.workers:
                found[name, workers] = []
                for number, endpoints in enumerate(places):
                    target = Path(folder, f"{name}-{workers}-{number}")
                    run = ENGINES[name](source, target, endpoints, workers)
                    began = time.monotonic()
                    run()
                    found[name, workers].append(time.monotonic() - began)
    return found


def render(asked: argparse.Namespace, found: dict[tuple[str, int], list[float]]) -> str:
    """A table with a column for each number of endpoints."""
    heads = [f"{count} endpoint{'s' * (count > 1)}, s" for count in asked.endpoints]
    cells = [
        (_NAMES[name], str(workers), *map(report.number, seconds))
        for (name, workers), seconds in found.items()
    ]
    if asked.stand_ins:
        least = [asked.distinct * asked.item_ms / 1000 / count for count in asked.endpoints]
        cells.append(("endpoints alone, computed", "-", *map(report.number, least)))
    return report.table(("", "workers", *heads), cells)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.engines", description=__doc__)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--distinct", type=int, default=1_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--endpoints", type=int, nargs="+", default=[1, 2, 4], help="how many")
    parser.add_argument("--item-ms", type=float, default=20.0, help="of a stand-in")
    parser.add_argument("--url", nargs="+", default=[], help="services instead of stand-ins")
    parser.add_argument("--triton", nargs="+", default=[], help="Tritons instead of stand-ins")
    parser.add_argument("--write", action="store_true", help="write the block of docs/bulk.md")
    asked = parser.parse_args()
    given, most = asked.url or asked.triton, max(asked.endpoints)
    if (asked.url and asked.triton) or 0 < len(given) < most:
        parser.error(f"give --url or --triton, and {most} addresses as --endpoints says")
    asked.stand_ins = not given
    kind = Endpoints if asked.url else TritonEndpoints
    machine = report.machine()  # first, so that its load average is not that of the measurement
    with stand_ins(most, asked.item_ms / 1000) if asked.stand_ins else nullcontext(given) as found:
        seconds = measure(asked, [kind(found[:count]) for count in asked.endpoints])
    options = [option for option in sys.argv[1:] if option != "--write"]
    command = " ".join((".venv-engines/bin/python -m bench.engines", *options))
    about = f"{asked.rows:,} rows, {asked.distinct:,} different"
    if asked.stand_ins:
        about += f"; endpoints are stand-ins that take {asked.item_ms:g} ms for an item"
    block = f"`{command}` on {machine}.\n\n{about}:\n\n{render(asked, seconds)}"
    print(block)
    if asked.write:
        report.write("engines", block)


if __name__ == "__main__":
    main()

"""The benches of `mapper bulk` run, at their smallest size."""

import pytest

from bench import bulk, bulk_ways

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.model]


def test_the_bench_of_the_command_and_of_loops_runs() -> None:
    measured = bulk.measure(quick=True)
    assert [(run.rows, run.distinct) for run in measured.runs] == [(1_000, 20), (2_000, 20)]
    client, llama_cpp = measured.loops
    assert client.timed == 5
    assert llama_cpp.timed or llama_cpp.reason
    assert "1 million pairs take" in bulk.render(measured)


def test_the_bench_of_the_ways_to_the_model_runs() -> None:
    measured = bulk_ways.measure(True)
    assert list(measured.ways) == ["--url", "--triton", "--in-process"]
    assert list(measured.stand_ins) == [1, 2, 4]
    assert "| `mapper bulk --in-process` | 200 | 20 |" in bulk_ways.render(measured)


def test_the_bench_of_wide_rows_runs() -> None:
    measured = bulk_ways.measure_wide(True)
    assert "| 2,000 | 50 |" in bulk_ways.render_wide(measured)

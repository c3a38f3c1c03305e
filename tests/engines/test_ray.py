"""The Ray Data job on a real local cluster."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import ray

from llama_mapper.bulk import Columns, Endpoints, PairMapper, UsageError
from llama_mapper.engines.ray import map_rows
from tests.engines.conftest import DETECTOR, OUTPUTS


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def mapped(count: int, endpoints: PairMapper) -> dict[int, dict[str, Any]]:
    """So many rows by id; the one with id 3 has no detector."""
    rows = [
        {"id": i, "detector": None if i == 3 else DETECTOR, "output": OUTPUTS[i % len(OUTPUTS)]}
        for i in range(count)
    ]
    found = map_rows(ray.data.from_items(rows), endpoints).take_all()
    return {row["id"]: row for row in found}


def test_each_different_pair_is_asked_once(
    url: str, expected: dict[str, tuple[str, ...]], asked: Callable[[], float]
) -> None:
    found = mapped(2000, Endpoints([url]))
    assert asked() == len(OUTPUTS)
    assert sorted(found) == list(range(2000))
    assert found.pop(3)["mapped_problem"] == "detector or output is null"
    assert {(r["output"], tuple(r["mapped_taxonomy"])) for r in found.values()} == set(
        expected.items()
    )


def test_triton_answers_as_the_service_does(url: str, triton: PairMapper) -> None:
    at_triton = mapped(200, triton)
    assert at_triton == mapped(200, Endpoints([url]))
    assert [at_triton[i]["mapped_problem"] is None for i in range(200)] == [
        i != 3 for i in range(200)
    ]


def test_an_output_that_is_no_text_is_asked_as_json(url: str) -> None:
    said = ray.data.from_items([{"said": [{"entity_type": "US_SSN", "score": 0.9}]}])
    columns = Columns(output="said", constant="presidio")
    (row,) = map_rows(said, Endpoints([url]), columns).take_all()
    assert list(row["mapped_taxonomy"]) == ["PII.Identifier.SSN"]
    assert json.loads(row["mapped_versions"]).keys() >= {"taxonomy", "frameworks"}


def test_a_missing_column_is_named(url: str) -> None:
    with pytest.raises(UsageError, match="no column 'output'"):
        map_rows(ray.data.from_items([{"detector": "d"}]), Endpoints([url]))

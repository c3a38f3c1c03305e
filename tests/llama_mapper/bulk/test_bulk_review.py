"""The unknown words and unread places in the report of `mapper bulk`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.harness.stand_in import TritonStandIn
from client_api.mapping.gateway import Item
from client_api.mapping.service import answer_by_rules
from fallback.decision.decision import Decision
from llama_mapper.bulk import Bulk, Endpoints, PairMapper
from llama_mapper.bulk.in_process import InProcess
from llama_mapper.bulk.triton import TritonEndpoints
from pipeline.tenants import TenantPipelines
from schemas.contract import FallbackReason
from tests.llama_mapper.bulk.test_bulk import as_lines, patient
from tests.support.fake_model import FakeGateway, model
from tests.support.serving import running_facade, tiny_models

GUARD = "a-guard"
#: An output, and the number of its rows.
OUTPUTS: list[tuple[Any, int]] = [
    ({"labels": ["bad <vibes>", "hate"]}, 3),
    ({"results": [{"label": "hate", "flagged": True}, {"zork": "qwe rty"}]}, 4),
    ({"results": [*[{"label": "hate", "flagged": True}] * 2, {"zork": "qwe rty"}]}, 2),
    ({"zork": "qwe rty"}, 1),
    ("tone deaf", 5),
    ("bad <vibes>", 1),
    ("hate", 9),
    ("", 9),
]
ROWS = [{"detector": GUARD, "output": output} for output, count in OUTPUTS for _ in range(count)]
WORDS = [
    {"detector": GUARD, "word": "tone deaf", "rows": 5},
    {"detector": GUARD, "word": "bad <vibes>", "rows": 4},
]
PLACES = [("results[].zork", 6), ("zork", 1)]


@pytest.fixture
def by_rules() -> Callable[[Item], Decision]:
    pipelines = TenantPipelines()
    return lambda item: answer_by_rules(pipelines, item, FallbackReason.RULES_ONLY)


@pytest.fixture(params=["service", "triton"])
def place(
    request: pytest.FixtureRequest, by_rules: Callable[[Item], Decision], tmp_path: Path
) -> Iterator[PairMapper]:
    if request.param == "service":
        with running_facade(patient(tmp_path), lambda _: FakeGateway(by_rules, model)) as url:
            yield Endpoints([url])
    else:
        with TritonStandIn(by_rules).running() as address:
            yield TritonEndpoints([address])


@pytest.fixture
def run(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "in.jsonl").write_bytes(as_lines(ROWS))
    return str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")


def places(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(one["place"], one["rows"]) for one in report["unread_places"]]


def test_unknown_words_and_unread_places_are_ranked_by_rows(
    run: tuple[str, str], place: PairMapper
) -> None:
    """A finding beside them hides neither."""
    report = Bulk(*run, place).run()
    assert report["unknown_words"] == WORDS
    assert places(report) == PLACES
    assert json.loads(report["unread_places"][0]["example"]) == OUTPUTS[1][0]
    assert json.loads(Path(f"{run[1]}.report.json").read_bytes()) == report
    page = Path(f"{run[1]}.report.md").read_text()
    assert "| a-guard | tone deaf | 5 |\n| a-guard | bad &lt;vibes&gt; | 4 |" in page
    assert "| a-guard | results[].zork | 6 |" in page
    page = Path(f"{run[1]}.report.html").read_text()
    assert "<td>tone deaf</td><td class=n>5</td><td class=bar>" in page
    assert "<td>results[].zork</td><td class=n>6</td>" in page
    first = json.loads(Path(run[1]).read_text().splitlines()[0])
    assert not {"signals", "reading"} & first["mapped"].keys()


def test_a_run_that_goes_on_knows_them_from_its_journal(
    run: tuple[str, str], place: PairMapper
) -> None:
    class StopError(Exception):
        pass

    def stop(done: object) -> None:
        raise StopError

    with pytest.raises(StopError):
        Bulk(*run, place).run(stop)
    report = Bulk(*run, place).run()
    assert report["unknown_words"] == WORDS
    assert places(report) == PLACES


@pytest.mark.heavy
def test_the_engine_in_the_process_tells_them_too(
    run: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPPER_MODEL_REPOSITORY", str(tiny_models(tmp_path / "models")))
    report = Bulk(*run, InProcess(threshold=1)).run()
    assert {one["word"] for one in report["unknown_words"]} >= {"tone deaf", "bad <vibes>"}
    assert places(report) == PLACES

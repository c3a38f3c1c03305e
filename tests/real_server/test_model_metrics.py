"""The model step in a real Triton: what it answers from its cache, and what it counts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import tritonclient.grpc as grpc_client
from prometheus_client.parser import text_string_to_metric_families

from bench.processes import eventually
from client_api.triton.server import LocalTriton
from client_api.upstream import probe
from engine.mapper import MapperEngine
from fallback.rules.lookup import MatchKind, RuleAnswer
from fallback.signal import Reading, Signal
from pipeline import model_counts, wire
from pipeline.steps import ReadItem
from schemas.candidate import Query
from schemas.taxonomy import load_taxonomy
from tests.real_server.test_ensemble import infer
from tests.support.serving import local_triton, publish_tiny, running_stack, tiny_models

pytestmark = pytest.mark.triton

ROOT = Path(__file__).parents[2]
PREFIX = model_counts.PREFIX
#: So that the random model's answer stands, however unsure it is.
ANY = '{"threshold": 0}'


class Counts:
    """What a Triton counted since this began; versions added up."""

    def __init__(self, triton: LocalTriton) -> None:
        self._url = f"http://{triton.host}:{triton.ports.metrics}/metrics"
        self._before = self.samples()

    def samples(self) -> dict[tuple[str, ...], float]:
        found: dict[tuple[str, ...], float] = {}
        for family in text_string_to_metric_families(httpx.get(self._url, timeout=30).text):
            for sample in family.samples:
                if sample.name.startswith(PREFIX):
                    labels = {k: v for k, v in sample.labels.items() if k != "version"}
                    key = (sample.name.removeprefix(PREFIX), *labels.values())
                    found[key] = found.get(key, 0.0) + sample.value
        return found

    def __call__(self, *series: str) -> float:
        return self.samples()[series] - self._before.get(series, 0.0)

    def moved(self, *names: str) -> dict[tuple[str, ...], float]:
        """Series of these counters that are not where they were."""
        now = self.samples()
        rest = {key: value - self._before.get(key, 0.0) for key, value in now.items()}
        return {key: value for key, value in rest.items() if key[0] in names and value}


def ask(triton: LocalTriton, *outputs: str, detector: str = "made-up", options: str = ANY) -> Any:
    with grpc_client.InferenceServerClient(triton.grpc_url) as client:
        n = len(outputs)
        columns = {"DETECTOR": [detector] * n, "OUTPUT": outputs, "OPTIONS": [options] * n}
        return infer(client, grpc_client, **columns)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models(tmp_path_factory.mktemp("metrics") / "models")


@pytest.fixture(scope="module")
def triton(repository: Path) -> Iterator[LocalTriton]:
    with local_triton(repository) as running:
        yield running


def test_every_series_is_there_from_the_start(triton: LocalTriton) -> None:
    there = set(Counts(triton).samples())
    for name, (_, label, values) in model_counts.COUNTERS.items():
        assert {(name, value) if label else (name,) for value in values} <= there
    assert {(f"{name}_count",) for name in model_counts.HISTOGRAMS} <= there


def test_the_second_asker_gets_the_models_answer_without_a_pass(triton: LocalTriton) -> None:
    first = ask(triton, "zorble one")
    counts = Counts(triton)
    second = ask(triton, "zorble one")

    assert second["SOURCE"] == [b"model"]
    assert second["FALLBACK_REASON"] == [b""]
    assert second["SIGNALS"] == first["SIGNALS"]
    assert second["CONFIDENCE"] == first["CONFIDENCE"]
    assert counts.moved("cache_total", "passes_total", "answers_total", "batch_rows_count") == {
        ("cache_total", "hit"): 1
    }


def test_hits_and_equal_signals_leave_the_batch(triton: LocalTriton) -> None:
    ask(triton, "zorble two")
    counts = Counts(triton)
    ask(triton, "zorble two", "zorble three", "zorble three", "zorble four")

    assert counts.moved("cache_total", "answers_total") == {
        ("cache_total", "hit"): 1,
        ("cache_total", "miss"): 2,
        ("cache_total", "shared"): 1,
        ("answers_total", "ok"): 2,
    }
    assert counts("batch_rows_count") == counts("batch_seconds_count") == 1
    assert counts("batch_rows_sum") == 2
    assert counts("batch_seconds_sum") > 0
    assert counts("passes_total") >= 2


def drafted(name: str, labels: tuple[str, ...]) -> ReadItem:
    rule = RuleAnswer.of(labels, MatchKind.OWN_EXACT)
    return ReadItem("made-up", Reading((Signal(name),)), (rule,), "2026.11")


def test_drafts_are_counted_by_what_became_of_them(triton: LocalTriton, repository: Path) -> None:
    counts = Counts(triton)
    ask(triton, "zorble five")  # no vocabulary has it, so it comes without a draft
    assert not counts.moved("drafts_total")

    engine = MapperEngine.load(repository / "llama_mapper" / "1", threads=1)
    [own] = engine.answer([Query("made-up", "zorble draft")])
    other = next(x.name for x in load_taxonomy().labels if x.name not in own.labels)
    with grpc_client.InferenceServerClient(triton.grpc_url) as client:
        for name, draft in (("zorble draft", own.labels), ("zorble misled", (other,))):
            infer(
                client,
                grpc_client,
                "llama_mapper",
                DETECTOR=["made-up"],
                READ_SIGNALS=[wire.dump_item(drafted(name, draft)).decode()],
            )
    assert counts("drafts_total", "accepted") == 1
    assert counts("drafts_total", "rejected") == 1


def test_a_spent_budget_gets_nothing_from_the_cache(triton: LocalTriton) -> None:
    ask(triton, "zorble six")
    counts = Counts(triton)
    late = ask(triton, "zorble six", options='{"budget_ms": 0}')

    assert late["FALLBACK_REASON"] == [b"timeout"]
    assert counts.moved("cache_total", "answers_total", "batch_rows_count") == {
        ("answers_total", "timeout"): 1
    }


def test_the_probes_canary_is_a_real_pass_each_time(triton: LocalTriton) -> None:
    counts = Counts(triton)
    for _ in range(3):
        assert probe.main(["--url", f"http://{triton.http_url}", "--timeout", "60"]) == 0
    assert counts.moved("cache_total", "answers_total", "drafts_total") == {
        ("cache_total", "miss"): 3,
        ("answers_total", "ok"): 3,
    }


def test_the_facades_canary_is_a_real_pass_each_time(tiny_repository: Path) -> None:
    with running_stack(tiny_repository, canary_interval_s=0.05) as stack:
        counts = Counts(stack.triton)
        eventually(lambda: counts("passes_total") >= 3 and counts("answers_total", "ok") >= 3)
        assert {key for key in counts.moved("cache_total", "drafts_total")} == {
            ("cache_total", "miss")
        }


def test_the_dashboards_queries_name_metrics_that_are_there(triton: LocalTriton) -> None:
    board = (ROOT / "helm/llama-mapper/files/dashboard.json").read_text(encoding="utf-8")
    asked = {name.removeprefix(PREFIX) for name in re.findall(rf"{PREFIX}\w+", board)}
    assert asked
    assert asked <= {key[0] for key in Counts(triton).samples()}


def test_the_list_of_metrics_that_the_slo_tests_read_is_of_this_server(triton: LocalTriton) -> None:
    listed = (ROOT / "tests/slo/triton_metrics.txt").read_text(encoding="utf-8")
    names = {name.removeprefix(PREFIX) for name in re.findall(rf"^{PREFIX}\w+", listed, re.M)}
    assert names == {key[0] for key in Counts(triton).samples()}


def test_the_docs_name_them_all() -> None:
    text = (ROOT / "docs/slo.md").read_text(encoding="utf-8")
    named = set(re.findall(rf"`{PREFIX}(\w+)`", text))
    assert named == {*model_counts.COUNTERS, *model_counts.HISTOGRAMS}


def test_a_new_version_starts_empty_and_counts_for_itself(
    triton: LocalTriton, repository: Path
) -> None:
    def served(answer: Any) -> str:
        return str(json.loads(answer["VERSIONS"][0])["model"])

    assert served(ask(triton, "zorble seven")) == "tiny-1"
    publish_tiny(repository / "llama_mapper" / "2", seed=2)
    triton.control.load("llama_mapper", timeout_s=60)
    counts = Counts(triton)
    assert served(ask(triton, "zorble seven")) == "tiny-2"
    assert counts.moved("cache_total") == {("cache_total", "miss"): 1}

    # Back to the first, which stayed loaded and still knows; then without the second.
    triton.control.load("llama_mapper", (1,), timeout_s=60)
    assert served(ask(triton, "zorble seven")) == "tiny-1"
    text = httpx.get(f"http://{triton.host}:{triton.ports.metrics}/metrics", timeout=30).text
    assert f'{PREFIX}cache_total{{result="hit",version="1"}}' in text


def test_off_by_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPPER_CACHE_ENTRIES", "0")
    with local_triton(tiny_models(tmp_path / "models")) as triton:
        counts = Counts(triton)
        for _ in range(2):
            ask(triton, "zorble eight")
        assert counts.moved("cache_total") == {("cache_total", "miss"): 2}

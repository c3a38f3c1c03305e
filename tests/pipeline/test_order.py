"""An answer is that of its own question, whoever asked what before or beside it.

Over the whole facade and a real engine with neighbours and answer cache; the model is tiny.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from client_api.mapping.gateway import Item
from engine.answer_cache import AnswerCache
from engine.mapper import MapperEngine
from engine.retrieval.neighbours import PHRASES, write_phrases
from fallback.decision.decision import Decision
from pipeline.steps import load_pipeline, queries_of
from schemas.candidate import CandidateSet
from schemas.requests import parse_metadata
from schemas.taxonomy import load_taxonomy
from tests.support import tiny_llama
from tests.support.fake_model import FakeGateway, facade, samples
from tests.support.tiny_encoder import write_encoder

ANSWERS = [(name,) for name in load_taxonomy().names]
KNOWN = {
    "support for terrorism": ("HARM.EXTREMISM.Terrorism",),
    "neutral to the context": ("OTHER.Hallucination",),
    "no support for anything": ("OTHER.Safe",),
}
#: What a prompt does not show, or shows as a space.
BETWEEN = ("\x01", "\x7f", "\x85", "\u200b", "\u2060", "\U000e0041", "\ue000", "\t", "-", "_", " ")


class EngineGateway(FakeGateway):
    """The three steps with one cache, as one Triton has it."""

    def __init__(self, engine: MapperEngine) -> None:
        super().__init__()
        self._engine = engine
        self.cache = AnswerCache(0)

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        steps = load_pipeline()
        read = [
            steps.read(one.detector, one.output, parse_metadata(one.metadata or "{}"))
            for one in items
        ]
        queries = [queries_of(one) for one in read]
        asked = [query for some in queries for query in some]
        answers = iter(self.cache.answer(asked, self._engine.answer).candidates)
        return [
            steps.decide(
                one,
                CandidateSet("tiny", tuple(next(answers) for _ in some)),
                threshold=item.threshold,
            )
            for item, one, some in zip(items, read, queries, strict=True)
        ]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> EngineGateway:
    version = tiny_llama.publish(tmp_path_factory.mktemp("version") / "1", answers=ANSWERS)
    write_phrases(version / PHRASES, KNOWN, ANSWERS)
    write_encoder(version, list(KNOWN))
    tiny_llama.list_anew(version)
    return EngineGateway(MapperEngine.load(version, threads=1))


@pytest.fixture(scope="module")
def client(gateway: EngineGateway) -> Iterator[TestClient]:
    with facade(gateway) as client:
        yield client


@pytest.fixture(scope="module")
def keeping(gateway: EngineGateway) -> Iterator[TestClient]:
    """A facade that keeps answers, of one example for the next as well."""
    with facade(gateway, item_cache_bytes=1_000_000) as client:
        yield client


def spelled(words: str, between: str) -> str:
    return between.join(words.split())


OUTPUTS: st.SearchStrategy[Any] = st.one_of(
    st.builds(spelled, st.sampled_from(list(KNOWN)), st.sampled_from(BETWEEN)),
    st.sampled_from(["S1", "hate", "no hate", "S1|hate", "", "[" * 100, '{"a": 1e400}']),
    st.builds(
        lambda words, flag: {"flagged": flag, "categories": {words: flag}},
        st.sampled_from(list(KNOWN)),
        st.booleans(),
    ),
    st.text(max_size=40),
)
QUESTIONS = st.fixed_dictionaries(
    {
        "detector": st.sampled_from(["acme-guard", "llama-guard-3"]),
        "output": OUTPUTS,
        "tenant_id": st.sampled_from(["acme", "mallory"]),
    },
    optional={
        "metadata": st.sampled_from([{"contributing_detectors": ["llama-guard-3"]}]),
        "threshold": st.sampled_from([0.0, 0.6, 1.0]),
    },
)


FIGURES = ("confidence", "label_confidence", "scores")


def assert_same(answer: dict[str, Any], alone: dict[str, Any]) -> None:
    """Equal but for their times; figures as exact as rows of other lengths beside them leave it."""
    for figure in FIGURES:
        assert answer[figure] == pytest.approx(alone[figure], abs=2e-3)
    assert plain(answer) == plain(alone)


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    provenance = {k: v for k, v in answer["provenance"].items() if k != "ts"}
    rest = {k: v for k, v in answer.items() if k not in (*FIGURES, "notes")}
    return rest | {"provenance": provenance}


@given(x=QUESTIONS, y=QUESTIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_answer_does_not_depend_on_who_asked_before_or_beside(
    client: TestClient,
    keeping: TestClient,
    gateway: EngineGateway,
    x: dict[str, Any],
    y: dict[str, Any],
) -> None:
    def ask(*questions: dict[str, Any], of: TestClient = client) -> list[dict[str, Any]]:
        headers = {"X-Budget-Ms": "5000"}
        if len(questions) == 1:
            return [of.post("/map", json=questions[0], headers=headers).json()]
        told = of.post("/map/batch", json={"requests": list(questions)}, headers=headers)
        results: list[dict[str, Any]] = told.json()["results"]
        return results

    gateway.cache = AnswerCache(0)
    [alone] = ask(x)
    for entries in (0, 100):
        for questions in ((y, x), (x, y)):
            at = questions.index(x)
            gateway.cache = AnswerCache(entries)
            assert_same(ask(*questions)[at], alone)
            gateway.cache = AnswerCache(entries)
            assert_same([ask(one)[0] for one in questions][at], alone)
    [again] = ask(x)
    assert_same(again, alone)
    for questions in ((y, x), (x, y), (x,)):
        assert_same(ask(*questions, of=keeping)[questions.index(x)], alone)


def test_what_is_kept_is_asked_once_so_the_property_has_something_to_see(
    keeping: TestClient,
) -> None:
    def hits() -> float:
        return samples(keeping)["mapper_item_cache_total", "hit"]

    question, before = {"detector": "acme-guard", "output": "asked twice"}, hits()
    for _ in range(2):
        keeping.post("/map", json=question, headers={"X-Budget-Ms": "5000"})
    assert hits() == before + 1


def test_a_hint_changes_an_answer_so_the_property_has_something_to_see(
    client: TestClient, gateway: EngineGateway
) -> None:
    gateway.cache = AnswerCache(0)
    question: dict[str, Any] = {"detector": "acme-guard", "output": "S1"}
    hints = {"metadata": {"contributing_detectors": ["llama-guard-3"]}}
    without, hinted = (client.post("/map", json=one).json() for one in (question, question | hints))
    assert without["taxonomy"] != hinted["taxonomy"]

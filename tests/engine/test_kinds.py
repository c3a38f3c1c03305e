"""What the kind of a detector adds to an answer, on a tiny random Llama in the real runtime."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.answer_cache import AnswerCache
from engine.confidence import MAX_UNSURE
from engine.kinds import ODDS, ambiguous_words, geometric_mean, with_kind_odds
from engine.mapper import MapperEngine
from engine.retrieval.neighbours import PHRASES, write_phrases
from engine.version import read_version
from schemas.candidate import Query
from schemas.contract import Kind
from schemas.taxonomy import load_taxonomy
from tests.support import tiny_llama

ANSWERS = [[name] for name in load_taxonomy().names]
PERSONAL, BIASED = ("PII.Person.Demographic",), ("BIAS.Gender",)
TEXTS = {
    "gender": PERSONAL,
    "pii gender": PERSONAL,
    "gender bias": BIASED,
    "detected bias": ("BIAS.Other",),
    "pii detected": ("PII.Other",),
    "street bias": ("POLITICAL.Sensitive",),
    "street": ("PII.Contact.Address",),
}

Shares = arrays(np.float64, 5, elements=st.floats(0.01, 1)).map(lambda a: a / a.sum())


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> MapperEngine:
    version = tiny_llama.publish(tmp_path_factory.mktemp("versions") / "1", answers=ANSWERS)
    writes = read_version(version).writes
    write_phrases(version / PHRASES, TEXTS, writes.answers)  # type: ignore[union-attr]
    tiny_llama.list_anew(version)
    return MapperEngine.load(version, threads=1)


def test_a_word_of_several_kinds_is_sure_only_where_the_kind_is_known(engine: MapperEngine) -> None:
    queries = [Query("d", "Gender", kind=kind) for kind in (None, Kind.PII, Kind.BIAS)]
    unknown, personal, biased = engine.answer(queries)
    assert (unknown.labels, unknown.confidence, unknown.families) == (
        PERSONAL,
        MAX_UNSURE,
        (),
    )
    assert unknown.probability > MAX_UNSURE
    assert personal.labels == PERSONAL
    assert personal.confidence > MAX_UNSURE
    assert biased.probability != pytest.approx(unknown.probability, abs=1e-3)
    for one in (unknown, personal, biased):
        assert one.passes == 1
        assert 0 < one.retrieved <= one.probability <= 1
    [other] = engine.answer([Query("d", "street")])
    assert other.confidence > MAX_UNSURE


def test_only_specific_answers_of_two_kinds_make_a_word_ambiguous() -> None:
    assert ambiguous_words(TEXTS) == {"gender"}


@given(Shares, Shares)
def test_an_answer_that_one_side_rules_out_is_not_likely(
    alone: np.ndarray, said: np.ndarray
) -> None:
    found = geometric_mean(alone, said)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, geometric_mean(said, alone))
    np.testing.assert_allclose(geometric_mean(alone, alone), alone)
    assert geometric_mean(np.eye(5)[0], said)[0] == 1


@given(Shares)
def test_answers_of_the_kind_get_their_odds(shares: np.ndarray) -> None:
    found = with_kind_odds(shares, np.arange(5) < 2)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found[0] / found[4], ODDS * shares[0] / shares[4])
    np.testing.assert_allclose(found[0] / found[1], shares[0] / shares[1])


@pytest.mark.parametrize("kind", Kind)
def test_an_answer_depends_on_what_is_asked_and_not_on_what_stands_beside_it(
    engine: MapperEngine, kind: Kind
) -> None:
    queries = [
        Query("d", "gender", kind=kind),
        Query("d", "a longer signal, which has no kind"),
        Query("another", "gender", kind=kind),
        Query("d", "gender"),
    ]
    for query, together in zip(queries, engine.answer(queries), strict=True):
        [alone] = engine.answer([query])
        assert alone.labels == together.labels
        assert alone.probability == pytest.approx(together.probability, abs=1e-4)


def test_an_answer_is_kept_for_its_kind(engine: MapperEngine) -> None:
    cache = AnswerCache(10)
    queries = [Query("d", "gender", kind=kind) for kind in (Kind.PII, Kind.BIAS, None)]
    first, again = (cache.answer(queries, engine.answer) for _ in range(2))
    assert (first.hits, first.misses, again.hits) == (0, 3, 3)
    assert len({c.probability for c in again.candidates}) == 3

"""The cache of model answers: with a real engine, or a function where failures are needed."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.answer_cache import AnswerCache
from engine.known_answers import read_answers, write_answers
from engine.mapper import MapperEngine
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.errors import ConfigError
from tests.support import tiny_llama


class Asked:
    """Answers by a function, and remembers what it was asked, call by call."""

    def __init__(self, answer: Callable[[Query], Candidate] | None = None) -> None:
        self.calls: list[list[Query]] = []
        self._answer = answer or candidate

    def __call__(self, queries: Sequence[Query]) -> list[Candidate]:
        self.calls.append(list(queries))
        return [self._answer(query) for query in queries]


def candidate(query: Query, status: CandidateStatus = CandidateStatus.OK) -> Candidate:
    text = f"of {query.detector}: {query.signal} ({query.draft})"
    return Candidate(text, 0.5, 0.6, status, ("OTHER.Safe",), 1)


@pytest.fixture(scope="module", params=["label_tokens", "text"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MapperEngine:
    labels = [["OTHER.Safe"], ["OTHER.Unknown"], ["PII.Contact.Email"], ["HARM.SPEECH.Threat"]]
    answers = labels if request.param == "label_tokens" else None
    folder = tmp_path_factory.mktemp("versions") / "1"
    return MapperEngine.load(tiny_llama.publish(folder, answers=answers), threads=1)


def test_a_cached_answer_is_the_models_and_costs_no_pass(engine: MapperEngine) -> None:
    cache = AnswerCache(100)
    queries = [Query(f"detector {i % 3}", f"signal {i}") for i in range(12)]
    uncached = engine.answer(queries)

    first = cache.answer(queries, engine.answer)
    again = cache.answer(queries[::-1], engine.answer)

    assert (first.hits, first.misses) == (0, 12)
    assert (again.hits, again.misses) == (12, 0)
    for cached in (first.candidates, again.candidates[::-1]):
        assert [c.labels for c in cached] == [c.labels for c in uncached]
        assert [c.probability for c in cached] == pytest.approx(
            [c.probability for c in uncached], abs=1e-4
        )
    assert {c.passes for c in again.candidates} == {0}


def test_answers_that_a_version_brings_along_are_hits(engine: MapperEngine, tmp_path: Path) -> None:
    queries = [Query("d", "one"), Query("d", 'two \u2028 "quoted"'), Query("é", "")]
    made = engine.answer(queries)
    late = dataclasses.replace(made[0], status=CandidateStatus.TIMEOUT)
    write_answers(tmp_path / "a", zip([*queries, Query("d", "late")], [*made, late], strict=True))
    cache, ask = AnswerCache(100), Asked()
    cache.fill(read_answers(tmp_path / "a", engine.confidence))

    answers = cache.answer([*queries, Query("d", "late")], ask)

    assert [[query.signal for query in call] for call in ask.calls] == [["late"]]
    for kept, fresh in zip(answers.candidates, made, strict=False):
        assert (kept.text, kept.labels, kept.passes) == (fresh.text, fresh.labels, 0)
        assert kept.confidence == pytest.approx(fresh.confidence, abs=1e-5)
        assert kept.families == fresh.families


def test_answers_of_older_exports_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('["d", "s", null, ["OTHER.Safe"], 0.5]\n', "utf-8")
    [(query, kept)] = read_answers(tmp_path / "a", float)
    assert (query.signal, kept.labels, kept.families) == ("s", ("OTHER.Safe",), ())


@pytest.mark.parametrize(
    "line", ["{", "[1, 2]", '["d", "s", null, 5, 0.5]', '["d", "s", null, ["x"], "y"]']
)
def test_a_damaged_answer_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "answers.jsonl"
    file.write_text(f'["d", "s", null, ["OTHER.Safe"], 0.5]\n{line}\n', "utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        list(read_answers(file, float))


def test_a_version_without_kept_answers_brings_none(tmp_path: Path) -> None:
    assert not list(read_answers(tmp_path / "answers.jsonl", float))


def test_hits_leave_the_batch_and_equal_misses_are_asked_once() -> None:
    cache, ask = AnswerCache(100), Asked()
    cache.answer([Query("d", "known")], ask)
    queries = [Query("d", signal) for signal in ("new", "known", "new", "other", "new")]

    answers = cache.answer(queries, ask)

    assert [q.signal for q in ask.calls[1]] == ["new", "other"]
    assert [c.text for c in answers.candidates] == [candidate(q).text for q in queries]
    assert (answers.hits, answers.misses, answers.shared) == (1, 2, 2)


def test_nobody_is_asked_when_all_is_known() -> None:
    cache, ask = AnswerCache(100), Asked()
    cache.answer([Query("d", "s")], ask)
    cache.answer([Query("d", "s"), Query("d", "s")], ask)
    cache.answer([], ask)
    assert len(ask.calls) == 1


def test_a_signal_is_known_as_the_prompt_spells_it() -> None:
    cache, ask = AnswerCache(100), Asked()
    same = [
        Query("d", "hate speech"),
        Query(" d", "hate\n\tspeech "),
        Query("d", "hate spe\u200bech"),
    ]
    others = [Query("d", "Hate speech"), Query("e", "hate speech"), Query("d hate", "speech")]
    for query in (*same, *others):
        cache.answer([query], ask)
    assert [call[0] for call in ask.calls] == [_dated(q) for q in (same[0], *others)]


def test_neither_part_of_a_query_passes_for_the_other() -> None:
    cache, ask = AnswerCache(100), Asked()
    cache.answer([Query("d\nSignal: a", "b"), Query("d", "a\nSignal: b")], ask)
    assert len(ask.calls[0]) == 2


@pytest.mark.parametrize("status", [CandidateStatus.TIMEOUT, CandidateStatus.ERROR])
def test_only_finished_answers_are_kept(status: CandidateStatus) -> None:
    cache, failing, ask = AnswerCache(100), Asked(lambda q: candidate(q, status)), Asked()
    assert cache.answer([Query("d", "s")], failing).candidates[0].status is status
    assert cache.answer([Query("d", "s")], ask).candidates[0].status is CandidateStatus.OK
    assert len(ask.calls) == 1


def test_what_was_used_last_is_kept() -> None:
    cache, ask = AnswerCache(2), Asked()
    for signal in ("a", "b", "a", "c", "a", "b"):
        cache.answer([Query("d", signal)], ask)
    assert [call[0].signal for call in ask.calls] == ["a", "b", "c", "b"]


def test_without_entries_nothing_is_kept_and_equal_queries_still_share() -> None:
    cache, ask = AnswerCache(0), Asked()
    for _ in range(2):
        answers = cache.answer([Query("d", "s")] * 3, ask)
        assert (answers.hits, answers.misses, answers.shared) == (0, 1, 2)
    assert [len(call) for call in ask.calls] == [1, 1]


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 is negative"):
        AnswerCache(-1)


def test_a_query_that_is_late_is_not_answered_from_the_cache(engine: MapperEngine) -> None:
    cache, past = AnswerCache(100), time.monotonic() - 1
    cache.answer([Query("d", "s")], engine.answer)

    late, known, new = cache.answer(
        [Query("d", "s", deadline=past), Query("d", "s"), Query("d", "t")], engine.answer
    ).candidates

    assert late.status is CandidateStatus.TIMEOUT
    assert (known.status, new.status) == (CandidateStatus.OK, CandidateStatus.OK)
    assert cache.answer([Query("d", "s")], engine.answer).hits == 1


def test_equal_queries_are_asked_once_with_the_latest_deadline() -> None:
    cache, ask, now = AnswerCache(100), Asked(), time.monotonic()
    cache.answer([Query("d", "s", None, now + 50), Query("d", "s\u200b", None, now + 90)], ask)
    assert ask.calls == [[Query("d", "s", None, now + 90)]]


def test_a_draft_is_part_of_the_question() -> None:
    cache, ask = AnswerCache(100), Asked()
    drafted, bare = Query("d", "s", ("OTHER.Safe",)), Query("d", "s")

    together = cache.answer([drafted, bare], ask).candidates
    apart = [cache.answer([query], ask).candidates[0] for query in (bare, drafted)]

    assert [c.text for c in together] == [candidate(drafted).text, candidate(bare).text]
    assert [c.text for c in apart] == [candidate(bare).text, candidate(drafted).text]


def test_threads_may_share_it() -> None:
    cache = AnswerCache(8)

    def work(seed: int) -> None:
        for i in range(200):
            queries = [Query("d", str((seed * 7 + i * step) % 40)) for step in (1, 3, 5)]
            answers = cache.answer(queries, Asked())
            assert [c.text for c in answers.candidates] == [candidate(q).text for q in queries]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(work, range(8))) == [None] * 8


def _dated(query: Query) -> Query:
    """As it is asked: without a deadline there is time for ever."""
    return Query(query.detector, query.signal, query.draft, math.inf)

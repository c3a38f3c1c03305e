"""Computes a version's answers to the known signals of detectors in advance.

In: a loaded version, the curated vocabulary and composites, and the recorded answers of the same
graph. Out: its answers, for a file of the version. The signals are those that the ensemble's first
step reads.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from engine.mapper import MapperEngine
from export.data.rows import DATA, load_rows
from export.publishing.recorded import KnownAnswer, key
from pipeline.steps import load_pipeline, queries_of
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.text import normalise

_BATCH = 64


def known_queries() -> list[Query]:
    """Every signal of every curated output with a rule, once, under its detector's name, with the
    draft of the service. Answers that depend on near texts or on a kind are computed on request."""
    pipeline = load_pipeline()
    rows = [*load_rows(), *load_rows(DATA / "composites.jsonl")]
    found = [query for row in rows for query in queries_of(pipeline.read(row.detector, row.output))]
    return list(dict.fromkeys(query for query in found if query.draft and query.kind is None))


def spoken_by_all(
    phrases: Mapping[str, int], answers: Sequence[Sequence[str]]
) -> Callable[[Query], bool]:
    """Whether a query's words have the meaning of its draft for all detectors.

    phrases: normal forms and the rows of their label sets among `answers`.
    """

    def spoken(query: Query) -> bool:
        row = phrases.get(normalise(query.signal))
        return row is not None and query.draft is not None and {*answers[row]} == {*query.draft}

    return spoken


def answer_known(
    engine: MapperEngine,
    spoken: Callable[[Query], bool],
    known: Mapping[tuple[Any, ...], KnownAnswer],
) -> tuple[list[KnownAnswer], int]:
    """The finished answers to `known_queries`, and the number of computed ones.

    known: recorded answers that are valid, by `export.publishing.recorded.key`.
    """
    asked = [
        (KnownAnswer(q.detector, q.signal, q.draft, spoken(q), (), 0.0), q) for q in known_queries()
    ]
    new = [(question, query) for question, query in asked if key(question) not in known]
    found = dict(known)
    with tqdm(total=len(new), desc="      answering", unit="signal") as bar:
        for start in range(0, len(new), _BATCH):
            part = new[start : start + _BATCH]
            made = engine.answer([query for _, query in part])
            found |= {
                key(q): _answered(q, m) for (q, _), m in zip(part, made, strict=True) if _ok(m)
            }
            bar.update(len(part))
    answers = [found[key(question)] for question, _ in asked if key(question) in found]
    return answers, len(new)


def as_served(answers: Iterable[KnownAnswer]) -> Iterator[tuple[Query, Candidate]]:
    """Known answers as `engine.known_answers` writes them."""
    for a in answers:
        made = Candidate(
            "",
            probability=a.probability,
            labels=a.labels,
            retrieved=a.retrieved,
            families=a.families,
        )
        yield Query(a.detector, a.signal, a.draft), made


def _ok(candidate: Candidate) -> bool:
    return candidate.status is CandidateStatus.OK and bool(candidate.labels)


def _answered(question: KnownAnswer, made: Candidate) -> KnownAnswer:
    return replace(
        question,
        labels=made.labels,
        probability=round(made.probability, 6),
        retrieved=round(made.retrieved, 6),
        families=made.families,
    )

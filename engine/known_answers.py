"""The known answers of a version: those of its graph to expected signals, computed at export.

In: queries and candidates to write, or a file to read. Out: the file, or entries for the answer
cache, so that a new process answers a known vocabulary at once. Confidences are not stored: they
are computed from the version's calibration. Independent of the source of the signals.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from engine.confidence import cap_unknown
from engine.decoder import candidate_text
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.errors import ConfigError

ANSWERS = "answers.jsonl"


def write_answers(file: Path, answers: Iterable[tuple[Query, Candidate]]) -> None:
    """One JSON array per line: detector, signal, draft, labels, probability, retrieved, families;
    finished answers."""
    lines = (
        json.dumps(
            [
                query.detector,
                query.signal,
                query.draft,
                candidate.labels,
                round(candidate.probability, 6),
                round(candidate.retrieved, 6),
                candidate.families,
            ],
            ensure_ascii=False,
        )
        for query, candidate in answers
        if candidate.status is CandidateStatus.OK and candidate.labels
    )
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_answers(
    file: Path, confidence: Callable[[float], float]
) -> Iterator[tuple[Query, Candidate]]:
    """The answers of `write_answers`; none without a file, as in versions of older exports.

    Raises ConfigError with the line.
    """
    if not file.is_file():
        return
    for number, line in enumerate(_lines(file), start=1):
        try:
            detector, signal, draft, labels, probability, *more = json.loads(line)
            retrieved, families = more or (0.0, ())  # older exports have neither
            made = Candidate(
                text=candidate_text(labels),
                labels=tuple(labels),
                probability=probability,
                confidence=cap_unknown(labels, confidence(probability)),
                status=CandidateStatus.OK,
                passes=0,
                retrieved=retrieved,
                families=tuple((general, share) for general, share in families),
                likely=((tuple(labels), probability),),
            )
        except (ValueError, TypeError) as error:
            raise ConfigError(file, f"line {number}", f"{error}; export again") from error
        yield Query(detector, signal, draft and tuple(draft)), made


def _lines(file: Path) -> list[str]:
    """Not `splitlines`: a signal may hold U+2028."""
    return [line for line in file.read_text(encoding="utf-8").split("\n") if line]

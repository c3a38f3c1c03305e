"""What detectors are known to say, answered by a version before anybody asks.

In: a loaded version, the curated vocabulary and composites. Out: its answers, for the file that
the version brings along. The signals are those the ensemble's first step reads.
"""

from collections.abc import Iterator

from tqdm import tqdm

from engine.mapper import MapperEngine
from export.data.rows import DATA, load_rows
from pipeline.steps import load_pipeline, queries_of
from schemas.candidate import Candidate, Query

_BATCH = 64


def known_queries() -> list[Query]:
    """Every signal of every curated output once, under its detector's name, drafted as served."""
    pipeline = load_pipeline()
    rows = [*load_rows(), *load_rows(DATA / "composites.jsonl")]
    found = [query for row in rows for query in queries_of(pipeline.read(row.detector, row.output))]
    return list(dict.fromkeys(found))


def answer_known(engine: MapperEngine) -> Iterator[tuple[Query, Candidate]]:
    """The version's answers to `known_queries`."""
    queries = known_queries()
    with tqdm(total=len(queries), desc="      answering", unit="signal") as bar:
        for start in range(0, len(queries), _BATCH):
            part = queries[start : start + _BATCH]
            yield from zip(part, engine.answer(part), strict=True)
            bar.update(len(part))

"""What detectors are known to say, answered by a version before anybody asks.

In: a loaded version, the curated vocabulary and composites. Out: its answers, for the file that
the version brings along. The signals are those the ensemble's first step reads.
"""

from collections.abc import Iterator

from tqdm import tqdm

from engine.mapper import Candidate, MapperEngine, Query
from export.data.rows import DATA, load_rows
from fallback.rules.lookup import load_rules
from fallback.signals import SignalReader

_BATCH = 64


def known_queries() -> list[Query]:
    """Every signal of every curated output once, under its detector's name, drafted as served."""
    rules = load_rules()
    reader = SignalReader(rules)
    rows = [*load_rows(), *load_rows(DATA / "composites.jsonl")]
    found = [
        Query(row.detector, signal.text, rules.map(row.detector, signal).draft)
        for row in rows
        for signal in reader.read(row.detector, row.output)
    ]
    return list(dict.fromkeys(found))


def answer_known(engine: MapperEngine) -> Iterator[tuple[Query, Candidate]]:
    """The version's answers to `known_queries`."""
    queries = known_queries()
    with tqdm(total=len(queries), desc="      answering", unit="signal") as bar:
        for start in range(0, len(queries), _BATCH):
            part = queries[start : start + _BATCH]
            yield from zip(part, engine.answer(part), strict=True)
            bar.update(len(part))

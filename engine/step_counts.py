"""What the model step counts, for whoever shows it: names, meanings, and what a batch adds.

In: a batch as it was asked and answered. Out: amounts by series. It does not know Triton's
metrics, nor where the names are read.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from engine.answer_cache import Answers
from engine.decoder import Status
from engine.mapper import Candidate, Query

Series = tuple[str, str]
"""A counter, and the value of its label; empty where it has none."""

PREFIX: Final = "mapper_ensemble_model_"

#: Counters by name: the meaning, and the label with its values.
COUNTERS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "cache_total": (
        "Signals by the cache's word: hit, miss, or shared with an equal one of the batch",
        "result",
        ("hit", "miss", "shared"),
    ),
    "answers_total": (
        "Signals that the model was asked, by how far it got",
        "status",
        tuple(status.value for status in Status),
    ),
    "passes_total": ("Forward passes, counted once for each signal in them", "", ("",)),
    "drafts_total": (
        "Finished answers to signals that came with a draft, by whether it was the answer",
        "result",
        ("accepted", "rejected"),
    ),
}
#: Histograms by name: the meaning, and the upper edges of the buckets.
HISTOGRAMS: Final[Mapping[str, tuple[str, tuple[float, ...]]]] = {
    "batch_rows": ("Signals that the model answered together", (1, 2, 4, 8, 16, 32, 64)),
    "batch_seconds": (
        "Seconds in which the model answered signals together",
        (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0),
    ),
}


def batch_counts(queries: Sequence[Query], candidates: Sequence[Candidate]) -> Counter[Series]:
    """Of the queries that the engine was asked together."""
    counts: Counter[Series] = Counter(("answers_total", c.status.value) for c in candidates)
    counts["passes_total", ""] += sum(c.passes for c in candidates)
    for query, candidate in zip(queries, candidates, strict=True):
        if query.draft and candidate.status is Status.OK:
            accepted = set(candidate.labels) == set(query.draft)
            counts["drafts_total", "accepted" if accepted else "rejected"] += 1
    return +counts


def cache_counts(answers: Answers) -> Counter[Series]:
    """Of the queries that came together."""
    found = {"hit": answers.hits, "miss": answers.misses, "shared": answers.shared}
    return +Counter({("cache_total", result): count for result, count in found.items()})


def rows_computed(candidates: Sequence[Candidate]) -> int:
    """Queries that took part in a pass."""
    return sum(candidate.passes > 0 for candidate in candidates)

"""The metrics of `llama_mapper` on Triton's metrics page, under `mapper_ensemble_model_*`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.answer_cache import Answers
from schemas.candidate import Candidate, CandidateStatus, Query

Series = tuple[str, str]
"""A counter, and the value of its label; empty if it has none."""

PREFIX: Final = "mapper_ensemble_model_"

#: Counters by name: the meaning, and the label with its values.
COUNTERS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "cache_total": (
        "Signals by cache result: hit, miss, or shared with an equal one of the batch",
        "result",
        ("hit", "miss", "shared"),
    ),
    "answers_total": (
        "Signals that the model step received, by status",
        "status",
        tuple(status.value for status in CandidateStatus),
    ),
    "passes_total": ("Forward passes, counted once per signal in them", "", ("",)),
    "drafts_total": (
        "Finished answers to signals with a draft, by whether they equal it",
        "result",
        ("accepted", "rejected"),
    ),
}
#: Histograms by name: the meaning, and the upper edges of the buckets.
HISTOGRAMS: Final[Mapping[str, tuple[str, tuple[float, ...]]]] = {
    "batch_rows": ("Signals that the model answered in one batch", (1, 2, 4, 8, 16, 32, 64)),
    "batch_seconds": (
        "Seconds per batch of the model step",
        (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0),
    ),
}


def batch_counts(queries: Sequence[Query], candidates: Sequence[Candidate]) -> Counter[Series]:
    """The counts of the queries of one call of the engine."""
    counts: Counter[Series] = Counter(("answers_total", c.status.value) for c in candidates)
    counts["passes_total", ""] += sum(c.passes for c in candidates)
    for query, candidate in zip(queries, candidates, strict=True):
        if query.draft and candidate.status is CandidateStatus.OK:
            accepted = set(candidate.labels) == set(query.draft)
            counts["drafts_total", "accepted" if accepted else "rejected"] += 1
    return +counts


def cache_counts(answers: Answers) -> Counter[Series]:
    """The counts of the queries of one batch."""
    found = {"hit": answers.hits, "miss": answers.misses, "shared": answers.shared}
    return +Counter({("cache_total", result): count for result, count in found.items()})


def rows_computed(candidates: Sequence[Candidate]) -> int:
    """Queries that took part in a pass."""
    return sum(candidate.passes > 0 for candidate in candidates)


class ModelMetrics:
    """`COUNTERS` and `HISTOGRAMS` of one loaded version, every series present from the start."""

    def __init__(self, pb_utils: Any, version: str) -> None:
        """pb_utils: the module `triton_python_backend_utils` of the running stub."""
        # Two versions may be loaded at once, so each series names its version.
        own = {"version": version}
        self._families: list[Any] = []  # a family's series end with the object
        self._counters: dict[Series, Any] = {}
        self._histograms: dict[str, Any] = {}
        for name, (text, label, values) in COUNTERS.items():
            family = self._family(pb_utils, name, text, pb_utils.MetricFamily.COUNTER)
            for value in values:
                labels = own | ({label: value} if label else {})
                self._counters[name, value] = family.Metric(labels=labels)
        for name, (text, edges) in HISTOGRAMS.items():
            family = self._family(pb_utils, name, text, pb_utils.MetricFamily.HISTOGRAM)
            self._histograms[name] = family.Metric(labels=own, buckets=list(edges))

    def cached(self, answers: Answers) -> None:
        """Count the cache hits and misses of one batch."""
        self._count(cache_counts(answers))

    def computed(
        self, queries: Sequence[Query], candidates: Sequence[Candidate], seconds: float
    ) -> None:
        """Count the queries of one call of the engine, and its time."""
        self._count(batch_counts(queries, candidates))
        if rows := rows_computed(candidates):
            self._histograms["batch_rows"].observe(rows)
            self._histograms["batch_seconds"].observe(seconds)

    def _count(self, counts: Counter[Series]) -> None:
        for series, count in counts.items():
            self._counters[series].increment(count)

    def _family(self, pb_utils: Any, name: str, text: str, kind: Any) -> Any:
        family = pb_utils.MetricFamily(name=PREFIX + name, description=text, kind=kind)
        self._families.append(family)
        return family

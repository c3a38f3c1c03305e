"""A cache of the model's answers; equal queries of a batch are computed once.

In: queries, and a function that answers those without an entry. Out: one candidate per query.
The key of an entry has everything that the answer depends on: detector, signal, draft and kind, in
the query's normal form. Only finished answers of the model are stored. A key is a digest, so the
text of a signal is not stored.

A cache belongs to one loaded version in one process, so that model, taxonomy and prompt of an entry
never change; a new version starts with its own known answers.
"""

import dataclasses
import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from schemas.candidate import Candidate, CandidateStatus, Query

Ask = Callable[[Sequence[Query]], Sequence[Candidate]]


@dataclass(frozen=True, slots=True)
class Answers:
    """candidates: one per query, order kept; passes is 0 for a cached answer.

    hits, misses: queries answered from the cache, and by the model. shared: queries that got the
    answer to an equal one of the same batch.
    """

    candidates: list[Candidate]
    hits: int
    misses: int
    shared: int


class AnswerCache:
    """The most recently used answers. Threads may share it."""

    def __init__(self, entries: int) -> None:
        """entries: the most answers; 0 disables the cache."""
        if entries < 0:
            raise ValueError(f"cache entries: {entries} is negative; 0 switches the cache off")
        self._kept: LRUCache[bytes, Candidate] = LRUCache(entries)
        self._lock = threading.Lock()

    def fill(self, known: Iterable[tuple[Query, Candidate]]) -> None:
        """Store answers from elsewhere; of too many, the last ones."""
        self._keep((_key(query), candidate) for query, candidate in known)

    def answer(self, queries: Sequence[Query], ask: Ask) -> Answers:
        """Answer from the cache; `ask` answers the rest in one call, if there is a rest.

        A query whose deadline has passed is not looked up: `ask` returns its timeout.
        """
        now = time.monotonic()
        found: dict[int, Candidate] = {}
        late: list[int] = []
        waiting: dict[bytes, list[int]] = {}
        for i, query in enumerate(queries):
            if _deadline(query) <= now:
                late.append(i)
            elif (kept := self._get(key := _key(query))) is not None:
                found[i] = kept
            else:
                waiting.setdefault(key, []).append(i)
        hits = len(found)
        groups = [*waiting.values(), *([i] for i in late)]
        asked = [_together([queries[i] for i in group]) for group in groups]
        answered = ask(asked) if asked else []
        for group, candidate in zip(groups, answered, strict=True):
            found.update(dict.fromkeys(group, candidate))
        self._keep(zip(waiting, answered, strict=False))  # the late ones come last
        return Answers(
            candidates=[found[i] for i in range(len(queries))],
            hits=hits,
            misses=len(waiting),
            shared=sum(len(group) - 1 for group in groups),
        )

    def _get(self, key: bytes) -> Candidate | None:
        with self._lock:
            return self._kept.get(key)

    def _keep(self, answered: Iterable[tuple[bytes, Candidate]]) -> None:
        if not self._kept.maxsize:
            return
        with self._lock:
            for key, candidate in answered:
                if candidate.status is CandidateStatus.OK:
                    self._kept[key] = dataclasses.replace(candidate, passes=0)


def _key(query: Query) -> bytes:
    """A digest of detector, signal, draft and kind; JSON separates the parts."""
    parts = json.dumps([query.detector, query.signal, query.draft, query.kind]).encode()
    return hashlib.blake2b(parts, digest_size=16).digest()


def _deadline(query: Query) -> float:
    return math.inf if query.deadline is None else query.deadline


def _together(equal: Sequence[Query]) -> Query:
    """One query for several equal ones, with the latest deadline."""
    return dataclasses.replace(equal[0], deadline=max(map(_deadline, equal)))

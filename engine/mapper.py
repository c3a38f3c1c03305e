"""The model's answers to signals: the engine of `llama_mapper`, without Triton.

In: a published version once, then queries. Out: one candidate per query, with the calibrated
confidence that its whole label set is right. Independent of curated rules, thresholds and events.
Every query gets an answer: a failure is a status, never an exception.
"""

import copy
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from engine.confidence import MAX_UNSURE, Calibration, cap_partial, cap_unknown
from engine.decoder import NO_VOTES, Decoder, Prompt, Votes, unfinished
from engine.kinds import ambiguous_words, wrapped
from engine.label_decoder import LabelDecoder
from engine.loading import answer_decoder, device_named, prompt_encoder
from engine.prompt import PromptEncoder
from engine.retrieval.glossary import NO_GLOSSARY, Gloss, Glossary, read_glossary
from engine.retrieval.neighbours import KNOWN_WEIGHT, NO_NEIGHBOURS, Neighbours, read_neighbours
from engine.runtime.pass_cost import MAX_PASS_S, PassCost
from engine.runtime.session import Device, LlamaSession
from engine.version import WritesLabelTokens, read_version
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.errors import ConfigError
from schemas.text import normalise

MAX_BATCH = 16
"""The most queries in one pass."""

MIN_REMAINING_S = 0.050
"""Seconds. Queries with less time left are answered after the others of the batch."""

_log = logging.getLogger(__name__)


class MapperEngine:
    """One loaded version. One thread at a time."""

    def __init__(
        self,
        model_id: str,
        prompts: PromptEncoder,
        decoder: Decoder,
        calibration: Calibration,
        max_batch: int = MAX_BATCH,
        seconds: Callable[[Sequence[int]], float] = lambda lengths: 0.0,
        *,
        keeps_prefixes: bool = False,
        neighbours: Neighbours = NO_NEIGHBOURS,
        answers: Sequence[Sequence[str]] = (),
        glossary: Glossary = NO_GLOSSARY,
    ) -> None:
        """seconds: duration of one pass over rows of these lengths; keeps_prefixes: whether the
        decoder caches the detector's part of a prompt, so that a pass should have one detector;
        neighbours: training texts, answers by index; glossary: of languages that are translated to
        English word by word."""
        self.model_id = model_id
        self.confidence = calibration
        self._prompts = prompts
        self._decoder = decoder
        self._max_batch = max_batch
        self._seconds = seconds
        self._keeps_prefixes = keeps_prefixes
        self._neighbours = neighbours
        self._answers = [frozenset(labels) for labels in answers]
        self._glossary = glossary
        self._ambiguous = ambiguous_words(
            {text: answers[row] for text, row in neighbours.texts.items()}
        )

    @classmethod
    def load(
        cls,
        version_dir: Path | str,
        *,
        threads: int,
        max_input_tokens: int = 128,
        max_new_tokens: int = 64,
        max_batch: int = MAX_BATCH,
        device: str = Device.CPU,
    ) -> "MapperEngine":
        """Load a published version; passes are timed to compute the most rows of one.

        threads: cores per pass; max_input_tokens, max_new_tokens: limits of a signal and of a
        written answer; device: cpu, or cuda. Raises ConfigError with file and key."""
        version = read_version(version_dir)
        shape = version.shape
        prompts = prompt_encoder(version, max_input_tokens)
        longest = prompts.max_prompt_tokens + max_new_tokens
        if longest > shape.max_position:
            raise ConfigError(
                version.path / "manifest.json",
                "config.max_position",
                f"{shape.max_position} is less than the longest prompt and answer, {longest};"
                " lower max_input_tokens",
            )
        session = LlamaSession(
            version.graph,
            shape,
            threads=threads,
            prefix=prompts.prefix_ids,
            prefix_file=version.prefix,
            device=device_named(device),
        )
        decoder = answer_decoder(version, session, prompts, max_new_tokens)
        answers = version.writes.answers if isinstance(version.writes, WritesLabelTokens) else ()
        neighbours = read_neighbours(version.path, len(answers), threads)

        def one_pass(tokens: int) -> None:
            session.start(1).forward([[0] * tokens], keep=False)
            neighbours.votes(["a " * tokens])

        pass_cost = PassCost.measure(one_pass)

        def seconds(lengths: Sequence[int]) -> float:
            return pass_cost.seconds(sum(lengths))

        return cls(
            version.model_id,
            prompts,
            decoder,
            version.calibration,
            max_batch,
            seconds,
            keeps_prefixes=isinstance(decoder, LabelDecoder),
            neighbours=neighbours,
            answers=answers,
            glossary=read_glossary(version.path),
        )

    def without_retrieval(self) -> "MapperEngine":
        """The same model without retrieval."""
        alone = copy.copy(self)
        alone._neighbours = NO_NEIGHBOURS
        return alone

    def known(self, text: str) -> frozenset[str] | None:
        """The answer to a text that is in the version's training texts, in any spelling."""
        row = self._neighbours.known(text)
        return None if row is None else self._answers[row]

    def retrieve(self, texts: Sequence[str]) -> list[frozenset[str]]:
        """The answer of the training texts alone, without the model; empty if none is near."""
        glosses = [self._gloss(text) for text in texts]
        read = [gloss.text if gloss else text for text, gloss in zip(texts, glosses, strict=True)]
        return [
            self._answers[max(votes.weights, key=votes.weights.__getitem__)]
            if votes.weights
            else frozenset()
            for votes in self._neighbours.votes(read)
        ]

    def answer(self, queries: Sequence[Query]) -> list[Candidate]:
        """One candidate per query, order kept. Never raises for the content of a query.

        All answers return together. So the batch is split into passes that each end before the
        earliest deadline; rows that do not fit return TIMEOUT. Queries with less than
        `MIN_REMAINING_S` left are last and do not count for the earliest deadline."""
        glosses = [None if query.draft else self._gloss(query.signal) for query in queries]
        queries = [
            replace(query, signal=gloss.text) if gloss else query
            for query, gloss in zip(queries, glosses, strict=True)
        ]
        prompts = [self._prompt(query) for query in queries]
        begun = time.monotonic()
        due = [math.inf if query.deadline is None else query.deadline for query in queries]
        ahead = sorted(deadline for deadline in due if begun < deadline < math.inf)
        until = next(
            (d for d in ahead if d > begun + MIN_REMAINING_S), min(ahead, default=math.inf)
        )
        # By detector; then by length, for the least padding; rows with little time last.
        detectors = [p.ids[: p.detector_tokens] for p in prompts]
        group = {ids: n for n, ids in enumerate(dict.fromkeys(detectors))}
        order = [(group[ids], p.own_tokens) for ids, p in zip(detectors, prompts, strict=True)]
        rows = sorted(range(len(prompts)), key=lambda i: (due[i] < until, order[i]))
        candidates: dict[int, Candidate] = {}
        while rows:
            left = until - time.monotonic()
            _, alike = next(groupby(rows, key=lambda i: order[i][0]))
            count = self._fitting([order[i][1] for i in alike], min(MAX_PASS_S, left))
            if count == 0 and (left > MAX_PASS_S or not candidates):
                count = 1
            if count == 0:
                candidates |= {i: unfinished(CandidateStatus.TIMEOUT) for i in rows}
                break
            chosen, rows = rows[:count], rows[count:]
            asked = [queries[i] for i in chosen]
            decoded = self._decode(asked, [prompts[i] for i in chosen])
            candidates.update(zip(chosen, map(self._calibrated, asked, decoded), strict=True))
        return [
            candidates[i] if gloss is None or gloss.complete else cap_partial(candidates[i])
            for i, gloss in enumerate(glosses)
        ]

    def _gloss(self, text: str) -> Gloss | None:
        """The near votes; a text that is known word for word needs none."""
        return None if self._neighbours.known(text) is not None else self._glossary.gloss(text)

    def _prompt(self, query: Query) -> Prompt:
        ids = self._prompts.suffix_ids(query.detector, query.signal)
        detector_tokens = (
            len(self._prompts.detector_ids(query.detector)) if self._keeps_prefixes else 0
        )
        wrapped = self._with_kind(query)
        with_kind = None if wrapped is None else self._prompt(wrapped)
        return Prompt(
            ids, query.draft, query.deadline, detector_tokens, kind=query.kind, with_kind=with_kind
        )

    def _with_kind(self, query: Query) -> Query | None:
        """The query whose signal names the kind, if the kind is known and matters."""
        if query.kind is None or not self._is_ambiguous(query):
            return None
        return wrapped(query, query.kind)

    def _is_ambiguous(self, query: Query) -> bool:
        return normalise(query.signal) in self._ambiguous

    def _votes(self, queries: Sequence[Query]) -> list[Votes]:
        """The votes per query. The model alone decides a query with a draft, unless the signal is
        in the training texts with the draft's labels."""
        found = [NO_VOTES] * len(queries)
        for i, query in enumerate(queries):
            known = self._neighbours.known(query.signal) if query.draft else None
            if known is not None and self._answers[known] == set(query.draft or ()):
                found[i] = Votes({known: KNOWN_WEIGHT})
        free = [i for i, query in enumerate(queries) if not query.draft]
        near = self._neighbours.votes([queries[i].signal for i in free])
        for i, votes in zip(free, near, strict=True):
            found[i] = votes
        return found

    def _fitting(self, lengths: Sequence[int], limit: float) -> int:
        """The number of first rows that one pass answers in so many seconds."""
        most = min(len(lengths), self._max_batch)
        return next((n for n in range(most, 0, -1) if self._seconds(lengths[:n]) <= limit), 0)

    def _decode(self, queries: Sequence[Query], prompts: Sequence[Prompt]) -> list[Candidate]:
        try:
            wrapped_queries = filter(None, map(self._with_kind, queries))
            votes = iter(self._votes([*queries, *wrapped_queries]))
            alone = [replace(prompt, votes=next(votes)) for prompt in prompts]
            return self._decoder.decode(
                [
                    replace(p, with_kind=p.with_kind and replace(p.with_kind, votes=next(votes)))
                    for p in alone
                ]
            )
        except Exception:  # other batches and the rules still answer
            _log.exception("a batch of %d prompts failed", len(prompts))
            return [unfinished(CandidateStatus.ERROR) for _ in prompts]

    def _calibrated(self, query: Query, candidate: Candidate) -> Candidate:
        if candidate.status is not CandidateStatus.OK:
            return candidate
        sure = cap_unknown(candidate.labels, self.confidence(candidate.probability))
        if query.kind is None and not query.draft and self._is_ambiguous(query):
            return replace(candidate, confidence=min(sure, MAX_UNSURE), families=())
        return replace(candidate, confidence=sure)

"""The model's answer to signals: what `llama_mapper` serves, without Triton.

In: a published version once, then queries. Out: one candidate a query, with the calibrated
confidence that its whole label set is right. It does not know curated rules, thresholds or
events, and whatever a query says, it answers: with a status, never with an exception.
"""

import copy
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np

from engine.confidence import DOUBT, Calibration, doubted, in_part
from engine.decoder import NO_VOTES, Decoder, Prompt, Votes, unfinished
from engine.kinds import ambiguous_words, with_kind_said
from engine.label_decoder import LabelDecoder
from engine.prompt import PromptEncoder
from engine.retrieval.glossary import NO_GLOSSARY, Gloss, Glossary, read_glossary
from engine.retrieval.neighbours import KNOWN_WEIGHT, NO_NEIGHBOURS, Neighbours, read_neighbours
from engine.runtime.pass_cost import LIMIT, Pace
from engine.runtime.session import Device, LlamaSession
from engine.text.decoder import TextDecoder
from engine.text.grammar import Grammar
from engine.version import Version, WritesLabelTokens, read_version
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.errors import ConfigError
from schemas.event import decoding_schema
from schemas.taxonomy import load_taxonomy
from schemas.text import normalise

MAX_BATCH = 16
"""Queries in one pass, at most, however quick it is."""

HASTE = 0.050
"""Seconds. A query with less time is answered after the others of its batch."""

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
        leads: bool = False,
        neighbours: Neighbours = NO_NEIGHBOURS,
        answers: Sequence[Sequence[str]] = (),
        glossary: Glossary = NO_GLOSSARY,
    ) -> None:
        """seconds: what one pass for rows of these lengths takes; leads: whether the decoder
        keeps what it has read of a detector, so that a pass is best of one detector; neighbours:
        training texts, answers by index; glossary: of languages that are read in English."""
        self.model_id = model_id
        self.confidence = calibration
        self._prompts = prompts
        self._decoder = decoder
        self._max_batch = max_batch
        self._seconds = seconds
        self._leads = leads
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
        """Load a published version; passes are timed, to know how many rows one may have.

        threads: cores one pass uses; max_input_tokens, max_new_tokens: where a signal and a written
        answer are cut; device: cpu, or cuda. Raises ConfigError naming file and key."""
        version = read_version(version_dir)
        shape = version.shape
        prompts = _prompts(version, max_input_tokens)
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
            device=_device(device),
        )
        decoder = _decoder(version, session, prompts, max_new_tokens)
        answers = version.writes.answers if isinstance(version.writes, WritesLabelTokens) else ()
        neighbours = read_neighbours(version.path, len(answers), threads)

        def one_pass(tokens: int) -> None:
            session.start(1).feed([[0] * tokens], keep=False)
            neighbours.votes(["a " * tokens])

        pace = Pace.measure(one_pass)

        def seconds(lengths: Sequence[int]) -> float:
            return pace.seconds(sum(lengths))

        return cls(
            version.model_id,
            prompts,
            decoder,
            version.calibration,
            max_batch,
            seconds,
            leads=isinstance(decoder, LabelDecoder),
            neighbours=neighbours,
            answers=answers,
            glossary=read_glossary(version.path),
        )

    def without_retrieval(self) -> "MapperEngine":
        """The same model answering alone: what it has learned, and not what it looks up."""
        alone = copy.copy(self)
        alone._neighbours = NO_NEIGHBOURS
        return alone

    def known(self, text: str) -> frozenset[str] | None:
        """The answer to a text that stands in the version's training texts, however spelled."""
        row = self._neighbours.known(text)
        return None if row is None else self._answers[row]

    def retrieve(self, texts: Sequence[str]) -> list[frozenset[str]]:
        """What the training texts alone answer, without the model; empty where none is near."""
        glosses = [self._gloss(text) for text in texts]
        read = [gloss.text if gloss else text for text, gloss in zip(texts, glosses, strict=True)]
        return [
            self._answers[max(votes.weights, key=votes.weights.__getitem__)]
            if votes.weights
            else frozenset()
            for votes in self._neighbours.votes(read)
        ]

    def answer(self, queries: Sequence[Query]) -> list[Candidate]:
        """One candidate a query, order kept. Never raises for what a query contains.

        All answers leave together. So a pass has no more rows than it can answer before the first
        deadline, and another begins only if that one can still be kept; rows left over are a
        timeout. A deadline nearer than `HASTE` is kept only if the others leave room for it."""
        glosses = [None if query.draft else self._gloss(query.signal) for query in queries]
        queries = [
            replace(query, signal=gloss.text) if gloss else query
            for query, gloss in zip(queries, glosses, strict=True)
        ]
        prompts = [self._prompt(query) for query in queries]
        begun = time.monotonic()
        due = [math.inf if query.deadline is None else query.deadline for query in queries]
        ahead = sorted(deadline for deadline in due if begun < deadline < math.inf)
        until = next((d for d in ahead if d > begun + HASTE), min(ahead, default=math.inf))
        # By length, for the least padding; rows of one lead together; rows with little time last.
        group = {lead: n for n, lead in enumerate(dict.fromkeys(p.ids[: p.lead] for p in prompts))}
        order = [(group[p.ids[: p.lead]], p.own_tokens) for p in prompts]
        rows = sorted(range(len(prompts)), key=lambda i: (due[i] < until, order[i]))
        candidates: dict[int, Candidate] = {}
        while rows:
            left = until - time.monotonic()
            _, alike = next(groupby(rows, key=lambda i: order[i][0]))
            count = self._fitting([order[i][1] for i in alike], min(LIMIT, left))
            if count == 0 and (left > LIMIT or not candidates):
                count = 1
            if count == 0:
                candidates |= {i: unfinished(CandidateStatus.TIMEOUT) for i in rows}
                break
            chosen, rows = rows[:count], rows[count:]
            asked = [queries[i] for i in chosen]
            decoded = self._decode(asked, [prompts[i] for i in chosen])
            candidates.update(zip(chosen, map(self._calibrated, asked, decoded), strict=True))
        return [
            candidates[i] if gloss is None or gloss.complete else in_part(candidates[i])
            for i, gloss in enumerate(glosses)
        ]

    def _gloss(self, text: str) -> Gloss | None:
        """A text that is known word for word needs none."""
        return None if self._neighbours.known(text) is not None else self._glossary.gloss(text)

    def _prompt(self, query: Query) -> Prompt:
        ids = self._prompts.suffix_ids(query.detector, query.signal)
        lead = len(self._prompts.lead_ids(query.detector)) if self._leads else 0
        told = self._told(query)
        said = None if told is None else self._prompt(told)
        return Prompt(ids, query.draft, query.deadline, lead, kind=query.kind, said=said)

    def _told(self, query: Query) -> Query | None:
        """The query with its kind said, where the kind is known and matters."""
        if query.kind is None or not self._is_ambiguous(query):
            return None
        return with_kind_said(query, query.kind)

    def _is_ambiguous(self, query: Query) -> bool:
        return normalise(query.signal) in self._ambiguous

    def _votes(self, queries: Sequence[Query]) -> list[Votes]:
        """What the neighbours say. A draft is decided by the model alone, which knows the
        detector's name, unless the very words are known to mean the same for everyone."""
        found = [NO_VOTES] * len(queries)
        for i, query in enumerate(queries):
            known = self._neighbours.known(query.signal) if query.draft else None
            if known is not None and self._answers[known] == set(query.draft or ()):
                found[i] = Votes({known: KNOWN_WEIGHT})
        free = [i for i, query in enumerate(queries) if not query.draft]
        heard = self._neighbours.votes([queries[i].signal for i in free])
        for i, votes in zip(free, heard, strict=True):
            found[i] = votes
        return found

    def _fitting(self, lengths: Sequence[int], limit: float) -> int:
        """How many of the first rows one pass answers in so many seconds."""
        most = min(len(lengths), self._max_batch)
        return next((n for n in range(most, 0, -1) if self._seconds(lengths[:n]) <= limit), 0)

    def _decode(self, queries: Sequence[Query], prompts: Sequence[Prompt]) -> list[Candidate]:
        try:
            told = filter(None, map(self._told, queries))
            votes = iter(self._votes([*queries, *told]))
            alone = [replace(prompt, votes=next(votes)) for prompt in prompts]
            return self._decoder.decode(
                [replace(p, said=p.said and replace(p.said, votes=next(votes))) for p in alone]
            )
        except Exception:  # whatever went wrong, the other batches and the rules still answer
            _log.exception("a batch of %d prompts failed", len(prompts))
            return [unfinished(CandidateStatus.ERROR) for _ in prompts]

    def _calibrated(self, query: Query, candidate: Candidate) -> Candidate:
        if candidate.status is not CandidateStatus.OK:
            return candidate
        sure = doubted(candidate.labels, self.confidence(candidate.probability))
        if query.kind is None and not query.draft and self._is_ambiguous(query):
            return replace(candidate, confidence=min(sure, DOUBT), families=())
        return replace(candidate, confidence=sure)


def _device(name: str) -> Device:
    try:
        return Device(name)
    except ValueError:
        raise ConfigError(
            Path("MAPPER_DEVICE"), "device", f"{name!r} is none of {', '.join(Device)}"
        ) from None


def _prompts(version: Version, max_input_tokens: int) -> PromptEncoder:
    try:
        text = version.tokenizer.read_text("utf-8")
        return PromptEncoder(text, version.shape.bos, max_input_tokens)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise ConfigError(version.tokenizer, "(file)", f"is no tokenizer: {error}") from error


def _decoder(
    version: Version, session: LlamaSession, prompts: PromptEncoder, max_new_tokens: int
) -> Decoder:
    answers = version.writes.answers if isinstance(version.writes, WritesLabelTokens) else None
    rows = version.shape.vocab if answers is None else len(answers)
    try:
        head = np.load(version.head, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ConfigError(version.head, "(array)", f"does not load: {error}") from error
    if head.shape != (rows, version.shape.hidden) or head.dtype != np.float32:
        raise ConfigError(
            version.head,
            "(array)",
            f"{head.dtype}{list(head.shape)} instead of float32[{rows}, {version.shape.hidden}]",
        )
    if answers is not None:
        return LabelDecoder(session, head, answers)
    try:
        schema = decoding_schema(load_taxonomy())
        grammar = Grammar(schema, prompts.continuation_pieces, vocabulary=rows)
    except ValueError as error:
        raise ConfigError(version.tokenizer, "(grammar)", str(error)) from error
    return TextDecoder(session, head, grammar, max_new_tokens=max_new_tokens)

"""The model's answer to signals: what `llama_mapper` serves, without Triton.

In: a published version once, then queries. Out: one candidate a query, with the calibrated
confidence that its whole label set is right. It does not know curated rules, thresholds or
events, and whatever a query says, it answers: with a status, never with an exception.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.confidence import Calibration, doubted
from engine.decoder import NO_VOTES, Decoder, Prompt, Votes, unfinished
from engine.label_decoder import LabelDecoder
from engine.neighbours import KNOWN_WEIGHT, NO_NEIGHBOURS, Neighbours, read_neighbours
from engine.prompt import PromptEncoder
from engine.runtime.pass_cost import LIMIT, Pace
from engine.runtime.session import Device, LlamaSession
from engine.text.decoder import TextDecoder
from engine.text.grammar import Grammar
from engine.version import Version, WritesLabelTokens, read_version
from schemas.candidate import Candidate, CandidateStatus, Query
from schemas.config.errors import ConfigError
from schemas.event import decoding_schema
from schemas.taxonomy import load_taxonomy

MAX_BATCH = 16
"""Queries in one pass, at most, however quick it is."""

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
    ) -> None:
        """seconds: what one pass for rows of these lengths takes; leads: whether the decoder
        keeps what it has read of a detector, so that a pass is best of one detector; neighbours:
        training texts, whose answers are indexes into `answers`.
        """
        self.model_id = model_id
        self.confidence = calibration
        self._prompts = prompts
        self._decoder = decoder
        self._max_batch = max_batch
        self._seconds = seconds
        self._leads = leads
        self._neighbours = neighbours
        self._answers = [frozenset(labels) for labels in answers]

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
        """Load a published version, and time a few passes to know how many rows one may have.

        threads: cores one pass uses; max_input_tokens: where a signal is cut; max_new_tokens:
        where an answer written as text is cut; device: cpu, or cuda where it is to be had.
        Raises ConfigError naming file and key.
        """
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
        )

    def answer(self, queries: Sequence[Query]) -> list[Candidate]:
        """One candidate a query, order kept. Never raises for what a query contains.

        All answers leave together. So a pass has no more rows than it can answer before the
        first deadline, and another begins only if that one can still be kept; the rows that are
        left over are a timeout. Under more load than the machine carries, every pass that is made
        is thus in time for those who wait for it.
        """
        prompts = [self._prompt(query) for query in queries]
        begun = time.monotonic()
        ahead = [q.deadline for q in queries if q.deadline is not None and q.deadline > begun]
        until = min(ahead, default=math.inf)
        # By length: short rows do not wait for long ones, and rows of like length waste the
        # least padding where there is any. Leads together, as they come.
        group = {lead: n for n, lead in enumerate(dict.fromkeys(p.ids[: p.lead] for p in prompts))}
        order = [(group[p.ids[: p.lead]], len(p.ids) - p.lead) for p in prompts]
        rows = sorted(range(len(prompts)), key=order.__getitem__)
        candidates: dict[int, Candidate] = {}
        while rows:
            left = until - time.monotonic()
            lengths = [order[i][1] for i in rows if order[i][0] == order[rows[0]][0]]
            count = self._fitting(lengths, min(LIMIT, left))
            if count == 0 and (left > LIMIT or not candidates):
                count = 1
            if count == 0:
                candidates |= {i: unfinished(CandidateStatus.TIMEOUT) for i in rows}
                break
            chosen, rows = rows[:count], rows[count:]
            decoded = self._decode([queries[i] for i in chosen], [prompts[i] for i in chosen])
            candidates.update(zip(chosen, map(self._calibrated, decoded), strict=True))
        return [candidates[i] for i in range(len(queries))]

    def _prompt(self, query: Query) -> Prompt:
        ids = self._prompts.suffix_ids(query.detector, query.signal)
        lead = len(self._prompts.lead_ids(query.detector)) if self._leads else 0
        return Prompt(ids, query.draft, query.deadline, lead)

    def _votes(self, queries: Sequence[Query]) -> list[Votes]:
        """What the neighbours say. Where a detector's entry is curated its words are its own: the
        model, which knows the detector's name, decides alone, unless the very words are known to
        mean the same for everyone."""
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
            heard = zip(prompts, self._votes(queries), strict=True)
            return self._decoder.decode([replace(p, votes=votes) for p, votes in heard])
        except Exception:  # whatever went wrong, the other batches and the rules still answer
            _log.exception("a batch of %d prompts failed", len(prompts))
            return [unfinished(CandidateStatus.ERROR) for _ in prompts]

    def _calibrated(self, candidate: Candidate) -> Candidate:
        if candidate.status is not CandidateStatus.OK:
            return candidate
        sure = self.confidence(candidate.probability)
        return replace(candidate, confidence=doubted(candidate.labels, sure))


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

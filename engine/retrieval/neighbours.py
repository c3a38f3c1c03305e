"""kNN retrieval over a version's training texts, interpolated with the model's probabilities.

In: a version's files, then signals. Out: votes, which are weights of answers. A small model forgets
texts that it has read once among thirty thousand; retrieval finds them, and a sentence encoder
finds other spellings and wordings of them. The method is kNN-LM (Khandelwal et al. 2020,
Generalization through Memorization, arXiv 1911.00172) with sentence embeddings as keys.

Two encoders find near texts: one reads English, one reads sixteen languages. Both together are
right more often than each alone, for English too. Only the second one reads a text with letters of
another script than Latin.

Weights and temperature were chosen on the committed predictions of the folds, by their accuracy and
calibration (`make evaluate`).
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from engine.decoder import NO_VOTES, Votes
from engine.retrieval.multilingual import GRAPH, MultilingualEncoder, Nearest, has_other_letters
from engine.retrieval.negation import denies
from engine.runtime.session import Device, open_graph
from schemas.candidate import MAX_NEIGHBOURS
from schemas.config.errors import ConfigError
from schemas.text import normalise

PHRASES, ENCODER, ENCODER_TOKENIZER = "phrases.json", "encoder.onnx", "encoder-tokenizer.json"

KNOWN_WEIGHT = 0.9
"""Weight of the answer to a text that is in the training texts. Less than 1, so that the confidence
is higher if the model agrees."""

WEIGHT = 0.75
"""Highest sum of the weights of near texts, if no text is equal."""

NEAREST = 20
"""The number of texts with a vote."""

_TEMPERATURE = 0.04  # of cosines
# Cosines of the nearest text: up to the first it is unrelated; from the second on its votes have
# their full weight.
_FLOOR, _NEAR = 0.4, 0.7
_MAX_TOKENS = 64
"""The limit of a signal for the encoder; names of findings are far shorter."""


def votes_of(similarities: Sequence[float], answers: Sequence[int]) -> Votes:
    """The votes of the nearest texts: their cosines, nearest first, and their answers."""
    near = [(s, answer) for s, answer in zip(similarities, answers, strict=True) if s >= _FLOOR]
    shares: defaultdict[int, float] = defaultdict(float)
    for similarity, answer in near:
        shares[answer] += float(np.exp((similarity - near[0][0]) / _TEMPERATURE))
    if not near:
        return NO_VOTES
    trust = WEIGHT * min((near[0][0] - _FLOOR) / (_NEAR - _FLOOR), 1.0) / sum(shares.values())
    return Votes({answer: trust * share for answer, share in shares.items()}, near=True)


def same_polarity(text: str, phrases: Sequence[str], nearest: Nearest) -> Nearest:
    """The nearest phrases with the polarity of the text: both negated, or neither. A multilingual
    encoder does not distinguish them. Text and phrases in normal form."""
    wanted = denies(text)
    near = [(s, k) for s, k in zip(*nearest, strict=True) if denies(phrases[k]) == wanted]
    return [s for s, _ in near], [k for _, k in near]


def averaged(one: Votes, other: Votes) -> Votes:
    """The mean of the near votes of two encoders; the nearest texts of both, with the higher cosine
    for a text that both found."""
    shares: defaultdict[int, float] = defaultdict(float)
    for votes in (one, other):
        for answer, weight in votes.weights.items():
            shares[answer] += weight / 2
    if not shares:
        return NO_VOTES
    ascending = sorted((*one.nearest, *other.nearest), key=lambda text: text[2])
    texts = {text: (text, answer, cosine) for text, answer, cosine in ascending}
    nearest = sorted(texts.values(), key=lambda text: -text[2])[:MAX_NEIGHBOURS]
    return Votes(dict(shares), near=True, nearest=tuple(nearest))


def _by_length(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Groups of rows by length. The longest row of a group has at most twice the tokens of the
    shortest one, so less than half of a group is padding."""
    group: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and lengths[i] > 2 * lengths[group[0]]:
            yield group
            group = []
        group.append(i)
    if group:
        yield group


class Encoder:
    """The graph that finds the nearest texts, and its tokenizer."""

    def __init__(self, graph: Path, tokenizer: Path, threads: int) -> None:
        """Raises ConfigError if one of them does not load."""
        self._session, _ = open_graph(graph, threads, Device.CPU)
        self._check(graph)
        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # the tokenizers library raises bare Exception
            raise ConfigError(tokenizer, "(file)", f"is no tokenizer: {error}") from error
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.no_padding()

    @property
    def texts(self) -> int:
        """The number of texts in the graph."""
        return int(self._session.get_modelmeta().custom_metadata_map["texts"])

    def nearest(self, texts: Sequence[str]) -> list[Nearest]:
        """Cosines and indices of the nearest texts, NEAREST each, nearest first. Order kept."""
        encoded = self._tokenizer.encode_batch([normalise(text) for text in texts])
        found: dict[int, Nearest] = {}
        for rows in _by_length([len(one.ids) for one in encoded]):
            ids = np.zeros((len(rows), len(encoded[rows[-1]].ids)), np.int64)
            mask = np.zeros_like(ids)
            for row, i in enumerate(rows):
                ids[row, : len(encoded[i].ids)] = encoded[i].ids
                mask[row, : len(encoded[i].ids)] = 1
            similarities, indices = self._session.run(
                ["similarity", "text"], {"input_ids": ids, "attention_mask": mask}
            )
            near = zip(similarities.tolist(), indices.tolist(), strict=True)
            found |= zip(rows, near, strict=True)
        return [found[i] for i in range(len(texts))]

    def _check(self, graph: Path) -> None:
        inputs = {tensor.name for tensor in self._session.get_inputs()}
        outputs = {tensor.name for tensor in self._session.get_outputs()}
        known = self._session.get_modelmeta().custom_metadata_map
        if (inputs, outputs) != ({"input_ids", "attention_mask"}, {"similarity", "text"}):
            raise ConfigError(graph, "(tensors)", "are not those of an encoder; export again")
        if "texts" not in known:
            raise ConfigError(graph, "texts", "missing from its metadata; export again")


class Neighbours:
    """Training texts in normal form, each with the index of its answer, and their encoders."""

    def __init__(
        self,
        known: Mapping[str, int],
        encoder: Encoder | None = None,
        multilingual: MultilingualEncoder | None = None,
    ) -> None:
        """encoder, multilingual: over the texts of `known` in their order; without them only equal
        texts have votes."""
        self.texts = known
        self._phrases = list(known)
        self._answers = list(known.values())
        self._encoder = encoder
        self._multilingual = multilingual

    def known(self, text: str) -> int | None:
        """The index of the answer to a text whose normal form is in the training texts."""
        return self.texts.get(normalise(text)) if self.texts else None

    def votes(self, texts: Sequence[str]) -> list[Votes]:
        """The votes per text, order kept. A text without a letter or digit has none."""
        found = [NO_VOTES] * len(texts)
        unknown = []
        for i, text in enumerate(texts):
            if (answer := self.known(text)) is not None:
                same = (normalise(text), answer, 1.0)
                found[i] = Votes({answer: KNOWN_WEIGHT}, nearest=(same,))
            elif normalise(text):
                unknown.append(i)
        latin = [i for i in unknown if not has_other_letters(texts[i])]
        if self._encoder is not None and latin:
            near = self._encoder.nearest([texts[i] for i in latin])
            for i, nearest in zip(latin, near, strict=True):
                found[i] = self._votes(nearest)
        if self._multilingual is not None:
            for i in unknown:
                read = self._multilingual.nearest(texts[i])
                votes = NO_VOTES
                if read is not None:
                    votes = self._votes(same_polarity(normalise(texts[i]), self._phrases, read))
                found[i] = votes if has_other_letters(texts[i]) else averaged(found[i], votes)
        return found

    def _votes(self, nearest: Nearest) -> Votes:
        similarities, indices = nearest
        votes = votes_of(similarities, [self._answers[k] for k in indices])
        told = zip(similarities[:MAX_NEIGHBOURS], indices, strict=False)
        texts = tuple((self._phrases[k], self._answers[k], s) for s, k in told if s >= _FLOOR)
        return replace(votes, nearest=texts)


NO_NEIGHBOURS = Neighbours({})


def write_phrases(
    file: Path, phrases: Mapping[str, tuple[str, ...]], answers: Sequence[Sequence[str]]
) -> list[str]:
    """phrases: normal forms and their label sets; answers: those of the version, in row order.
    Returns the phrases that were written, in order: all whose label set the version can answer."""
    rows = {tuple(answer): i for i, answer in enumerate(answers)}
    known = {text: rows[labels] for text, labels in sorted(phrases.items()) if labels in rows}
    file.write_text(json.dumps(known, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    return list(known)


def read_neighbours(folder: Path, answers: int, threads: int) -> Neighbours:
    """The neighbours of a version's folder. Versions of older exports may lack parts: without
    phrases there are none, without an encoder only equal texts have votes, and without a
    multilingual encoder only English is read.

    answers: number of the version's answers. Raises ConfigError.
    """
    file = folder / PHRASES
    if not file.is_file():
        return NO_NEIGHBOURS
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(file, "(file)", f"not JSON ({error}); export again") from error
    if not isinstance(known, dict):
        raise ConfigError(file, "(file)", "not a JSON object; export again")
    for text, row in known.items():
        if not isinstance(row, int) or not 0 <= row < answers:
            raise ConfigError(file, repr(text), f"{row!r} is none of {answers} answers")
    if not (folder / ENCODER).is_file():
        return Neighbours(known)
    encoder = Encoder(folder / ENCODER, folder / ENCODER_TOKENIZER, threads)
    other = MultilingualEncoder(folder, threads) if (folder / GRAPH).is_file() else None
    for name, texts in ((ENCODER, encoder.texts), (GRAPH, other and other.texts)):
        if texts not in (None, len(known)):
            raise ConfigError(folder / name, "texts", f"{texts}, but {PHRASES} has {len(known)}")
    return Neighbours(known, encoder, other)

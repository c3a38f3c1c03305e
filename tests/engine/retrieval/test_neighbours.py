"""What neighbours say beside the model, on a tiny random Llama in the real runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.decoder import NoFindingRows, Votes, argmax_with_probability
from engine.mapper import MapperEngine
from engine.retrieval.neighbours import (
    ENCODER_TOKENIZER,
    KNOWN_WEIGHT,
    PHRASES,
    WEIGHT,
    votes_of,
    write_phrases,
)
from engine.version import read_version
from schemas.candidate import LEAST_LIKELY, MAX_LIKELY, Neighbour, Query
from schemas.config.errors import ConfigError
from schemas.taxonomy import load_taxonomy
from schemas.text import normalise
from tests.support import tiny_llama
from tests.support.tiny_encoder import write_encoder

ANSWERS = [[name] for name in load_taxonomy().names]


def load(version: Path) -> MapperEngine:
    return MapperEngine.load(version, threads=1)


def test_a_known_phrase_has_its_say_unless_a_draft_says_otherwise(tmp_path: Path) -> None:
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS)
    wanted, other = ("HARM.SPEECH.Threat",), ("PII.Contact.Email",)
    write_phrases(
        version / PHRASES,
        {"a known phrase": wanted, "no answer of it": ("X", "Y")},
        read_version(version).writes.answers,  # type: ignore[union-attr]
    )
    tiny_llama.list_anew(version)
    engine = load(version)
    [known, spelled, drafted, agreed, unknown] = engine.answer(
        [
            Query("d", "a known phrase"),
            Query("another", "A_KNOWN-phrase"),
            Query("d", "a known phrase", other),
            Query("d", "a known phrase", wanted),
            Query("d", "no answer of it"),
        ]
    )
    assert known.labels == spelled.labels == agreed.labels == wanted
    assert known.probability > KNOWN_WEIGHT
    (version / PHRASES).unlink()
    tiny_llama.list_anew(version)
    [alone, alike] = load(version).answer(
        [Query("d", "a known phrase"), Query("d", "no answer of it")]
    )
    assert (drafted.labels, drafted.probability) == (alone.labels, pytest.approx(alone.probability))
    assert unknown.labels == alike.labels


def test_near_texts_have_their_say_where_no_entry_is_curated(tmp_path: Path) -> None:
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS)
    threat, email = ("HARM.SPEECH.Threat",), ("PII.Contact.Email",)
    texts = {"threat of violence": threat, "email address": email, "violent threat of harm": threat}
    written = write_phrases(
        version / PHRASES,
        texts,
        read_version(version).writes.answers,  # type: ignore[union-attr]
    )
    tiny_llama.list_anew(version)
    without = load(version)
    write_encoder(version, written)
    tiny_llama.list_anew(version)
    engine = load(version)
    queries = [
        Query("d", "threat_of_harm"),
        Query("d", "email address"),  # known word for word
        Query("d", "the EmailAddress of whom"),
        Query("d", "e-mail"),  # near none
        Query("d", "threat_of_harm", email),
        Query("d", "!?"),
    ]
    [near, known, other, far, curated, nothing] = engine.answer(queries)
    assert near.labels == threat
    assert near.probability > WEIGHT
    assert near.neighbours == (
        Neighbour("violent threat of harm", threat, 0.866),
        Neighbour("threat of violence", threat, 0.6667),
    )
    assert known.neighbours == (Neighbour("email address", email, 1.0),)
    assert far.neighbours == curated.neighbours == nothing.neighbours == ()
    assert (known.labels, other.labels) == (email, email)
    assert known.probability > KNOWN_WEIGHT
    for found, query in zip((far, curated, nothing), (queries[i] for i in (3, 4, 5)), strict=True):
        [alone] = without.answer([query])
        assert (found.labels, found.probability) == (alone.labels, pytest.approx(alone.probability))
    for query, together in zip(queries, engine.answer(queries), strict=True):
        [alone] = engine.answer([query])
        assert alone.labels == together.labels
        assert alone.probability == pytest.approx(together.probability, abs=1e-4)


def test_the_farther_the_nearest_text_the_less_it_counts() -> None:
    totals = [sum(votes_of([s, s - 0.1], [0, 1]).weights.values()) for s in (0.9, 0.7, 0.5, 0.3)]
    assert totals[0] == totals[1] == pytest.approx(WEIGHT)
    assert 0 < totals[2] < WEIGHT / 2
    assert totals[3] == 0


def test_likeness_does_not_overrule_that_nothing_was_found() -> None:
    state, rows = np.array([1, 0], np.float32), np.array([[9, 0], [0, 4], [7, 0]], np.float32)
    near, same = Votes({1: 0.9}, near=True), Votes({1: 0.9})
    safe, both = NoFindingRows(safe=0), NoFindingRows(safe=0, unknown=1)

    def best(head: npt.NDArray[np.float32], *options: Any) -> int:
        return argmax_with_probability(state, head, *options)[0]

    assert best(rows, near) == best(rows, same, safe) == 1
    assert best(rows, near, safe) == 0
    assert best(rows[[0, 1, 2, 2]], near, safe) == 1  # the model is less sure of SAFE
    assert best(rows, near, both) == 1  # votes for UNKNOWN count


def test_an_encoder_of_other_texts_is_refused(tmp_path: Path) -> None:
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS)
    (version / PHRASES).write_text('{"a": 0, "b": 1}', "utf-8")
    write_encoder(version, ["a"])
    tiny_llama.list_anew(version)
    with pytest.raises(ConfigError, match=r"1, but phrases\.json has 2"):
        load(version)
    (version / ENCODER_TOKENIZER).unlink()
    tiny_llama.list_anew(version)
    with pytest.raises(ConfigError, match=ENCODER_TOKENIZER):
        load(version)


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 9999}', '{"a": "x"}', '{"a": -1}'])
def test_damaged_phrases_are_named(tmp_path: Path, content: str) -> None:
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS)
    (version / PHRASES).write_text(content, "utf-8")
    tiny_llama.list_anew(version)
    with pytest.raises(ConfigError, match=PHRASES):
        load(version)


def test_the_likeliest_answers_are_told_best_first(tmp_path: Path) -> None:
    engine = load(tiny_llama.publish(tmp_path / "1", answers=ANSWERS))
    for told in engine.answer([Query("d", text) for text in ("hate", "a name", "S5", "0x00")]):
        shares = [share for _, share in told.likely]
        assert told.likely[0][0] == told.labels
        assert shares == sorted(shares, reverse=True)
        assert shares[0] == pytest.approx(told.probability, abs=1e-4)
        assert all(share >= LEAST_LIKELY for share in shares[1:])
        assert len(shares) <= MAX_LIKELY
        assert sum(shares) <= 1 + 1e-3


def test_families_are_told_with_the_probability_of_their_answers_together(tmp_path: Path) -> None:
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS)
    phrases = {normalise(f"a {name}"): (name,) for name in load_taxonomy().names}
    write_phrases(
        version / PHRASES,
        phrases,
        read_version(version).writes.answers,  # type: ignore[union-attr]
    )
    tiny_llama.list_anew(version)
    engine = load(version)
    [leaf, other, safe] = engine.answer(
        [
            Query("d", f"a {name}")
            for name in ("HARM.SPEECH.Hate.Religion", "DATA.Confidential", "OTHER.Safe")
        ]
    )
    assert [general for general, _ in leaf.families] == [
        "HARM.SPEECH.Hate.Other",
        "HARM.Unspecified",
    ]
    hate, harm = (share for _, share in leaf.families)
    assert leaf.probability <= hate + 1e-4
    assert hate <= harm <= 1
    assert other.families == safe.families == ()
    assert leaf.retrieved == KNOWN_WEIGHT < leaf.probability
    [alone] = engine.without_retrieval().answer([Query("d", "a HARM.SPEECH.Hate.Religion")])
    assert alone.retrieved == 0
    assert alone.probability < KNOWN_WEIGHT
    assert engine.known("A_data.confidential") == {"DATA.Confidential"}
    assert engine.retrieve(["a OTHER.Safe", "what else"]) == [{"OTHER.Safe"}, frozenset()]

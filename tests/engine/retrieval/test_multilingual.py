"""Texts in other languages than English: pieces, routing between encoders, damaged files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.retrieval.multilingual import GRAPH, PIECES, TABLE, has_other_letters
from engine.retrieval.neighbours import PHRASES, WEIGHT, Neighbours, read_neighbours
from engine.retrieval.unigram import Unigram
from schemas.config.errors import ConfigError
from tests.support.tiny_encoder import CHARSMAP, write_encoder, write_multilingual

TEXTS = ["hate speech", "хейт спич", "email address"]
WORDS = ["hate", "speech", "хейт", "спич", "odio", "email", "address"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / PHRASES).write_text(
        '{"hate speech": 0, "хейт спич": 0, "email address": 1}', "utf-8"
    )
    write_encoder(tmp_path, TEXTS)
    write_multilingual(tmp_path, TEXTS, WORDS)
    return tmp_path


def read(folder: Path) -> Neighbours:
    return read_neighbours(folder, answers=2, threads=1)


def test_the_likeliest_pieces_are_chosen() -> None:
    pieces = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab", "c"]
    scores = np.array([0, 0, 0, -3, -2, -2, -3, -7, -2], np.float32)
    unigram = Unigram(pieces, scores, CHARSMAP)
    assert unigram.encode("ab", 9) == [1, 3, 6, 2]  # -6 beats -7 of one piece, -7 of three
    assert unigram.encode(" a  c ", 9) == [1, 3, 4, 3, 8, 2]
    assert unigram.encode("axé", 9) == [1, 3, 4, 0, 0, 2]
    assert unigram.encode("acacac", 3) == [1, 3, 4, 8, 2]
    assert unigram.encode("", 9) == [1, 2]
    with pytest.raises(ValueError, match="9 pieces, but 2 scores"):
        Unigram(pieces, scores[:2], CHARSMAP)


@given(st.text(max_size=40))
def test_every_text_has_pieces(text: str) -> None:
    unigram = Unigram(["<unk>", "<s>", "</s>", "▁"], np.zeros(4, np.float32), CHARSMAP)
    visible = text.encode("utf-8", "ignore").decode()
    found = unigram.encode(visible, 64)
    assert (found[0], found[-1]) == (1, 2)
    assert len(found) <= 66


@pytest.mark.parametrize("text", ["خطاب كراهية", "仇恨", "haine и", "घृणा", "ヘイト"])
def test_other_letters_than_latin_are_seen(text: str) -> None:
    assert has_other_letters(text)


@pytest.mark.parametrize(
    "text", ["", "S5", "número", "Straße", "đe dọa", "100 €", "— ✓", "nº", "\uff46\uff55"]
)
def test_latin_letters_digits_and_signs_are_no_other_letters(text: str) -> None:
    assert not has_other_letters(text)


def test_a_text_in_another_script_is_never_read_by_the_english_encoder(folder: Path) -> None:
    [near] = read(folder).votes(["хейт"])
    assert max(near.weights, key=near.weights.__getitem__) == 0
    (folder / GRAPH).unlink()
    [none] = read(folder).votes(["хейт"])
    assert not none.weights


def test_both_encoders_have_half_of_a_latin_text(folder: Path) -> None:
    [both, alone] = read(folder).votes(["hate of speech", "of speech"])
    assert sum(both.weights.values()) <= WEIGHT + 1e-9
    assert 0 < sum(alone.weights.values()) <= WEIGHT / 2 + 1e-9  # half of its pieces are unknown
    (folder / GRAPH).unlink()
    [english] = read(folder).votes(["of speech"])
    assert sum(english.weights.values()) == pytest.approx(2 * sum(alone.weights.values()))


def test_a_text_that_the_encoder_cannot_read_has_no_votes(folder: Path) -> None:
    [unread] = read(folder).votes(["घृणा भाषण"])
    assert not unread.weights


def test_order_is_kept_among_scripts(folder: Path) -> None:
    texts = ["email address", "спич хейт", "address of email", "!?", "hate hate"]
    found = read(folder).votes(texts)
    assert [max(v.weights, key=v.weights.__getitem__, default=None) for v in found] == [
        1,
        0,
        1,
        None,
        0,
    ]


@pytest.mark.parametrize("file", [GRAPH, TABLE, PIECES])
def test_a_damaged_file_is_named(folder: Path, file: str) -> None:
    (folder / file).write_bytes(b"no")
    with pytest.raises(ConfigError, match=file):
        read(folder)


def test_an_encoder_of_other_texts_is_refused(folder: Path) -> None:
    write_multilingual(folder, TEXTS[:1], WORDS)
    with pytest.raises(ConfigError, match=r"multilingual\.onnx.*1, but phrases\.json has 3"):
        read(folder)

"""Texts that are read in English, word by word, and what becomes of their answers."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.confidence import MAX_UNSURE, cap_partial
from engine.mapper import MapperEngine
from engine.retrieval.glossary import GLOSSARY, Gloss, Glossary, read_glossary, write_glossary
from engine.retrieval.neighbours import PHRASES, write_phrases
from engine.version import read_version
from schemas.candidate import Candidate, Query
from schemas.config.errors import ConfigError
from schemas.taxonomy import load_taxonomy
from tests.support import tiny_llama

ANSWERS = [[name] for name in load_taxonomy().names]
WORDS = {
    "पाठ": "text", "में": "in", "है": "", "घृणा": "hate", "घृणा भाषण": "hate speech", "धमकी": "threat",
    "सुरक्षित नहीं": "unsafe", "लेकिन": "but", "बम": "bomb", "नफ़रत": "hatred",
    "văn bản": "text", "chứa": "contains", "mật khẩu": "password", "bán": "sells", "bạn": "you",
    "không chứa": "does not contain", "tự tử": "suicide",
}  # fmt: skip
NEGATIONS = ["नहीं"]
GLOSSARY_OF_TEST = Glossary(WORDS, NEGATIONS)


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("घृणा भाषण", "hate speech"),
        ("पाठ में घृणा है।", "text in hate"),
        ("नफरत", "hatred"),
        ("पाठ में धमकी, घृणा", "text in threat, hate"),
        ("API में बम 7", "api in bomb 7"),
        ("Văn bản chứa mật khẩu.", "text contains password"),
        ("VĂN BẢN CHỨA MẬT KHẨU", "text contains password"),
        ("van ban khong chua mat khau", "text does not contain password"),
        ("tu tu", "suicide"),
    ],
)
def test_the_longest_known_terms_are_read(text: str, english: str) -> None:
    assert GLOSSARY_OF_TEST.gloss(text) == Gloss(english, complete=True)


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("पाठ में घृणा नहीं है।", "no text in hate"),
        ("घृणा नहीं है, लेकिन धमकी है।", "no hate, threat"),
        ("घृणा है लेकिन धमकी नहीं।", "hate, no threat"),
        ("पाठ सुरक्षित नहीं है।", "text unsafe"),
    ],
)
def test_a_negation_opens_its_clause(text: str, english: str) -> None:
    assert GLOSSARY_OF_TEST.gloss(text) == Gloss(english, complete=True)


def test_a_text_with_an_unknown_word_is_read_in_part() -> None:
    assert GLOSSARY_OF_TEST.gloss("पाठ में अज्ञात धमकी है") == Gloss("text in threat", complete=False)
    assert GLOSSARY_OF_TEST.gloss("अज्ञात धमकी") is None
    assert GLOSSARY_OF_TEST.gloss("है है") is None


@pytest.mark.parametrize(
    "text", ["", "!?", "hate speech", "ban", "ban chua", "văn bán xyz", "mat khau reset", "odio"]
)
def test_other_languages_have_no_gloss(text: str) -> None:
    assert GLOSSARY_OF_TEST.gloss(text) is None


@given(st.text(alphabet=[*"घृणा भाषणनहीं,.mat khậu-ban", "\u093c", "\ud800"], max_size=60))
def test_every_text_has_a_gloss_of_known_words_or_none(text: str) -> None:
    found = GLOSSARY_OF_TEST.gloss(text)
    if found is not None:
        assert found.text == found.text.strip() != ""
        assert GLOSSARY_OF_TEST.gloss(f" {text}. ") == found


def test_a_gloss_is_answered_in_place_of_its_text(tmp_path: Path) -> None:
    version = tiny_llama.publish(tmp_path / "1", answers=ANSWERS)
    writes = read_version(version).writes
    write_glossary(version / GLOSSARY, WORDS, NEGATIONS)
    known = {"mật khẩu": ("SECRET.Password",), "hate speech": ("HARM.SPEECH.Hate.Other",)}
    write_phrases(version / PHRASES, known, writes.answers)  # type: ignore[union-attr]
    tiny_llama.list_anew(version)
    engine = MapperEngine.load(version, threads=1)
    signals = ["घृणा भाषण", "hate speech", "mật khẩu", "बम", "bomb"]
    hate, hate_in_english, password, bomb, bomb_in_english = engine.answer(
        [Query("d", signal) for signal in signals]
    )
    assert hate.labels == hate_in_english.labels == known["hate speech"]
    assert hate.probability == pytest.approx(hate_in_english.probability)
    assert password.labels == known["mật khẩu"]
    assert (bomb.labels, bomb.probability) == (
        bomb_in_english.labels,
        pytest.approx(bomb_in_english.probability),
    )
    assert engine.retrieve(signals)[0] == set(known["hate speech"])


def test_a_text_that_was_read_in_part_is_not_cleared() -> None:
    safe = Candidate("", labels=("OTHER.Safe",), probability=0.9, confidence=0.9)
    threat = Candidate("", labels=("HARM.SPEECH.Threat",), probability=0.9, confidence=0.9)
    assert cap_partial(safe).confidence == MAX_UNSURE
    assert cap_partial(threat) == threat


@pytest.mark.parametrize("content", ["", "[]", '{"words": {}}', '{"words": 1, "negations": []}'])
def test_a_damaged_glossary_is_named(tmp_path: Path, content: str) -> None:
    assert read_glossary(tmp_path).gloss("बम") is None
    (tmp_path / GLOSSARY).write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=GLOSSARY):
        read_glossary(tmp_path)

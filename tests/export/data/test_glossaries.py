"""The glossaries of Hindi and Vietnamese against the texts of all languages."""

import re
from pathlib import Path

import pytest

from engine.retrieval.glossary import Glossary
from export.data.glossaries import glossaries
from export.data.items import build_items
from export.data.translations import phrases
from schemas.config.errors import ConfigError

pytestmark = pytest.mark.export

GLOSSED = ("hi", "vi")


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    return Glossary(*glossaries())


def test_texts_of_other_languages_have_no_gloss(glossary: Glossary) -> None:
    texts = [one.text for one in phrases() if one.language not in GLOSSED]
    texts += [item.text for item in build_items([]) if item.text.isascii()]
    assert [text for text in texts if glossary.gloss(text) is not None] == []


def test_every_phrase_to_learn_from_is_read(glossary: Glossary) -> None:
    texts = [one.text for one in phrases() if one.language in GLOSSED]
    assert len(texts) > 200
    assert [text for text in texts if glossary.gloss(text) is None] == []


def test_clean_verdicts_stay_negated_and_findings_stay_findings(glossary: Glossary) -> None:
    safe = [one for one in phrases() if one.language in GLOSSED and one.label == "OTHER.Safe"]
    other = [one for one in phrases() if one.language in GLOSSED and one.label != "OTHER.Safe"]
    clear = re.compile(r"\b(no|not|does not|safe|harmless|clean|complies|without)\b")
    for one in safe:
        gloss = glossary.gloss(one.text)
        assert gloss is not None
        assert clear.search(gloss.text), one.text
    for one in other:
        gloss = glossary.gloss(one.text)
        assert gloss is not None
        assert not re.match(r"no\b", gloss.text), one.text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("words: {hate: 'odio, rabbia', anger: rabbia}", "'rabbia' is listed twice"),
        ("{negations: non, words: {not: non}}", "'non' is listed twice"),
        ("words: {hate: odio, hate: ira}", "hate"),
        ("words: {hate: ''}", "must not be blank"),
    ],
)
def test_a_wrong_glossary_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "it.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=told):
        glossaries(tmp_path)

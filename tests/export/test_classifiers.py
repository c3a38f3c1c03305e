"""The bench's trained classifier learns what it is shown, and its graph answers so."""

from pathlib import Path

import pytest

from bench.contenders import Ask, trained_classifier
from bench.making import classifiers
from export.onnx.encoder import sentence_encoder

pytestmark = pytest.mark.export
PHRASES = {
    "hate": ("HARM.SPEECH.Hate.Other",),
    "hateful speech": ("HARM.SPEECH.Hate.Other",),
    "email address": ("PII.Contact.Email",),
    "e mail": ("PII.Contact.Email",),
}


def test_a_trained_graph_answers_as_it_was_taught(tmp_path: Path) -> None:
    classifiers.write(tmp_path, PHRASES, sentence_encoder().encode(list(PHRASES)))

    contender = trained_classifier.load(str(tmp_path / "trained"), threads=1)
    told = contender.answer([Ask("custom-guard", text) for text in PHRASES])

    assert [one.labels for one in told] == list(PHRASES.values())
    assert (tmp_path / "nearest" / classifiers.VECTORS).is_file()

"""The neighbours of a version: the exported encoder against torch, served votes against those that
the evaluation counts with.
"""

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from engine.retrieval.neighbours import (
    ENCODER,
    ENCODER_TOKENIZER,
    KNOWN_WEIGHT,
    PHRASES,
    WEIGHT,
    Encoder,
    read_neighbours,
    write_phrases,
)
from export.evaluation.retrieval import votes_among
from export.onnx.encoder import SentenceEncoder, nearest_graph, sentence_encoder
from export.onnx.multilingual import multilingual_sentences
from export.onnx.quantise import Quantization
from export.onnx.saving import save_graph
from export.publishing.datastore import Stores
from schemas.config.errors import ConfigError
from schemas.text import normalise

pytestmark = pytest.mark.export

TEXTS = {
    "email address": ("PII.Contact.Email",),
    "hate speech": ("HARM.SPEECH.Hate.Other",),
    "hateful content": ("HARM.SPEECH.Hate.Other",),
    "medical record number": ("PII.Health.HIPAA",),
    "racist slur": ("HARM.SPEECH.Hate.Race",),
}
ASKED = (
    "hate",
    "EMAIL_ADDRESS",
    "mailAddress",
    "health record id",
    "racial hatred, said at some length",
)
ELSEWHERE = {"خطاب كراهية": "HARM.SPEECH.Hate.Other", "电子邮件": "PII.Contact.Email"}


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return sentence_encoder()


@pytest.fixture(scope="module")
def datastore(encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a version has it, with `float.onnx` beside its int8 encoder."""
    folder = tmp_path_factory.mktemp("datastore")
    texts = write_phrases(folder / PHRASES, TEXTS, [*TEXTS.values()])
    Stores().write(folder, texts, Quantization.INT8)
    save_graph(nearest_graph(encoder.encode(texts)), folder / "float.onnx")
    return folder


def test_the_exported_encoder_finds_what_torch_finds(
    encoder: SentenceEncoder, datastore: Path
) -> None:
    wanted = encoder.encode([normalise(text) for text in ASKED]) @ encoder.encode([*TEXTS]).T
    graph = Encoder(datastore / "float.onnx", datastore / ENCODER_TOKENIZER, threads=1)
    assert graph.texts == len(TEXTS)
    for near in (graph.nearest(ASKED), [graph.nearest([text])[0] for text in ASKED]):
        cosines, found = zip(*near, strict=True)
        np.testing.assert_array_equal(found, (-wanted).argsort(axis=1))
        np.testing.assert_allclose(cosines, -np.sort(-wanted), atol=1e-4)  # float16 words


def test_served_neighbours_vote_as_those_of_the_evaluation(datastore: Path) -> None:
    neighbours = read_neighbours(datastore, answers=len(TEXTS), threads=1)
    answers = list(TEXTS.values())
    texts = [*ASKED[:4], "!?", "zxqv wlkj", *ELSEWHERE]
    expected, named = votes_among(TEXTS, texts)
    for votes, wanted in zip(neighbours.votes(texts), expected, strict=True):
        assert votes.near == wanted.near
        assert {answers[i]: weight for i, weight in votes.weights.items()} == pytest.approx(
            {named[i]: weight for i, weight in wanted.weights.items()}, abs=0.05
        )
        # int8 cosines: how near the nearest text is decides what all of them weigh
        total = sum(wanted.weights.values())
        assert sum(votes.weights.values()) == pytest.approx(total, abs=0.05)
    known, near, nothing = neighbours.votes(["hate-speech", "hate", "zxqv wlkj"])
    assert list(known.weights.values()) == [KNOWN_WEIGHT]
    assert 0 < sum(near.weights.values()) <= WEIGHT + 1e-9
    assert not nothing.weights
    for text, votes in zip(ASKED, neighbours.votes(ASKED), strict=True):
        [alone] = neighbours.votes([text])
        assert alone.weights == pytest.approx(votes.weights, abs=1e-3)


def test_other_languages_are_near_their_meaning_in_english(datastore: Path) -> None:
    neighbours = read_neighbours(datastore, answers=len(TEXTS), threads=1)
    answers = list(TEXTS.values())
    for votes, label in zip(neighbours.votes([*ELSEWHERE]), ELSEWHERE.values(), strict=True):
        assert answers[max(votes.weights, key=votes.weights.__getitem__)] == (label,)


def test_pieces_are_those_of_the_package_in_every_script() -> None:
    words = multilingual_sentences().words
    for text in (*ELSEWHERE, "hate speech", "número de teléfono", "\uff21\uff22", "ヘイトスピーチ"):
        ids = words.ids(text)
        assert len(ids) > 2
        assert 0 not in ids
    assert len(words.ids("a " * 500)) == 66


def test_a_damaged_encoder_is_named(datastore: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(datastore, tmp_path / "copy")
    (folder / PHRASES).write_text('{"one": 0}', "utf-8")
    with pytest.raises(ConfigError, match=r"5, but phrases\.json has 1"):
        read_neighbours(folder, answers=1, threads=1)
    (folder / ENCODER_TOKENIZER).write_text("{}", "utf-8")
    with pytest.raises(ConfigError, match=ENCODER_TOKENIZER):
        read_neighbours(folder, answers=1, threads=1)
    graph = onnx.load(folder / ENCODER)
    del graph.metadata_props[:]
    onnx.save(graph, folder / ENCODER)
    with pytest.raises(ConfigError, match="texts: missing"):
        read_neighbours(folder, answers=1, threads=1)
    (folder / ENCODER).write_bytes(b"")
    with pytest.raises(ConfigError, match=ENCODER):
        read_neighbours(folder, answers=1, threads=1)

"""The baselines: what is hidden from them is hidden wholly, and they answer what is left."""

import numpy as np
import pytest

from export.data.augment import Wrap
from export.data.folds import family_of, load_folds
from export.data.items import Item
from export.data.rows import NEUTRAL
from export.data.rules import rules_without
from export.evaluation.baselines import (
    NearestSentence,
    NearestString,
    RulesAlone,
    neighbours,
)
from export.evaluation.comparison import Part, load_parts
from export.onnx.encoder import SentenceEncoder, sentence_encoder
from export.publishing.vectors import VectorStore
from fallback.rules.lookup import MatchKind, load_rules
from fallback.signal import Signal

pytestmark = pytest.mark.export

ITEMS = [
    Item("hateSpeech", ("HARM.SPEECH.Hate.Other",), Wrap.full),
    Item("e-mail address", ("PII.Contact.Email",), Wrap.full),
    Item("medical record number", ("PII.Health.HIPAA",), Wrap.full),
    Item("S5", ("HARM.SPEECH.Defamation",), Wrap.none, detector="llama-guard-3"),
    Item("S5", ("OTHER.Unknown",), Wrap.none, detector=NEUTRAL),
]


@pytest.fixture(scope="module")
def parts() -> list[Part]:
    return load_parts()


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return sentence_encoder()


def test_every_curated_row_is_held_out_once_and_never_among_what_may_be_seen(
    parts: list[Part],
) -> None:
    rows = [row for part in parts for row in part.rows]
    assert len(rows) == len(set(rows)) == len({*parts[0].rows, *parts[0].seen, *rows})
    for part in parts:
        families = {family_of(row.detector) for row in part.rows}
        assert families <= part.hidden
        assert load_folds().gate <= part.hidden
        assert part.hidden.isdisjoint(family_of(row.detector) for row in part.seen)


def test_no_name_of_a_hidden_detector_is_known_to_the_rules(parts: list[Part]) -> None:
    for part in parts:
        rules = rules_without(part.hidden)
        for detector in load_rules().detectors.values():
            found = [rules.resolve(name) for name in (detector.name, *detector.aliases)]
            hidden = detector.family in part.hidden
            assert all((other is None) == hidden for other in found), detector.name


def test_a_word_that_only_a_hidden_family_says_is_unknown_to_the_rules() -> None:
    everyone, others = load_rules(), rules_without({"meta"})
    word = Signal("S5")
    assert everyone.map("llama-guard-3", word).kind is MatchKind.OWN_EXACT
    assert others.map("llama-guard-3", word).kind is MatchKind.NONE
    assert others.legend("llama-guard-3", "S5") is None


def test_rules_alone_read_outputs_as_the_service_does() -> None:
    found = RulesAlone(rules_without({"microsoft"})).answer(
        ["[]", "hate", "US_SSN|CREDIT_CARD", "qwertyuiop"]
    )
    assert [set(guess.labels) for guess in found] == [
        {"OTHER.Safe"},
        {"HARM.SPEECH.Hate.Other"},
        {"PII.Identifier.SSN", "PII.Identifier.CreditCard"},
        {"OTHER.Unknown"},
    ]
    assert found[3].score <= 0.3 < found[1].score


def test_neighbours_leave_out_what_holds_under_one_detector_only() -> None:
    assert neighbours(ITEMS)["s5"] == ("OTHER.Unknown",)
    assert neighbours(ITEMS)["hate speech"] == ("HARM.SPEECH.Hate.Other",)


def test_the_nearest_string_is_found_whatever_the_spelling() -> None:
    same, near, code = NearestString(ITEMS).answer(["HATE_SPEECH", "email adress", "S5"])
    assert (same.labels, same.score) == (("HARM.SPEECH.Hate.Other",), 1.0)
    assert near.labels == ("PII.Contact.Email",)
    assert 0 < near.score < 1
    assert code.labels == ("OTHER.Unknown",)


def test_the_nearest_sentence_is_found_by_what_it_means(encoder: SentenceEncoder) -> None:
    found = NearestSentence(ITEMS, encoder, VectorStore(encoder)).answer(
        ["HATE_SPEECH", "patient chart id", "electronic mail", "racist slurs"]
    )
    assert found[0].score == pytest.approx(1, abs=1e-5)
    assert [guess.labels for guess in found] == [
        ("HARM.SPEECH.Hate.Other",),
        ("PII.Health.HIPAA",),
        ("PII.Contact.Email",),
        ("HARM.SPEECH.Hate.Other",),
    ]
    assert all(0 <= guess.score <= 1 for guess in found)


def test_a_sentence_has_the_same_vector_alone_and_in_a_batch(encoder: SentenceEncoder) -> None:
    texts = ["toxic", "personal data of a patient in a hospital", "x"]
    together = encoder.encode(texts)
    alone = np.concatenate([SentenceEncoder().encode([text]) for text in texts[:1]])
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)

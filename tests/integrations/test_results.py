"""Results that the real packages make, as events; the text that was checked stays behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from any_guardrail import GuardrailOutput
from any_guardrail.types import CategoryResult, SpanResult
from guardrails import Guard
from guardrails.validators import FailResult, PassResult, Validator, register_validator
from llm_guard import scan_output, scan_prompt
from llm_guard.input_scanners import BanSubstrings, InvisibleText
from llm_guard.output_scanners import BanSubstrings as BanOutputSubstrings
from openai import OpenAI
from presidio_analyzer.predefined_recognizers import CreditCardRecognizer, EmailRecognizer
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertTokenizerFast,
    pipeline,
)

from llama_mapper import MapRequest
from llama_mapper.integrations import (
    any_guardrail,
    guardrails_ai,
    hugging_face,
    llm_guard,
    openai_moderation,
    presidio,
)

Labels = Callable[[MapRequest], set[str]]
TEXT = "the words of a user, who is jo@example.com"


def moderations(*results: dict[str, Any]) -> OpenAI:
    """The SDK over an API that gives these results."""
    body = {"id": "modr-1", "model": "omni-moderation-latest", "results": results}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
    return OpenAI(api_key="k", http_client=httpx.Client(transport=transport))


def moderation(**scores: float) -> dict[str, Any]:
    names = ("harassment", "hate", "hate/threatening", "violence", "self-harm")
    scores = dict.fromkeys(names, 0.01) | {n.replace("_", "/"): s for n, s in scores.items()}
    categories = {name: score > 0.5 for name, score in scores.items()}
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in names},
    }


def test_openai_moderation(labels: Labels) -> None:
    api = moderations(moderation(hate_threatening=0.9), moderation())
    flagged, clean = api.moderations.create(input=[TEXT, TEXT]).results
    found = labels(openai_moderation(flagged))
    assert found == {"HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"}
    assert labels(openai_moderation(clean)) == {"OTHER.Safe"}


def test_presidio(labels: Labels) -> None:
    text = f"{TEXT} 4111 1111 1111 1111"
    found = [
        *EmailRecognizer().analyze(text, ["EMAIL_ADDRESS"]),
        *CreditCardRecognizer().analyze(text, ["CREDIT_CARD"]),
    ]
    request = presidio(found)
    assert labels(request) == {"PII.Contact.Email", "PII.Identifier.CreditCard"}
    assert "jo@" not in json.dumps(request.body())
    assert labels(presidio([])) == {"OTHER.Safe"}


def test_any_guardrail(labels: Labels) -> None:
    output = GuardrailOutput(
        valid=False,
        score=0.9,
        categories=[
            CategoryResult(name="S10", triggered=True, score=0.9),
            CategoryResult(name="S1", triggered=False, score=0.1),
        ],
        spans=[SpanResult(start=0, end=4, text=TEXT, label="S7", score=0.8)],
        modified_text=TEXT,
    )
    request = any_guardrail(output)
    assert labels(request) == {"HARM.SPEECH.Hate.Other", "PII.Other"}
    assert TEXT not in json.dumps(request.body())
    assert labels(any_guardrail(GuardrailOutput(valid=True))) == {"OTHER.Safe"}


@register_validator(name="toxic-language", data_type="string")
class ToxicLanguage(Validator):
    """As the hub's, with another judgement."""

    def validate(self, value: Any, metadata: dict[str, Any]) -> FailResult | PassResult:
        return FailResult(error_message="toxic") if "idiot" in value else PassResult()


def test_guardrails_ai(labels: Labels) -> None:
    guard = Guard().use(ToxicLanguage(on_fail="noop"))
    request = guardrails_ai(guard.validate(f"idiot! {TEXT}"))
    assert labels(request) == {"HARM.SPEECH.Toxicity"}
    assert TEXT not in json.dumps(request.body())
    assert labels(guardrails_ai(guard.validate(TEXT))) == {"OTHER.Safe"}


def test_llm_guard(labels: Labels) -> None:
    scanners = [BanSubstrings(["words"]), InvisibleText()]
    request = llm_guard(scan_prompt(scanners, f"{TEXT}\U000e0041"))
    assert labels(request) == {"OTHER.Blocklist", "PROMPT_INJECTION.Obfuscation"}
    assert TEXT not in json.dumps(request.body())
    clean = scan_output([BanOutputSubstrings(["other"])], TEXT, TEXT)
    assert labels(llm_guard(clean)) == {"OTHER.Safe"}
    masked = (f"{TEXT} [REDACTED_PERSON_1]", {"Anonymize": False}, {"Anonymize": 1.0})
    assert "PII.Person.Name" in labels(llm_guard(masked))


@pytest.mark.parametrize("kept", ["Anonymize", "Toxicity"])
def test_llm_guard_keeps_every_scanner(kept: str) -> None:
    valid, risk = {kept: False}, {kept: 0.7}
    assert llm_guard(("", valid, risk)).output == ["", valid, risk]


@pytest.fixture
def tokenizer(tmp_path: Path) -> BertTokenizerFast:
    (tmp_path / "vocab.txt").write_text(
        "\n".join(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "text"))
    )
    return BertTokenizerFast(str(tmp_path / "vocab.txt"))


def tiny(*names: str) -> BertConfig:
    """Of a model that answers at random."""
    sizes = {"hidden_size": 8, "intermediate_size": 8, "vocab_size": 6}
    labels = dict(enumerate(names))
    return BertConfig(num_hidden_layers=1, num_attention_heads=1, id2label=labels, **sizes)


def test_hugging_face_text_classification(labels: Labels, tokenizer: BertTokenizerFast) -> None:
    model = BertForSequenceClassification(tiny("identity_hate", "threat")).eval()
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=1)
    (result,) = classify(["a text"])
    request = hugging_face(result, "unitary/toxic-bert")
    says = {"identity_hate": "HARM.SPEECH.Hate.Other", "threat": "HARM.SPEECH.Threat"}
    assert labels(request) == {says[result[0]["label"]]}


def test_hugging_face_token_classification(labels: Labels, tokenizer: BertTokenizerFast) -> None:
    model = BertForTokenClassification(tiny("B-PER", "I-PER")).eval()
    recognise = pipeline("token-classification", model=model, tokenizer=tokenizer)
    request = hugging_face(recognise("a text"), "dslim/bert-base-NER")
    assert labels(request) == {"PII.Person.Name"}
    assert "text" not in json.dumps(request.body())

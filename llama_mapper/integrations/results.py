"""A guard's own result object as a request.

In: the guard's result for one text. Out: its detector's name and the result as JSON, without the
fields that contain the text itself.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_mapper import MapRequest

if TYPE_CHECKING:
    from any_guardrail import GuardrailOutput
    from guardrails import ValidationOutcome
    from openai.types import Moderation
    from presidio_analyzer import RecognizerResult

# LLM Guard's replacement of an entity, with its name.
_REDACTED = re.compile(r"\[REDACTED_[A-Z_]+_\d+\]")


def openai_moderation(result: "Moderation") -> MapRequest:
    """One of `results` of the OpenAI SDK's `client.moderations.create`."""
    return MapRequest("openai-moderation", result.model_dump(mode="json", by_alias=True))


def presidio(results: "Sequence[RecognizerResult]") -> MapRequest:
    """The results of Presidio's `AnalyzerEngine.analyze`, or of one recognizer."""
    kept = ("entity_type", "start", "end", "score")
    return MapRequest("presidio", [{name: getattr(r, name) for name in kept} for r in results])


def any_guardrail(output: "GuardrailOutput") -> MapRequest:
    """The result of any-guardrail's `validate`."""
    kept = {"valid", "explanation", "score", "categories", "spans", "action"}
    dropped = {"spans": {"__all__": {"text"}}}
    found = output.model_dump(mode="json", include=kept, exclude=dropped)
    return MapRequest("any-guardrail", found)


def guardrails_ai(outcome: "ValidationOutcome[Any]") -> MapRequest:
    """The result of a Guardrails AI guard's `validate`, `parse` or call."""
    kept: dict[str, Any] = {"validation_passed": True, "error": True}
    kept["validation_summaries"] = {
        "__all__": {"validator_name", "validator_status", "failure_reason"}
    }
    return MapRequest("guardrails-ai-hub", outcome.model_dump(mode="json", include=kept))


def llm_guard(result: tuple[str, Mapping[str, bool], Mapping[str, float]]) -> MapRequest:
    """The result of LLM Guard's `scan_prompt` or `scan_output`: text, validity, risk by scanner."""
    text, valid, risk = result
    entities = " ".join(_REDACTED.findall(text))
    return MapRequest("llm-guard", [entities, dict(valid), dict(risk)])


def hugging_face(result: Sequence[Mapping[str, Any]], model: str) -> MapRequest:
    """The result of a transformers pipeline, `text-classification` or `token-classification`, for
    one text. model: its name on the hub, a name in `/detectors`."""
    kept = ("label", "entity", "entity_group", "score", "start", "end")
    found = [
        # Scores and offsets are numpy's.
        {n: one[n] if isinstance(one[n], str) else float(one[n]) for n in kept if n in one}
        for one in result
    ]
    return MapRequest(model, found)

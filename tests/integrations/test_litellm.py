"""Guardrails of requests that go through LiteLLM."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import litellm
import pytest
from litellm.integrations.custom_guardrail import CustomGuardrail

from llama_mapper import MappedEvent, MapperClient
from llama_mapper.integrations.litellm import MapperLogger

SSN = [{"entity_type": "US_SSN", "start": 3, "end": 14, "score": 0.85}]
WITHIN_S = 30.0


class Events:
    """Waits for a number of events."""

    def __init__(self, wanted: int) -> None:
        self.found: list[MappedEvent] = []
        self._wanted, self._all = wanted, threading.Event()

    def add(self, event: MappedEvent) -> None:
        self.found.append(event)
        if len(self.found) == self._wanted:
            self._all.set()

    def labels(self) -> set[tuple[str, ...]]:
        assert self._all.wait(WITHIN_S)
        return {event.taxonomy for event in self.found}


@pytest.fixture
def events() -> Events:
    return Events(2)


@pytest.fixture(autouse=True)
def logger(client: MapperClient, events: Events) -> Iterator[MapperLogger]:
    made = MapperLogger(client, events.add, {"our-toxicity": "openai-moderation"})
    litellm.callbacks = [made]
    yield made
    litellm.logging_callback_manager._reset_all_callbacks()


def request() -> dict[str, Any]:
    """A request on which guardrails have left what they said."""
    asked: dict[str, Any] = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "a text"}],
        "mock_response": "an answer",
        "metadata": {},
    }
    for name, provider, said, status in (
        ("pii", "presidio", SSN, "guardrail_intervened"),
        ("our-toxicity", None, {"flagged": True, "categories": {"hate": True}}, "success"),
        ("idle", "presidio", "", "not_run"),
    ):
        CustomGuardrail(
            guardrail_name=name
        ).add_standard_logging_guardrail_information_to_request_data(
            guardrail_json_response=said,
            request_data=asked,
            guardrail_status=status,
            guardrail_provider=provider,
        )
    return asked


LABELS = {("PII.Identifier.SSN",), ("HARM.SPEECH.Hate.Other",)}


def test_a_synchronous_request(events: Events) -> None:
    litellm.completion(**request())
    assert events.labels() == LABELS


def test_an_asynchronous_request(events: Events) -> None:
    async def ask() -> set[tuple[str, ...]]:
        await litellm.acompletion(**request())
        return await asyncio.to_thread(events.labels)

    assert asyncio.run(ask()) == LABELS


def test_a_failed_request(events: Events) -> None:
    with pytest.raises(litellm.InternalServerError):
        litellm.completion(**request() | {"mock_response": "litellm.InternalServerError"})
    assert events.labels() == LABELS

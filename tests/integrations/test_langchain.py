"""Guards among the runs of a LangChain application."""

import asyncio
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from pydantic import BaseModel

from llama_mapper import MappedEvent, MapperClient
from llama_mapper.integrations.langchain import MapperCallback

HATE = ("HARM.SPEECH.Hate.Other",)
FLAGGED = {"flagged": True, "categories": {"hate": True}}


class Verdict(BaseModel):
    flagged: bool
    categories: dict[str, bool]


@tool("guard-tool")
def guard_tool(text: str) -> str:
    """Judges a text."""
    return "hate"


def chain(said: Any) -> Runnable[Any, Any]:
    """A guard between two runs that are no guards."""
    guard = RunnableLambda(lambda text: said).with_config(run_name="moderation")
    return RunnableLambda(lambda text: text) | guard | RunnableLambda(lambda verdict: "done")


@pytest.fixture
def events() -> list[MappedEvent]:
    return []


@pytest.fixture
def callback(client: MapperClient, events: list[MappedEvent]) -> MapperCallback:
    detectors = dict.fromkeys(("moderation", "guard-tool"), "openai-moderation")
    return MapperCallback(client, events.append, detectors | {"guard": "llama-guard-3"})


@pytest.mark.parametrize("said", [FLAGGED, Verdict.model_validate(FLAGGED), "hate"])
@pytest.mark.parametrize("awaited", [False, True])
def test_a_guard_in_a_chain(
    callback: MapperCallback, events: list[MappedEvent], said: Any, awaited: bool
) -> None:
    config: Any = {"callbacks": [callback]}
    if awaited:
        assert asyncio.run(chain(said).ainvoke("text", config)) == "done"
    else:
        assert chain(said).invoke("text", config) == "done"
    assert [event.taxonomy for event in events] == [HATE]


def test_a_guard_as_a_tool(callback: MapperCallback, events: list[MappedEvent]) -> None:
    guard_tool.invoke({"text": "text"}, {"callbacks": [callback]})
    assert [event.taxonomy for event in events] == [HATE]


def test_a_model_as_a_guard(callback: MapperCallback, events: list[MappedEvent]) -> None:
    model = FakeListChatModel(responses=["unsafe\nS10"]).with_config(run_name="guard")
    answer = model.invoke("text", {"callbacks": [callback]})
    assert isinstance(answer, AIMessage)
    assert [event.taxonomy for event in events] == [HATE]


def test_a_failed_run_is_not_mapped(callback: MapperCallback, events: list[MappedEvent]) -> None:
    def fail(text: str) -> str:
        raise ValueError(text)

    with pytest.raises(ValueError, match="text"):
        RunnableLambda(fail).with_config(run_name="moderation").invoke(
            "text", {"callbacks": [callback]}
        )
    assert events == []


def test_a_lost_service_does_not_stop_the_chain(events: list[MappedEvent]) -> None:
    with MapperClient("http://127.0.0.1:1") as lost:
        callback = MapperCallback(lost, events.append, {"moderation": "openai-moderation"})
        assert chain(FLAGGED).invoke("text", {"callbacks": [callback]}) == "done"
    assert events == []

"""A LangChain callback that maps the results of guards when their runs end.

callback = MapperCallback(client, events.append, {"moderation": "openai-moderation"})
chain.invoke(text, config={"callbacks": [callback]})
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from pydantic import BaseModel

from llama_mapper import MappedEvent, MapperClient


class MapperCallback(BaseCallbackHandler):
    """Maps the results of chains, tools and models with given names.

    on_event: gets each answer. detectors: the detector by name of a run, which is a tool's own or
    that of `with_config(run_name=…)`; all other runs are ignored. LangChain logs the client's
    errors, and the run continues.
    """

    def __init__(
        self,
        client: MapperClient,
        on_event: Callable[[MappedEvent], None],
        detectors: Mapping[str, str],
    ) -> None:
        self._client, self._on_event, self._detectors = client, on_event, dict(detectors)
        #: Detectors of runs that have not ended.
        self._running: dict[UUID, str] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **about: Any) -> None:
        self._start(serialized, run_id, about)

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **about: Any) -> None:
        self._start(serialized, run_id, about)

    def on_llm_start(
        self, serialized: Any, prompts: list[str], *, run_id: UUID, **about: Any
    ) -> None:
        self._start(serialized, run_id, about)

    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, **about: Any
    ) -> None:
        self._start(serialized, run_id, about)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **about: Any) -> None:
        self._end(outputs, run_id)

    def on_tool_end(self, output: Any, *, run_id: UUID, **about: Any) -> None:
        self._end(output, run_id)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **about: Any) -> None:
        if response.generations and response.generations[0]:
            self._end(response.generations[0][0].text, run_id)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._running.pop(run_id, None)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._running.pop(run_id, None)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **about: Any) -> None:
        self._running.pop(run_id, None)

    def _start(self, serialized: Any, run_id: UUID, about: Mapping[str, Any]) -> None:
        name = about.get("name") or (serialized or {}).get("name")
        if name in self._detectors:
            self._running[run_id] = self._detectors[name]

    def _end(self, output: Any, run_id: UUID) -> None:
        if detector := self._running.pop(run_id, None):
            self._on_event(self._client.map(detector, _plain(output)))


def _plain(output: Any) -> str | Mapping[str, Any] | Sequence[Any]:
    """The value as JSON values."""
    if isinstance(output, BaseMessage):
        return str(output.text)
    if isinstance(output, BaseModel):
        found: dict[str, Any] = output.model_dump(mode="json", by_alias=True)
        return found
    return output if isinstance(output, str | Mapping | Sequence) else str(output)

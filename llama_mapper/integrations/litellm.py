"""A LiteLLM callback that maps the results of a request's guardrails after the request.

    litellm.callbacks = [MapperLogger(client, events.append)]

In LiteLLM's proxy, name an instance in `litellm_settings.callbacks`.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from litellm.integrations.custom_logger import CustomLogger

from llama_mapper import MappedEvent, MapperClient, MapRequest

#: A status of the guardrail without a detector's answer.
_NOT_RUN: Final = "not_run"


class MapperLogger(CustomLogger):
    """Maps the `guardrail_information` of each request, allowed or not.

    on_event: gets each answer. detectors: the detector by name of a guardrail; by default the
    guardrail's provider, else its name. LiteLLM calls it after the answer and logs its errors.
    """

    def __init__(
        self,
        client: MapperClient,
        on_event: Callable[[MappedEvent], None],
        detectors: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._client, self._on_event = client, on_event
        self._detectors = dict(detectors or {})

    def log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self._map(kwargs)

    def log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        self._map(kwargs)

    async def async_log_success_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        await asyncio.to_thread(self._map, kwargs)

    async def async_log_failure_event(
        self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        await asyncio.to_thread(self._map, kwargs)

    def _map(self, kwargs: Mapping[str, Any]) -> None:
        requests = list(self._requests(kwargs))
        if requests:
            for event in self._client.map_many(requests).results:
                if event is not None:
                    self._on_event(event)

    def _requests(self, kwargs: Mapping[str, Any]) -> Iterator[MapRequest]:
        log = kwargs.get("standard_logging_object") or {}
        for guardrail in log.get("guardrail_information") or ():
            answer = guardrail.get("guardrail_response")
            if guardrail.get("guardrail_status") == _NOT_RUN or answer is None:
                continue
            name = guardrail.get("guardrail_name") or ""
            provider = guardrail.get("guardrail_provider")
            detector = self._detectors.get(name) or provider or name
            yield MapRequest(detector, answer)

"""Maps pairs at Triton itself: its ensemble `mapper`, by gRPC, without the facade.

In: addresses. Out: answers as the facade gives them. Triton trusts its callers: it asks for no key
and believes any tenant. Needs the extra `llama-mapper[triton]`.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException

from llama_mapper import MappedEvent, MapperError, RetryPolicy, TransportError
from llama_mapper._calls import WAITING
from llama_mapper._types import parse, read_event
from llama_mapper.bulk.asking import Ask, share, until_answered
from llama_mapper.bulk.pairs import Keeper, Outcome, Pair, readable

_MODEL = "mapper"
_OUTPUTS = ("MAPPING", "SOURCE", "FALLBACK_REASON", "SIGNALS", "VERSIONS", "READING")
# A batch waits for its turn at a busy model.
_TIMEOUT_S = 120.0
_CHANNEL_ARGS = [
    # Given at all, arguments replace the client's own, so the message sizes stand here too.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # A connection stays with one server: use all addresses of a name.
    ("grpc.lb_policy_name", "round_robin"),
]
#: The statuses that another attempt does not change.
_REFUSALS = frozenset(
    f"StatusCode.{name}"
    for name in ("INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "UNIMPLEMENTED")
)


@dataclass(frozen=True, slots=True)
class TritonEndpoints:
    """addresses: HOST:PORT of gRPC. tenant_id: whose detector files apply as well. threshold: as in
    `MapperClient.map`. retry: while all are lost, and of items that the rules answered because the
    model was late."""

    addresses: Sequence[str]
    tenant_id: str | None = None
    threshold: float | None = None
    retry: RetryPolicy = WAITING

    def ask(self, pairs: Sequence[Pair], answers: Keeper) -> None:
        """See `PairMapper`."""
        places = [partial(self._connected, one) for one in self.addresses]
        share(pairs, answers, places, retry=self.retry)

    def options(self) -> list[Any]:
        """See `PairMapper`. Views are the facade's: the labels are the canonical ones."""
        return [self.threshold, None, self.tenant_id]

    @asynccontextmanager
    async def _connected(self, address: str) -> AsyncIterator[Ask]:
        client = triton.InferenceServerClient(address, channel_args=_CHANNEL_ARGS)
        try:
            yield partial(self._map, client)
        finally:
            await client.close()

    async def _map(self, client: Any, pairs: list[Pair]) -> list[Outcome]:
        texts, refused = readable(pairs)
        events = await until_answered(partial(self._infer, client), [*texts.values()], self.retry)
        found: dict[int, Outcome] = {**refused, **dict(zip(texts, events, strict=True))}
        return [found[place] for place in range(len(pairs))]

    async def _infer(self, client: Any, items: Sequence[tuple[str, str]]) -> list[MappedEvent]:
        """Without a budget, so that the model takes the time that it needs."""
        given = {"threshold": self.threshold, "tenant": self.tenant_id}
        options = json.dumps({name: value for name, value in given.items() if value is not None})
        inputs = [
            _column("DETECTOR", [detector for detector, _ in items]),
            _column("OUTPUT", [output for _, output in items]),
            _column("OPTIONS", [options] * len(items)),
        ]
        outputs = [triton.InferRequestedOutput(name) for name in _OUTPUTS]
        try:
            result = await client.infer(_MODEL, inputs, outputs=outputs, client_timeout=_TIMEOUT_S)
        except InferenceServerException as error:
            problem = f"Triton gave no answer: {error.status()}: {error.message()}"
            if error.status() in _REFUSALS:
                raise MapperError(problem) from error
            raise TransportError(problem) from error
        return parse(_events, result)


def _column(name: str, texts: Sequence[str]) -> Any:
    """A BYTES tensor [N, 1]."""
    tensor = triton.InferInput(name, [len(texts), 1], "BYTES")
    encoded = [text.encode() for text in texts]
    tensor.set_data_from_numpy(np.array(encoded, dtype=np.object_).reshape(-1, 1))
    return tensor


def _events(result: Any) -> list[MappedEvent]:
    columns = [result.as_numpy(name).ravel() for name in _OUTPUTS]
    return [read_event(_answer(*row)) for row in zip(*columns, strict=True)]


def _answer(
    mapping: bytes, source: bytes, reason: bytes, signals: bytes, versions: bytes, reading: bytes
) -> dict[str, Any]:
    """One row of the tensors as the facade's JSON, with signals and reading."""
    event, lineage = json.loads(mapping), json.loads(signals)
    sure = dict.fromkeys(event["taxonomy"], 0.0)
    for signal in lineage:
        for label in sure.keys() & set(signal["labels"]):
            sure[label] = max(sure[label], signal["confidence"])
    return {
        **event,
        "version_info": json.loads(versions),
        "label_confidence": sure,
        "source": source.decode(),
        "fallback_reason": reason.decode() or None,
        "signals": lineage,
        "reading": json.loads(reading),
    }

"""gRPC clients of the public Triton model and of a candidate version.

In: items and a budget. Out: decisions, or ModelError. Independent of rules, HTTP and metrics. One
channel each per process, made on its event loop.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException

from client_api.mapping.gateway import Item, ModelError, ModelRefused, ModelTimeout
from client_api.telemetry.tracing import client_span
from engine.versions import Shadow
from fallback.decision.decision import Decision
from pipeline import wire
from pipeline.steps import ReadItem
from schemas.candidate import CandidateSet
from schemas.contract import FallbackReason, Source

#: How often a silent connection is tried.
KEEPALIVE_MS = 5000
# No client waits for a candidate, but one that takes longer could not be served.
_CANDIDATE_S = 10.0

# Given at all, they replace the client's defaults, so the message sizes stand here too.
# Back to a restarted server within a second: gRPC's own backoff grows to two minutes.
_CHANNEL_ARGS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Keepalive detects a lost peer; Triton's launcher sets the options that allow it.
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", 2000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # One connection stays with one pod: balance over all addresses of a `dns:///` name.
    ("grpc.lb_policy_name", "round_robin"),
]


class TritonGateway:
    """A `ModelGateway` over `tritonclient.grpc.aio`."""

    def __init__(self, url: str, model: str, margin_s: float) -> None:
        """margin_s: seconds of the budget reserved for the steps after the model."""
        self._client = triton.InferenceServerClient(url, channel_args=_CHANNEL_ARGS)
        self._model = model
        self._margin_s = margin_s

    async def map(self, items: Sequence[Item], budget_s: float) -> list[Decision]:
        budget_ms = max(0.0, budget_s - self._margin_s) * 1000
        inputs = [
            _bytes_input("DETECTOR", [item.detector for item in items]),
            _bytes_input("OUTPUT", [item.output for item in items]),
            _bytes_input("OPTIONS", [_options(item, budget_ms) for item in items]),
        ]
        if any(item.metadata for item in items):
            inputs.append(_bytes_input("METADATA", [item.metadata for item in items]))
        try:
            with client_span("triton.infer", {"mapper.items": len(items)}) as headers:
                result = await self._client.infer(
                    self._model, inputs, client_timeout=budget_s, headers=headers
                )
        except InferenceServerException as error:
            if error.status() == "StatusCode.DEADLINE_EXCEEDED":
                raise ModelTimeout(f"no answer within {budget_s * 1000:.0f} ms") from error
            if error.status() == "StatusCode.INVALID_ARGUMENT":
                raise ModelRefused("Triton rejected the request as malformed") from error
            raise ModelError(error.status() or "no status") from error
        decisions = _decisions(result)
        if len(decisions) != len(items):
            raise ModelError(f"{len(decisions)} answers for {len(items)} items")
        return decisions

    async def close(self) -> None:
        await self._client.close()


class TritonCandidate:
    """A `CandidateModel` over `tritonclient.grpc.aio`: calls the model step alone, so that the
    ensemble's metrics do not count it."""

    def __init__(self, url: str) -> None:
        self._client = triton.InferenceServerClient(url, channel_args=_CHANNEL_ARGS)

    async def ask(self, shadow: Shadow, item: ReadItem) -> CandidateSet:
        inputs = [
            _bytes_input("DETECTOR", [item.detector]),
            _bytes_input("READ_SIGNALS", [wire.dump_item(item)]),
        ]
        try:
            result = await self._client.infer(
                shadow.model, inputs, str(shadow.version), client_timeout=_CANDIDATE_S
            )
            found = wire.load_candidates(result.as_numpy("CANDIDATE").item().decode())
        except InferenceServerException as error:
            raise ModelError(error.status() or "no status") from error
        except ValueError as error:
            raise ModelError(str(error)) from error
        if found is None:
            raise ModelError("the candidate received no request")
        return found

    async def close(self) -> None:
        await self._client.close()


def _bytes_input(name: str, values: Sequence[str | bytes]) -> Any:
    encoded = [v.encode() if isinstance(v, str) else v for v in values]
    tensor = triton.InferInput(name, [len(encoded), 1], "BYTES")
    tensor.set_data_from_numpy(np.array(encoded, dtype=np.object_).reshape(-1, 1))
    return tensor


def _options(item: Item, budget_ms: float) -> bytes:
    options: dict[str, float | str] = {"budget_ms": budget_ms}
    if item.threshold is not None:
        options["threshold"] = item.threshold
    if item.tenant is not None:
        options["tenant"] = item.tenant
    return orjson.dumps(options)


def _decisions(result: Any) -> list[Decision]:
    def column(name: str) -> list[Any]:
        values: list[Any] = result.as_numpy(name).ravel().tolist()
        return values

    return [
        Decision(
            event=orjson.loads(mapping),
            confidence=confidence,
            source=Source(source.decode()),
            fallback_reason=FallbackReason(reason.decode()) if reason else None,
            schema_valid=valid,
            signals=orjson.loads(signals),
            versions=orjson.loads(versions),
            reading=orjson.loads(reading),
        )
        for mapping, confidence, source, reason, valid, signals, versions, reading in zip(
            *map(
                column,
                (
                    "MAPPING",
                    "CONFIDENCE",
                    "SOURCE",
                    "FALLBACK_REASON",
                    "SCHEMA_VALID",
                    "SIGNALS",
                    "VERSIONS",
                    "READING",
                ),
            ),
            strict=True,
        )
    ]

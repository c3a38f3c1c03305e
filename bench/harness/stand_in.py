"""Stands in for a Triton: the tensors of `mapper` by gRPC, in a time that is given.

In: a function that answers an item. Out: an address. Measurements use it for what is beside the
model, and tests for what a real Triton does not do on request. `python -m bench.harness.stand_in
COUNT ITEM_S` writes a line of addresses, and serves until its standard input ends: for other
environments, by `bench.processes.stand_ins`.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from client_api.mapping.gateway import Item
from client_api.mapping.service import answer_by_rules
from fallback.decision.decision import Decision
from pipeline import wire
from pipeline.tenants import TenantPipelines
from schemas.contract import FallbackReason

_TEXTS = ("MAPPING", "SOURCE", "FALLBACK_REASON", "SIGNALS", "VERSIONS", "READING")


class Refusal(Exception):  # noqa: N818 - a status, as gRPC has them
    """Raised by an answer: the call ends with this status."""

    def __init__(self, status: grpc.StatusCode) -> None:
        self.status = status
        super().__init__(status.name)


class TritonStandIn(service_pb2_grpc.GRPCInferenceServiceServicer):
    """item_s: seconds that an item takes; calls wait for each other, as for one model. asked: the
    items of each call."""

    def __init__(self, answer: Callable[[Item], Decision], item_s: float = 0.0) -> None:
        self.answer = answer
        self.asked: list[Sequence[Item]] = []
        self._item_s = item_s
        self._turn = threading.Lock()

    def ModelInfer(  # noqa: N802 - as gRPC names it
        self, request: Any, context: grpc.ServicerContext
    ) -> Any:
        items = _items(request)
        try:
            with self._turn:
                time.sleep(self._item_s * len(items))
                decisions = [self.answer(item) for item in items]
                columns = wire.decision_columns(decisions)
                readings = (json.dumps(decision.reading) for decision in decisions)
                columns["READING"] = wire.to_column(readings)
                self.asked.append(items)
        except Refusal as refusal:
            context.abort(refusal.status, str(refusal))
        response = service_pb2.ModelInferResponse(model_name=request.model_name)
        for name in _TEXTS:
            response.outputs.add(name=name, datatype="BYTES", shape=columns[name].shape)
            response.raw_output_contents.append(serialize_byte_tensor(columns[name]).item())
        return response

    @contextmanager
    def running(self) -> Iterator[str]:
        """Yields its address."""
        server = grpc.server(ThreadPoolExecutor(4))
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


def _items(request: Any) -> Sequence[Item]:
    texts = {
        tensor.name: [value.decode() for value in deserialize_bytes_tensor(raw)]
        for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
    }
    options = [json.loads(text) for text in texts["OPTIONS"]]
    return [
        Item(detector, output, threshold=given.get("threshold"), tenant=given.get("tenant"))
        for detector, output, given in zip(texts["DETECTOR"], texts["OUTPUT"], options, strict=True)
    ]


def by_rules(item_s: float) -> TritonStandIn:
    """A stand-in that answers by the rules. item_s: seconds that an item takes."""
    pipelines = TenantPipelines()

    def answer(item: Item) -> Decision:
        return answer_by_rules(pipelines, item, FallbackReason.RULES_ONLY)

    return TritonStandIn(answer, item_s)


def main() -> None:
    """Serve by rules."""
    count, item_s = int(sys.argv[1]), float(sys.argv[2])
    with ExitStack() as stack:
        addresses = [stack.enter_context(by_rules(item_s).running()) for _ in range(count)]
        print(*addresses, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

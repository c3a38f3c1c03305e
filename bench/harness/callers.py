"""One client that maps one item at a time, over gRPC or over REST, with as little overhead as
possible. Out: whether the model answered in time; if not, the rules did, which takes no time.
"""

import http.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
import tritonclient.grpc as triton

from bench.contenders import Ask
from schemas.contract import FallbackReason

_WITHOUT_MODEL = {
    FallbackReason.TIMEOUT,
    FallbackReason.OVERLOADED,
    FallbackReason.MODEL_ERROR,
    FallbackReason.RULES_ONLY,
}

Caller = Callable[[Ask], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """asked: whether the model answered in time."""

    labels: tuple[str, ...]
    asked: bool


def grpc_caller(address: str) -> Caller:
    """Calls the public ensemble."""
    client = triton.InferenceServerClient(address)

    def call(ask: Ask) -> bool:
        answer = client.infer("mapper", _inputs([ask]))
        orjson.loads(answer.as_numpy("MAPPING").item())
        return answer.as_numpy("FALLBACK_REASON").item().decode() not in _WITHOUT_MODEL

    return call


def grpc_batch_caller(address: str) -> Callable[[Sequence[Ask]], int]:
    """A caller of the public ensemble with several items; a call returns the number of items that
    the model answered in time."""
    client = triton.InferenceServerClient(address)

    def call(asks: Sequence[Ask]) -> int:
        answer = client.infer("mapper", _inputs(asks))
        reasons = answer.as_numpy("FALLBACK_REASON").ravel()
        return sum(reason.decode() not in _WITHOUT_MODEL for reason in reasons)

    return call


def rest_caller(url: str) -> Caller:
    """Calls the facade over one connection. Raises RuntimeError when it refuses."""
    post = _poster(url)
    return lambda ask: _asked(post("/map", _body(ask)))


def answer_caller(url: str) -> Callable[[Ask], Answer]:
    """A caller of `/map`; a call returns the answer."""
    post = _poster(url)

    def call(ask: Ask) -> Answer:
        answer = post("/map", _body(ask))
        return Answer(tuple(answer["taxonomy"]), _asked(answer))

    return call


def batch_caller(url: str) -> Callable[[Sequence[Ask]], int]:
    """A caller of `/map/batch`; a call returns the number of items that the model answered in
    time."""
    post = _poster(url)

    def call(asks: Sequence[Ask]) -> int:
        answer = post("/map/batch", {"requests": [_body(ask) for ask in asks]})
        return sum(result is not None and _asked(result) for result in answer["results"])

    return call


def _poster(url: str) -> Callable[[str, object], Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def post(path: str, body: object) -> Any:
        headers = {"Content-Type": "application/json"}
        try:
            connection.request("POST", path, orjson.dumps(body), headers)
            response = connection.getresponse()
        except ConnectionError:  # the server closed it while another contender had its turn
            connection.close()
            connection.request("POST", path, orjson.dumps(body), headers)
            response = connection.getresponse()
        content = orjson.loads(response.read())
        if response.status != 200:
            raise RuntimeError(f"{url}{path} answers {response.status}: {content}")
        return content

    return post


def _body(ask: Ask) -> dict[str, str]:
    return {"detector": ask.detector, "output": ask.signal}


def _asked(answer: Mapping[str, Any]) -> bool:
    return answer["fallback_reason"] not in _WITHOUT_MODEL


def _inputs(asks: Sequence[Ask]) -> list[Any]:
    texts = {"DETECTOR": [a.detector for a in asks], "OUTPUT": [a.signal for a in asks]}
    tensors = []
    for name, values in texts.items():
        tensor = triton.InferInput(name, [len(values), 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[v.encode()] for v in values], dtype=np.object_))
        tensors.append(tensor)
    return tensors

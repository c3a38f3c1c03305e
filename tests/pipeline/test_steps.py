"""The steps as Triton runs them, over a stand-in for its Python backend."""

import runpy
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from pipeline import wire
from pipeline.steps import load_pipeline
from schemas.candidate import Candidate, CandidateSet, Query


def tensors(**columns: list[str]) -> Callable[[Any, str], Any]:
    """`get_input_tensor_by_name` of one request; None for the other tensors."""

    def given(_: Any, name: str) -> Any:
        values = columns.get(name)
        return values and SimpleNamespace(as_numpy=lambda: wire.to_column(values))

    return given


def model(step: str, monkeypatch: pytest.MonkeyPatch, tensor: Callable[[Any, str], Any]) -> Any:
    backend = MagicMock(get_input_tensor_by_name=tensor)
    backend.Tensor = lambda name, values: (name, values)
    backend.InferenceResponse = lambda tensors=None, error=None: SimpleNamespace(
        outputs=dict(tensors or []), error=error
    )
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", backend)
    monkeypatch.setattr("pipeline.heap.keep_for_good", lambda: None)
    return runpy.run_path(f"model_repository/{step}/model.py")["TritonPythonModel"]()


def test_a_defect_in_one_row_is_the_status_of_that_row(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = model(
        "mapping_guard/1",
        monkeypatch,
        tensors(DETECTOR=["openai-moderation"] * 3, OUTPUT=["hate", "broken", "violence"]),
    )
    guard.initialize({})
    decide = guard.decide

    def fails(detector: str, output: str, *rest: str) -> Any:
        if output == "broken":
            raise RuntimeError("planted /a/path")
        return decide(detector, output, *rest)

    monkeypatch.setattr(guard, "decide", fails)
    [response] = guard.execute([object()])
    assert response.error is None
    reasons = [reason.decode() for reason in response.outputs["FALLBACK_REASON"].ravel()]
    assert reasons == ["model_error", "unread", "model_error"]
    assert not any(b"planted" in text for text in response.outputs["MAPPING"].ravel())


def test_a_refused_request_costs_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    good = wire.dump_item(load_pipeline().read("openai-moderation", "hate")).decode()
    llama = model(
        "llama_mapper",
        monkeypatch,
        tensors(DETECTOR=["openai-moderation"] * 2, READ_SIGNALS=[good, "nonsense"]),
    )
    asked: list[Query] = []
    llama.step = Step(asked)
    [response] = llama.execute([object()])
    assert response.error is not None
    assert asked == []


def test_an_answer_that_cannot_be_sent_fails_its_request_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tensor(request: str, name: str) -> Any:
        item = load_pipeline().read("openai-moderation", request)
        columns = {"DETECTOR": ["d"], "READ_SIGNALS": [wire.dump_item(item).decode()]}
        return tensors(**columns)(request, name)

    llama = model("llama_mapper", monkeypatch, tensor)
    llama.step = Step([])
    good, bad, last = llama.execute(["hate", BROKEN, "violence"])
    assert bad.error is not None
    assert [set(one.outputs) for one in (good, last)] == [{"CANDIDATE", "STATUS"}] * 2


#: A signal whose candidate is no text that can be written.
BROKEN = "broken"


class Step:
    """Instead of a loaded version; notes what it is asked."""

    def __init__(self, asked: list[Query]) -> None:
        self._asked = asked

    def ask(self, queries: list[Query], detector: str, signals: str, *_: object) -> slice:
        item = wire.load_item(detector, signals)
        queries += [Query(detector, signal.text) for signal in item.reading.signals]
        return slice(len(queries) - len(item.reading.signals), len(queries))

    def answer(self, queries: list[Query]) -> list[Candidate]:
        self._asked += queries
        return [Candidate("\ud800" if query.signal == BROKEN else "{}") for query in queries]

    def candidates(self, answers: list[Candidate]) -> CandidateSet:
        return CandidateSet("m", tuple(answers))

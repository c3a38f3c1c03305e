"""What the bench puts beside the ensemble in Triton: the same tensors, and the same answers."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.grpc as triton

from bench.direct import repository, section
from bench.direct.perf_analyzer import INPUTS, Point


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[triton.InferenceServerClient]:
    models = repository.write(tmp_path_factory.mktemp("direct") / "models")
    with section.running(models) as url:
        yield triton.InferenceServerClient(url)


def ask(client: triton.InferenceServerClient, model: str, row: dict[str, list[str]]) -> dict:
    inputs = []
    for name, [text] in row.items():
        tensor = triton.InferInput(name, [1, 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[text.encode()]], dtype=np.object_))
        inputs.append(tensor)
    answer = client.infer(model, inputs)
    return {out.name: answer.as_numpy(out.name) for out in answer.get_response().outputs}


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.model
def test_the_fused_model_answers_as_the_ensemble(client: triton.InferenceServerClient) -> None:
    for row in json.loads(INPUTS.read_text("utf-8"))["data"]:
        whole = ask(client, repository.ENSEMBLE, row)
        fused = ask(client, repository.FUSED, row)
        for answer in (whole, fused):
            event = json.loads(answer["MAPPING"].item())
            event["provenance"].pop("ts")
            answer["MAPPING"] = np.array([[json.dumps(event)]], dtype=np.object_)
        assert fused.keys() == whole.keys()
        for name, value in whole.items():
            assert fused[name].tolist() == value.tolist(), name


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.model
def test_the_bound_has_the_tensors_of_the_ensemble(client: triton.InferenceServerClient) -> None:
    row = json.loads(INPUTS.read_text("utf-8"))["data"][0]
    whole, bound = (ask(client, model, row) for model in (repository.ENSEMBLE, repository.NOOP))

    assert {name: (v.dtype, v.shape) for name, v in bound.items()} == {
        name: (v.dtype, v.shape) for name, v in whole.items()
    }


def test_throughput_is_told_as_a_share_of_the_bound() -> None:
    points = {
        "4": {repository.NOOP: Point(200, 4, 6, 8), repository.ENSEMBLE: Point(50, 9, 11, 12)}
    }
    new = {
        "4": {repository.ENSEMBLE: Point(20, 30, 40, 50), repository.FUSED: Point(21, 29, 39, 49)}
    }

    shown = section.render(section.Direct(points, new))

    assert "| **ensemble** (served) | 4 | 50 | 25.0 % | 9 | 11 | 12 |" in shown
    assert "| one fused Python model | 4 | 21 | 105.0 % | 29 | 39 | 49 |" in shown

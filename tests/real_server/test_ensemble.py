"""The public model over Triton's own protocols: nothing here needs the facade."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpc_client
import tritonclient.http as http_client
from tritonclient.utils import InferenceServerException

from bench.processes import eventually
from client_api.triton.server import LoadError, LocalTriton, TritonError
from schemas.event import event_errors
from tests.support.serving import Stack, local_triton, publish_tiny

pytestmark = pytest.mark.triton

OPENAI = json.dumps(
    {
        "id": "modr-1",
        "model": "omni-moderation-latest",
        "results": [
            {
                "flagged": True,
                "categories": {"hate": True, "hate/threatening": True, "violence": False},
                "category_scores": {"hate": 0.91, "hate/threatening": 0.72, "violence": 0.01},
            }
        ],
    }
)
OUTPUTS = {
    "MAPPING", "CONFIDENCE", "SOURCE", "FALLBACK_REASON", "SCHEMA_VALID", "SIGNALS", "READING",
    "VERSIONS",
}  # fmt: skip


def infer(
    client: Any, kind: Any, model: str = "mapper", **columns: Sequence[str]
) -> dict[str, Any]:
    """Call a model with one column of texts an input; `kind` is the client's own module."""
    inputs = []
    for name, values in columns.items():
        tensor = kind.InferInput(name, [len(values), 1], "BYTES")
        encoded = [value.encode() for value in values]
        tensor.set_data_from_numpy(np.array(encoded, dtype=np.object_).reshape(-1, 1))
        inputs.append(tensor)
    result = client.infer(model, inputs)
    response = result.get_response()
    outputs = response["outputs"] if isinstance(response, dict) else response.outputs
    names = [o["name"] if isinstance(o, dict) else o.name for o in outputs]
    return {name: result.as_numpy(name).ravel().tolist() for name in names}


@pytest.fixture(scope="module", params=["grpc", "http"])
def call(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Any]:
    """`infer` over both protocols, with the plain client."""
    if request.param == "grpc":
        client, kind = grpc_client.InferenceServerClient(stack.triton.grpc_url), grpc_client
    else:
        client, kind = http_client.InferenceServerClient(stack.triton.http_url), http_client
    yield lambda model="mapper", **columns: infer(client, kind, model, **columns)
    client.close()


def test_answers_a_real_openai_moderation_json(call: Any) -> None:
    answer = call(DETECTOR=["openai-moderation"], OUTPUT=[OPENAI])

    assert set(answer) == OUTPUTS
    event = json.loads(answer["MAPPING"][0])
    assert set(event["taxonomy"]) == {"HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"}
    assert event["scores"]["HARM.SPEECH.Hate.Other"] == pytest.approx(0.91)
    assert answer["CONFIDENCE"][0] == pytest.approx(event["confidence"])
    assert answer["SOURCE"][0].decode() == event["provenance"]["route"]
    assert {s["name"] for s in json.loads(answer["SIGNALS"][0])} == {"hate", "hate/threatening"}
    assert set(json.loads(answer["VERSIONS"][0])) == {"taxonomy", "frameworks", "rules", "model"}


def test_batches_keep_their_order_whatever_is_in_them(call: Any) -> None:
    outputs = [
        "hate", "", "null", "{broken", "naïve 暴力 🔪", "\x00\x01", "x" * 65_536, OPENAI,
        "unsafe\nS10", "[]", "hate|violence", "["*2000,
    ] * 5  # fmt: skip
    answer = call(
        DETECTOR=[f"d{i}" for i in range(len(outputs))],
        OUTPUT=outputs,
        OPTIONS=['{"budget_ms": 2000}'] * len(outputs),
    )

    events = [json.loads(text) for text in answer["MAPPING"]]
    assert [event["provenance"]["detector"] for event in events] == [
        f"d{i}" for i in range(len(outputs))
    ]
    assert [event_errors(event) for event in events] == [[]] * len(outputs)
    assert events[1]["taxonomy"] == ["OTHER.Unknown"]


def test_optional_inputs_may_differ_between_requests(call: Any) -> None:
    plain = call(DETECTOR=["openai-moderation"], OUTPUT=["hate"])
    hinted = call(
        DETECTOR=["ensemble"],
        OUTPUT=["hate/threatening"],
        METADATA=['{"contributing_detectors": ["openai-moderation"], "else": 1}'],
        OPTIONS=['{"threshold": 1.0}'],
    )

    assert json.loads(plain["MAPPING"][0])["taxonomy"] == ["HARM.SPEECH.Hate.Other"]
    assert "HARM.SPEECH.Threat" in json.loads(hinted["MAPPING"][0])["taxonomy"]


@pytest.mark.parametrize(
    "columns",
    [
        {"OPTIONS": ['{"mode": "fast"}']},
        {"OPTIONS": ['{"threshold": 2}']},
        {"OPTIONS": ["[]"]},
        {"METADATA": ["not JSON"]},
        {"DETECTOR": [" "]},
    ],
)
def test_a_malformed_request_is_invalid_and_says_why(call: Any, columns: dict[str, Any]) -> None:
    [name] = columns
    with pytest.raises(InferenceServerException, match=name) as failure:
        call(**{"DETECTOR": ["d"], "OUTPUT": ["hate"]} | columns)

    assert failure.value.status() in ("StatusCode.INVALID_ARGUMENT", "400")
    assert "Traceback" not in failure.value.message()


def test_a_bad_row_among_good_ones_is_the_error_of_that_row(call: Any) -> None:
    good = '{"budget_ms": 2000}'
    answer = call(
        DETECTOR=["openai-moderation", "d", "d", " ", "openai-moderation"],
        OUTPUT=["hate"] * 5,
        METADATA=["", "not JSON", "", "", ""],
        OPTIONS=[good, good, '{"mode": "fast"}', good, good],
    )

    events = [json.loads(text) for text in answer["MAPPING"]]
    assert [event_errors(event) for event in events] == [[]] * 5
    assert [event["taxonomy"] for event in events[::4]] == [["HARM.SPEECH.Hate.Other"]] * 2
    assert [event["provenance"]["detector"] for event in events[1:4]] == ["d", "d", "unknown"]
    for row, wrong in ((1, "METADATA"), (2, "OPTIONS"), (3, "DETECTOR")):
        assert events[row]["taxonomy"] in (["OTHER.NeedsReview"], ["OTHER.Unknown"])
        assert answer["FALLBACK_REASON"][row] == b"unread"
        assert answer["SOURCE"][row] == b"rules"
        [problem] = json.loads(answer["READING"][row])["unread"]
        assert problem.startswith(wrong)


def test_a_spent_budget_and_the_kill_switch_answer_by_rules(call: Any) -> None:
    for options, reason in (
        ('{"budget_ms": 0}', "timeout"),
        ('{"mode": "rules_only"}', "rules_only"),
    ):
        answer = call(DETECTOR=["openai-moderation"], OUTPUT=["hate"], OPTIONS=[options])

        assert json.loads(answer["MAPPING"][0])["taxonomy"] == ["HARM.SPEECH.Hate.Other"]
        assert answer["FALLBACK_REASON"] == [reason.encode()]
        assert answer["SOURCE"] == [b"rules"]
        assert answer["SCHEMA_VALID"] == [False]


def test_the_guard_alone_answers_by_rules(call: Any) -> None:
    answer = call("mapping_guard", DETECTOR=["openai-moderation"], OUTPUT=[OPENAI], CANDIDATE=[""])

    assert json.loads(answer["MAPPING"][0])["provenance"]["route"] == "rules"


def test_steps_alone_refuse_what_is_no_reading(call: Any) -> None:
    with pytest.raises(InferenceServerException, match="READ_SIGNALS"):
        call("llama_mapper", DETECTOR=["d"], READ_SIGNALS=["{}"])
    with pytest.raises(InferenceServerException, match="CANDIDATE"):
        call("mapping_guard", DETECTOR=["d"], OUTPUT=["hate"], CANDIDATE=["?"])


def test_direct_callers_are_counted_by_the_guard(stack: Stack) -> None:
    client = grpc_client.InferenceServerClient(stack.triton.grpc_url)
    series = 'mapper_ensemble_requests_total{detector="presidio"}'

    def count() -> float:
        port = stack.triton.ports.metrics
        lines = stack.http.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(series))

    before = count()
    infer(client, grpc_client, DETECTOR=["presidio"] * 3, OUTPUT=["US_SSN"] * 3)
    eventually(lambda: count() == before + 3)


def test_a_frequent_detector_without_a_file_has_one_name_at_both_ends(stack: Stack) -> None:
    client = grpc_client.InferenceServerClient(stack.triton.grpc_url)
    ends = {
        f"http://127.0.0.1:{stack.triton.ports.metrics}/metrics": "mapper_ensemble_requests_total",
        "/metrics": "mapper_requests_total",
    }
    for _ in range(4):
        infer(client, grpc_client, DETECTOR=["Zorb Guard"] * 50, OUTPUT=["hate"] * 50)
        requests = [{"detector": "zorb_guard", "output": "hate"}] * 50
        stack.http.post("/map/batch", json={"requests": requests}).raise_for_status()
    for page, series in ends.items():
        lines = stack.http.get(page).text.splitlines()
        assert any(line.startswith(f'{series}{{detector="zorbguard"') for line in lines)


def test_clients_cannot_swap_models(stack: Stack) -> None:
    client = grpc_client.InferenceServerClient(stack.triton.grpc_url)
    with pytest.raises(InferenceServerException, match="restricted"):
        client.unload_model("mapper")
    refused = stack.http.post(f"http://{stack.triton.http_url}/v2/repository/models/mapper/unload")

    assert refused.status_code == 403
    assert client.is_model_ready("mapper")


@pytest.fixture
def tiny_triton(tiny_repository: Path) -> Iterator[LocalTriton]:
    triton = local_triton(tiny_repository)
    triton.start()
    yield triton
    triton.stop()


def test_serves_a_llama_of_another_size_and_follows_a_new_version(
    tiny_triton: LocalTriton, tiny_repository: Path
) -> None:
    client = grpc_client.InferenceServerClient(tiny_triton.grpc_url)

    def served() -> str:
        answer = infer(client, grpc_client, DETECTOR=["d"], OUTPUT=["qwyx"])
        assert answer["SCHEMA_VALID"] == [True]
        return str(json.loads(answer["VERSIONS"][0])["model"])

    assert served() == "tiny-1"
    publish_tiny(tiny_repository / "llama_mapper" / "2", seed=2)
    tiny_triton.control.load("llama_mapper", timeout_s=60.0)
    assert served() == "tiny-2"

    broken = tiny_repository / "llama_mapper" / "3"
    publish_tiny(broken, seed=3)
    (broken / "model.onnx").write_bytes(b"cut short")
    with pytest.raises(LoadError, match="sha256"):
        tiny_triton.control.load("llama_mapper", timeout_s=60.0)
    assert served() == "tiny-2"


def running_in(group: int) -> list[str]:
    """Processes of a process group that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, pgid, *_ = stat.read_text().rpartition(")")[2].split()
            if int(pgid) == group and state != "Z":
                found.append(stat.parent.name)
    return found


def test_leaves_nothing_behind(tiny_repository: Path) -> None:
    triton = local_triton(tiny_repository)

    def segments() -> list[Path]:
        return list(Path("/dev/shm").glob(f"{triton.shm_prefix}*"))

    triton.start()
    assert triton.pid is not None
    group = os.getpgid(triton.pid)
    assert segments()
    os.kill(triton.pid, signal.SIGKILL)  # as the out-of-memory killer would
    eventually(lambda: triton.pid is None)
    triton.stop()

    assert not segments()
    eventually(lambda: not running_in(group))


def test_a_repository_that_does_not_load_fails_with_tritons_own_words(tmp_path: Path) -> None:
    with pytest.raises(TritonError, match="mapper"):
        local_triton(tmp_path).start()

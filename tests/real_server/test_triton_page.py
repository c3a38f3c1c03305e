"""docs/triton.md, and the files it names, against the configuration and a running Triton."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig

from bench.processes import ROOT
from client_api.triton.server import LocalTriton
from schemas.contract import FallbackReason
from tests.support.serving import local_triton, tiny_models

PAGE = (ROOT / "docs/triton.md").read_text(encoding="utf-8")
INPUTS = json.loads((ROOT / "bench/perf_analyzer.json").read_text(encoding="utf-8"))["data"]


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    text = (ROOT / "model_repository/mapper/config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, ModelConfig())


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    with local_triton(tiny_models(tmp_path_factory.mktemp("models") / "repository")) as running:
        yield running


def kind(data_type: int) -> str:
    return DataType.Name(data_type).removeprefix("TYPE_").replace("STRING", "BYTES")


def test_the_page_lists_the_tensors_of_the_configuration(config: ModelConfig) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| ([A-Z0-9]+) \| `\[(\d)\]` \|", PAGE, re.M)
    expected = [
        (t.name, "input, optional" if t.optional else "input", kind(t.data_type), str(t.dims[0]))
        for t in config.input
    ] + [(t.name, "output", kind(t.data_type), str(t.dims[0])) for t in config.output]

    assert rows == expected
    assert f"`max_batch_size` is {config.max_batch_size}" in PAGE
    assert all(f"`{reason}`" in PAGE for reason in FallbackReason)


@pytest.mark.triton
def test_the_calls_of_the_page_answer(triton: LocalTriton, tmp_path: Path) -> None:
    blocks = re.findall(r"<!-- tested by: [^\n]* -->\n```(\w+)\n(.*?)```", PAGE, re.DOTALL)
    calls = {language: text for language, text in blocks if "make perf" not in text}
    script = tmp_path / "call.py"
    for transport, url in (("grpc", triton.grpc_url), ("http", triton.http_url)):
        script.write_text(
            calls["python"]
            .replace("tritonclient.grpc", f"tritonclient.{transport}")
            .replace("localhost:8001", url)
        )
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
        assert "PII." in done.stdout
    shell = calls["sh"].replace("localhost:8000", triton.http_url)
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    outputs = {o["name"]: o["data"][0] for o in json.loads(done.stdout)["outputs"]}
    assert outputs.keys() == {"MAPPING", "SOURCE"}


@pytest.mark.triton
def test_the_inputs_for_perf_analyzer_are_answered(
    triton: LocalTriton, config: ModelConfig
) -> None:
    for row in INPUTS:
        assert row.keys() == {tensor.name for tensor in config.input}
        tensors: list[dict[str, Any]] = [
            {"name": name, "shape": [1, 1], "datatype": "BYTES", "data": data}
            for name, data in row.items()
        ]
        url = f"http://{triton.http_url}/v2/models/mapper/infer"
        answer = httpx.post(url, json={"inputs": tensors}, timeout=60)
        assert answer.status_code == 200, answer.text


@pytest.mark.triton
@pytest.mark.slow
def test_perf_analyzer_runs(triton: LocalTriton) -> None:
    [command] = re.findall(r"^make perf .*$", PAGE, re.MULTILINE)
    command = command.replace("localhost:8001", triton.grpc_url).replace("1:8", "1:2")
    # Any spread: the test is about the program and its inputs, not about this machine.
    ran = subprocess.run(
        ["bash", "-c", f"{command} STABILITY=100000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    measured = re.findall(r"^Concurrency: (\d), throughput: [\d.]+ infer/sec", ran.stdout, re.M)
    assert measured == ["1", "2"]

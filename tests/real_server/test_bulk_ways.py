"""`mapper bulk` at the service, at Triton and in its own process: the same answers, and a Triton
that is lost."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.processes import eventually, published_models
from client_api.triton.server import LocalTriton
from llama_mapper.bulk import Bulk, Endpoints, PairMapper, job
from llama_mapper.bulk.in_process import InProcess
from llama_mapper.bulk.rows import text_blocks
from llama_mapper.bulk.triton import TritonEndpoints
from tests.support.serving import Stack, local_triton

ROWS: list[dict[str, Any]] = [
    *({"detector": "presidio", "output": word} for word in ("US_SSN", "EMAIL_ADDRESS", "", "null")),
    {"detector": "openai-moderation", "output": {"flagged": True, "categories": {"hate": True}}},
    {"detector": "llama-guard-3", "output": "unsafe\nS10"},
    {"detector": "a-guard", "output": ["toxic", {"label": "prompt leak", "score": 0.75}]},
    {"detector": "a-guard", "output": "naïve 暴力 🔪\x00"},
    {"detector": "a-guard", "output": "[" * 30 + "]" * 30},
    *(
        {"detector": "a-guard", "output": f"a quiet threat about {what}"}
        for what in ("us", "a dog")
    ),
    {"detector": "a-guard", "output": " ".join(["insult"] * 500)},
    {"detector": " ", "output": "hate"},
    {"detector": "a-guard", "output": 7},
    {"detector": "a-guard", "output": {"score": float("inf")}},
]


def as_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def read_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.open()]


def test_the_three_ways_give_the_same_answers(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPPER_MODEL_REPOSITORY", str(published_models()))
    (tmp_path / "in.jsonl").write_text(as_lines(ROWS * 2))
    ways: dict[str, Callable[[], PairMapper]] = {
        "service": lambda: Endpoints([stack.url]),
        "triton": lambda: TritonEndpoints([stack.triton.grpc_url]),
        "process": InProcess,
    }
    found, bad = {}, {}
    for name, made in ways.items():
        out = tmp_path / f"{name}.jsonl"
        Bulk(str(tmp_path / "in.jsonl"), str(out), made()).run()
        found[name] = read_lines(out)
        bad[name] = [one["line"] for one in read_lines(Path(f"{out}.bad.jsonl"))]
    assert len(found["service"]) == 2 * (len(ROWS) - 3)
    assert {row["mapped"]["fallback_reason"] for row in found["service"]} <= {
        None,
        "low_confidence",
        "unread",
    }
    assert found["triton"] == found["service"]
    assert found["process"] == found["service"]
    assert bad["triton"] == bad["service"] == bad["process"]


@pytest.fixture
def tritons(tiny_repository: Path) -> Iterator[list[LocalTriton]]:
    with local_triton(tiny_repository) as one, local_triton(tiny_repository) as another:
        yield [one, another]


def test_a_triton_that_is_killed_is_left_out(
    tritons: list[LocalTriton], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "text_blocks", lambda *args: text_blocks(*args, size=200))
    rows = [{"detector": "a-guard", "output": f"hate w{number}"} for number in range(600)]
    (tmp_path / "in.jsonl").write_text(as_lines(rows))
    killed, other = tritons

    def kill(done: object) -> None:
        if killed.pid is not None:
            os.kill(killed.pid, signal.SIGKILL)
            eventually(lambda: killed.pid is None)

    places = TritonEndpoints([killed.grpc_url, other.grpc_url], threshold=0)
    out = tmp_path / "out.jsonl"
    assert Bulk(str(tmp_path / "in.jsonl"), str(out), places).run(kill)["mapped"] == 600
    found = read_lines(out)
    assert [row["output"] for row in found] == [row["output"] for row in rows]
    assert {row["mapped"]["version_info"]["model"] for row in found} == {"tiny-1"}
    assert {row["mapped"]["fallback_reason"] for row in found} == {None}

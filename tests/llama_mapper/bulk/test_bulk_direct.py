"""`mapper bulk` without the service: at Triton, and by the engine in its process."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from bench.harness.stand_in import Refusal, TritonStandIn
from client_api.mapping.gateway import Item
from fallback.decision.decision import Decision
from llama_mapper import MapperError, RetryPolicy, TransportError
from llama_mapper.bulk import Bulk, job
from llama_mapper.bulk.rows import text_blocks
from llama_mapper.bulk.triton import TritonEndpoints
from pipeline.steps import MAX_OUTPUT
from schemas.contract import FallbackReason
from tests.llama_mapper.bulk.test_bulk import DETECTOR, as_lines, read_lines, rows, said
from tests.support.command_line import complaint, mapper
from tests.support.fake_model import model
from tests.support.serving import tiny_models

AT_ONCE = RetryPolicy(attempts=3, base_s=0)
NOBODY = "127.0.0.1:1"


@pytest.fixture
def run(tmp_path: Path) -> tuple[str, str]:
    """IN, with 300 rows of 120 different pairs, and OUT."""
    (tmp_path / "in.jsonl").write_bytes(as_lines(rows(300, different=120)))
    return str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")


def mapped(out: str) -> list[dict[str, Any]]:
    return [row["mapped"] for row in read_lines(Path(out).read_bytes())]


def refusing(status: grpc.StatusCode) -> Callable[[Item], Decision]:
    def answer(item: Item) -> Decision:
        raise Refusal(status)

    return answer


def outputs(triton: TritonStandIn) -> list[str]:
    return sorted(item.output for items in triton.asked for item in items)


def test_triton_is_asked_for_each_different_pair_once(run: tuple[str, str]) -> None:
    triton = TritonStandIn(model)
    with triton.running() as address:
        options = ("--triton", address, "--tenant", "acme", "--threshold", "0.5")
        done = mapper("http://unused", "bulk", *run, *options)
    assert done.exit_code == 0, done.stderr
    assert "300 rows mapped, 120 different, 0 bad" in done.stdout
    assert outputs(triton) == sorted(map(said, range(120)))
    assert {(item.tenant, item.threshold) for item in triton.asked[0]} == {("acme", 0.5)}
    [answer, *_] = mapped(run[1])
    expected = model(triton.asked[0][0]).answer
    kept = {name: expected[name] for name in answer}
    assert answer == json.loads(json.dumps(kept))
    assert {"label_confidence", "version_info", "fallback_reason"} <= answer.keys()


def test_items_that_the_model_was_late_for_are_sent_again(run: tuple[str, str]) -> None:
    late = {said(number) for number in range(0, 120, 3)}

    def answer(item: Item) -> Decision:
        if item.output in late:
            late.remove(item.output)
            return replace(model(item), fallback_reason=FallbackReason.TIMEOUT)
        return model(item)

    triton = TritonStandIn(answer)
    with triton.running() as address:
        Bulk(*run, TritonEndpoints([address], retry=AT_ONCE)).run()
    assert {event["fallback_reason"] for event in mapped(run[1])} == {None}
    assert len(outputs(triton)) == 160


def test_the_answer_of_the_rules_stands_when_the_model_stays_late(run: tuple[str, str]) -> None:
    triton = TritonStandIn(
        lambda item: replace(model(item), fallback_reason=FallbackReason.TIMEOUT)
    )
    with triton.running() as address:
        Bulk(*run, TritonEndpoints([address], retry=AT_ONCE)).run()
    assert {event["fallback_reason"] for event in mapped(run[1])} == {"timeout"}
    assert len(outputs(triton)) == 3 * 120


def test_a_lost_triton_is_left_out(run: tuple[str, str]) -> None:
    triton = TritonStandIn(model)
    with triton.running() as address:
        report = Bulk(*run, TritonEndpoints([NOBODY, address])).run()
    assert report["mapped"] == 300
    assert outputs(triton) == sorted(map(said, range(120)))


def test_a_triton_that_comes_back_is_asked_again(run: tuple[str, str]) -> None:
    triton = TritonStandIn(model)

    def away(item: Item) -> Decision:
        triton.answer = model
        raise Refusal(grpc.StatusCode.UNAVAILABLE)

    triton.answer = away
    with triton.running() as address:
        Bulk(*run, TritonEndpoints([address], retry=AT_ONCE)).run()
    assert outputs(triton) == sorted(map(said, range(120)))


def test_a_run_goes_on_at_another_triton(
    run: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "text_blocks", lambda *args: text_blocks(*args, size=60))
    triton = TritonStandIn(model)

    def lose(done: object) -> None:
        triton.answer = refusing(grpc.StatusCode.UNAVAILABLE)

    with triton.running() as address, pytest.raises(TransportError, match="UNAVAILABLE"):
        Bulk(*run, TritonEndpoints([address], retry=AT_ONCE)).run(lose)
    triton.answer = model
    with triton.running() as another:
        Bulk(*run, TritonEndpoints([another])).run()
    assert len(mapped(run[1])) == 300
    assert outputs(triton) == sorted(map(said, range(120)))


def test_a_refusal_of_triton_stops_the_run_at_once(run: tuple[str, str]) -> None:
    with TritonStandIn(refusing(grpc.StatusCode.INVALID_ARGUMENT)).running() as address:
        done = mapper("http://unused", "bulk", *run, "--triton", address)
        with pytest.raises(MapperError, match="INVALID_ARGUMENT"):
            Bulk(*run, TritonEndpoints([address])).run()
    assert done.exit_code == 1
    assert "the same command goes on" in done.stderr


def test_rows_that_no_service_would_take_are_bad_at_triton_too(tmp_path: Path) -> None:
    bad = [
        {"detector": " ", "output": "hate"},
        {"detector": "d", "output": 5},
        {"detector": "d", "output": None},
        {"detector": "d", "output": {"score": float("nan")}},
        {"detector": "d", "output": "x" * (MAX_OUTPUT + 1)},
    ]
    (tmp_path / "in.jsonl").write_bytes(as_lines([*bad, *rows(1)]))
    out = tmp_path / "out.jsonl"
    triton = TritonStandIn(model)
    with triton.running() as address:
        done = mapper("", "bulk", str(tmp_path / "in.jsonl"), str(out), "--triton", address)
    assert done.exit_code == 1
    assert outputs(triton) == [said(0)]
    aside = read_lines(Path(f"{out}.bad.jsonl").read_bytes())
    assert [one["line"] for one in aside] == [1, 2, 3, 4, 5]
    assert "detector: is empty" in aside[0]["reason"]
    assert "PAYLOAD_TOO_LARGE" in aside[4]["reason"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--triton", "a:1", "--url", "http://a"), "give one of --url and --triton"),
        (("--triton", "a:1", "--in-process"), "give one of --triton and --in-process"),
        (("--triton", "a:1", "--taxonomy", "2025.09"), "--taxonomy needs --url"),
        (("--in-process", "--taxonomy", "2025.09"), "--taxonomy needs --url"),
        (("--triton", "http://a:8001"), "is not HOST:PORT"),
        (("--triton", "a"), "is not HOST:PORT"),
    ],
)
def test_options_that_do_not_go_together(
    run: tuple[str, str], options: tuple[str, ...], problem: str
) -> None:
    done = mapper("http://of-the-environment", "bulk", *run, *options)
    assert done.exit_code == 2
    assert problem in complaint(done)


def test_the_engine_in_the_process_needs_a_published_version(
    run: tuple[str, str], tmp_path: Path
) -> None:
    settings = {"model_repository": str(tmp_path / "none")}
    done = mapper("", "bulk", *run, "--in-process", **settings)
    assert done.exit_code == 2
    assert "no published version" in complaint(done)
    assert not Path(f"{run[1]}.work").exists()


@pytest.mark.heavy
def test_the_engine_in_the_process_answers(
    run: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "detectors"
    own.mkdir()
    maps = f"maps: {{{said(0)}: PII.Contact.Email}}"
    (own / "own.yaml").write_text(f"{{detector: {DETECTOR}, tenants: [acme], {maps}}}")
    monkeypatch.setenv("MAPPER_DETECTORS_DIR", str(own))
    settings = {"model_repository": str(tiny_models(tmp_path / "models"))}
    done = mapper("", "bulk", *run, "--in-process", "--threshold", "0", **settings)
    assert done.exit_code == 0, done.stderr
    events = mapped(run[1])
    assert {event["version_info"]["model"] for event in events} == {"tiny-1"}
    assert {event["fallback_reason"] for event in events} == {None}
    done = mapper("", "bulk", *run, "--in-process", "--force", "--tenant", "acme", **settings)
    assert done.exit_code == 0, done.stderr
    assert mapped(run[1])[0]["taxonomy"] == ["PII.Contact.Email"]

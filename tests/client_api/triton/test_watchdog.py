"""The local Triton comes back by itself, into the version that was chosen."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tritonclient.grpc as grpc_client
from tritonclient.utils import InferenceServerException

from bench.processes import eventually
from client_api.triton.install import TritonError
from client_api.triton.processes import children
from client_api.triton.server import LocalTriton
from client_api.triton.watchdog import Watchdog
from client_api.upstream.canary import ModelHealth
from engine.versions import Choice, write_choice
from tests.real_server.test_ensemble import infer
from tests.support.serving import local_triton, publish_tiny

pytestmark = [pytest.mark.slow, pytest.mark.triton]

GOOD = ModelHealth(ok=True, age_s=0.0, problem="", model="tiny")
LOST = ModelHealth(ok=False, age_s=9.0, problem="no answer", model="tiny", lost_s=1e9)
MODEL = "llama_mapper"


@contextmanager
def watched(
    repository: Path, health: list[ModelHealth], patience_s: float = 60.0
) -> Iterator[tuple[LocalTriton, Watchdog]]:
    """health: its last entry is what the canary says."""
    triton = local_triton(repository)
    watchdog = Watchdog(
        triton, MODEL, lambda: health[-1], patience_s=patience_s, start_timeout_s=60.0
    )
    with watchdog:
        yield triton, watchdog


def answers(triton: LocalTriton) -> str:
    """The model that an answer names; empty while there is none."""
    try:
        with grpc_client.InferenceServerClient(triton.grpc_url) as client:
            answer = infer(client, grpc_client, DETECTOR=["d"], OUTPUT=["qwyx"])
    except InferenceServerException:
        return ""
    return str(json.loads(answer["VERSIONS"][0])["model"])


def loaded(triton: LocalTriton) -> tuple[int, ...]:
    """Versions that serve; none while Triton is down."""
    try:
        return triton.control.loaded(MODEL)
    except RuntimeError:
        return ()


def test_a_triton_that_died_comes_back_with_the_versions_that_were_chosen(
    tiny_repository: Path,
) -> None:
    publish_tiny(tiny_repository / MODEL / "2", seed=2)
    with watched(tiny_repository, [GOOD]) as (triton, _):
        eventually(lambda: answers(triton) == "tiny-2")
        # What a rollback does last.
        write_choice(tiny_repository, Choice(1, previous=2))
        pid = triton.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: triton.pid not in (None, pid))
        eventually(lambda: answers(triton) == "tiny-1")
        assert loaded(triton) == (1,)


def test_a_broken_newest_version_does_not_keep_the_older_from_serving(
    tiny_repository: Path,
) -> None:
    broken = tiny_repository / MODEL / "2"
    publish_tiny(broken, seed=2)
    (broken / "model.onnx").write_bytes(b"cut short")
    with watched(tiny_repository, [GOOD]) as (triton, _):
        eventually(lambda: loaded(triton) == (1,))


def test_no_model_is_loaded_twice_at_a_start(tiny_repository: Path) -> None:
    for cache in tiny_repository.rglob("__pycache__"):
        shutil.rmtree(cache)
    triton = local_triton(tiny_repository)
    try:
        triton.start(versions={MODEL: [1]})
        log = triton.log_path.read_text()
    finally:
        triton.stop()
    assert [log.count(f'"loading: {model}:1"') for model in triton.models] == [1] * 4


def stubs_of(triton: LocalTriton) -> dict[str, int]:
    """Folder of a model -> the living process that serves it."""
    living = [child for child in children(triton.pid or 0) if not child.ended]
    files = [(Path(part), c.pid) for c in living for part in c.command if part.endswith("model.py")]
    return {file.parent.parent.name: pid for file, pid in files}


def test_a_stub_that_died_is_replaced_while_its_triton_stays(tiny_repository: Path) -> None:
    with watched(tiny_repository, [GOOD]) as (triton, _):
        eventually(lambda: answers(triton) == "tiny-1")  # then every step has its stub
        first, before = triton.pid, stubs_of(triton)
        for model in (MODEL, "signal_reader", MODEL):
            os.kill(stubs_of(triton)[model], signal.SIGKILL)
            eventually(lambda: answers(triton) == "", within_s=10.0)
            eventually(lambda: answers(triton) == "tiny-1")
        assert triton.pid == first
        assert loaded(triton) == (1,)
        # What did not die was not loaded anew.
        after = stubs_of(triton)
        assert {m for m in before if before[m] == after[m]} == {"mapping_guard"}
        # Triton keeps what is left of each, so it is not done without end.
        os.kill(after[MODEL], signal.SIGKILL)
        eventually(lambda: triton.pid not in (None, first) and answers(triton) == "tiny-1")


def test_a_version_that_changed_is_not_loaded_in_place_of_a_dead_stub(
    tiny_repository: Path,
) -> None:
    publish_tiny(tiny_repository / MODEL / "2", seed=2)
    with watched(tiny_repository, [GOOD]) as (triton, _):
        eventually(lambda: answers(triton) == "tiny-2")
        publish_tiny(tiny_repository / MODEL / "2", seed=3)
        os.kill(stubs_of(triton)[MODEL], signal.SIGKILL)
        eventually(lambda: answers(triton) == "tiny-1")


def test_canaries_without_an_answer_end_in_a_restart(tiny_repository: Path) -> None:
    health = [GOOD]
    with watched(tiny_repository, health, patience_s=0.5) as (triton, _):
        eventually(lambda: loaded(triton) == (1,))
        first = triton.pid
        health.append(LOST)
        eventually(lambda: triton.pid not in (None, first))
        health.append(GOOD)
        eventually(lambda: loaded(triton) == (1,))


def test_a_triton_that_ends_while_it_loads_is_not_waited_for(tiny_repository: Path) -> None:
    with local_triton(tiny_repository) as triton:
        pid = triton.pid
        assert pid is not None

        def kill_amid_the_load() -> None:
            # The new stub holds the connection over which Triton was told to load.
            eventually(lambda: sum(MODEL in " ".join(c.command) for c in children(pid)) == 2)
            os.kill(pid, signal.SIGKILL)

        killing = threading.Thread(target=kill_amid_the_load)
        killing.start()
        # The connection may end a moment before the process does.
        told = "exited with code -9 while loading|Triton does not answer to .*/load"
        with pytest.raises(TritonError, match=told):
            triton.load(MODEL, timeout_s=600.0, anew=True)
        killing.join()

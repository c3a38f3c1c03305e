"""Another model version is served without a request that fails, and stays chosen whatever dies."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from bench.faults.deployment import Deployment
from bench.processes import eventually
from client_api.triton.server import LocalTriton
from client_api.triton.versions import MODEL
from client_api.triton.watchdog import Watchdog
from engine.manifest import manifest_hash
from engine.versions import Choice, read_control_file, write_choice
from tests.client_api.triton.switching import (
    BODY,
    chosen,
    command,
    facade,
    publish_ignorant,
    publish_stand_in,
    refused,
    serving,
    succeeds,
)
from tests.support.serving import local_triton

pytestmark = [pytest.mark.slow, pytest.mark.triton]

LOST = ("model_error", "timeout", "overloaded")


@dataclass
class Load:
    """Requests one after another from several clients, and what became of them."""

    models: list[str] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)

    def model_in_use(self) -> str:
        """What the next answer says."""
        before = len(self.models)
        eventually(lambda: len(self.models) > before or bool(self.failed))
        return self.models[-1]


@contextmanager
def loaded(url: str) -> Iterator[Load]:
    seen, stop = Load(), threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=60.0, headers={"X-Budget-Ms": "20000"}) as http:
            while not stop.is_set():
                response = http.post("/map", json=BODY)
                answer = response.json()
                if response.status_code != 200 or answer["fallback_reason"] in LOST:
                    seen.failed.append(answer)
                else:
                    seen.models.append(answer["version_info"]["model"])

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_no_request_fails_while_versions_change(repository: Path, tmp_path: Path) -> None:
    write_choice(repository, Choice(1))
    with serving(repository) as triton, facade(triton, tmp_path) as url, loaded(url) as seen:
        assert seen.model_in_use() == "stand-in-1"
        assert "version 2 is served (before: 1)" in succeeds(repository, "promote", "2")
        eventually(lambda: seen.model_in_use() == "stand-in-2")
        assert triton.control.loaded(MODEL) == (1, 2), "the way back would cost a load"
        succeeds(repository, "rollback")
        eventually(lambda: seen.model_in_use() == "stand-in-1")
        assert chosen(repository) == (1, 2)
        succeeds(repository, "promote")
        eventually(lambda: seen.model_in_use() == "stand-in-2")
        assert "is served already" in succeeds(repository, "promote", "2")

        # One that knows nothing, from below and from above, and one that does not load.
        publish_ignorant(repository, 3)
        assert "golden rows" in refused(repository, "promote", "3")
        eventually(lambda: seen.model_in_use() == "stand-in-2")
        publish_stand_in(repository, 4)
        succeeds(repository, "promote", "4")
        eventually(lambda: seen.model_in_use() == "stand-in-4")
        so_far = len(seen.models)
        assert "version 4 stays, 3 is refused" in refused(repository, "rollback", "3")
        assert set(seen.models[so_far:]) == {"stand-in-4"}
        publish_ignorant(repository, 5)
        (repository / MODEL / "5" / "model.onnx").write_bytes(b"cut short")
        assert "version 4 stays, 5 is refused" in refused(repository, "promote", "5")
        assert seen.model_in_use() == "stand-in-4"
        assert chosen(repository) == (4, 2)
        assert "VERSION=9 is not published; published: 1, 2, 3, 4, 5" in refused(
            repository, "promote", "9"
        )
        assert "VERSION=\u0664 is not published" in refused(repository, "promote", "\u0664")
        assert "VERSION=two is not published" in refused(repository, "rollback", "two")
        listed = succeeds(repository, "versions")
    assert seen.failed == []
    # No user had an answer of a version before it knew the golden set.
    assert set(seen.models) == {"stand-in-1", "stand-in-2", "stand-in-4"}
    assert "4  served, chosen\n   stand-in-4, created 2026-01-01T00:00:00+00:00" in listed
    assert "base some-llama (01234567), adapter none, quantization int8" in listed
    assert "gate: exact 0.8765, families.count 12" in listed
    assert "2  loaded, previous" in listed
    assert "1  published" in listed


def test_the_first_version_is_chosen_and_newer_ones_are_not(repository: Path) -> None:
    with serving(repository) as triton:
        assert chosen(repository) == (2, None)
        publish_stand_in(repository, 3)
        pid = triton.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: triton.pid not in (None, pid) and loaded_now(triton) == (2,))
        eventually(lambda: read_control_file(repository) == triton.address)
        # Where nobody has switched yet, the way back is to the next lower one.
        succeeds(repository, "rollback")
        assert triton.control.loaded(MODEL) == (1,)
    assert "no Triton serves" in refused(repository, "promote", "2")
    assert "1  chosen" in succeeds(repository, "versions")


def test_a_repository_may_be_named_by_a_relative_path(repository: Path) -> None:
    """As the default is: `model_repository`."""
    with serving(repository):
        relative = Path(repository.name)
        done = command(relative, "promote", "1", folder=repository.parent)
        assert done.returncode == 0, done.stderr
        assert chosen(repository) == (1, 2)


def loaded_now(triton: LocalTriton) -> tuple[int, ...]:
    try:
        return triton.control.loaded(MODEL)
    except RuntimeError:
        return ()


def test_a_new_version_under_the_chosen_number_is_not_served_by_itself(repository: Path) -> None:
    with serving(repository):
        succeeds(repository, "promote", "1")
        succeeds(repository, "promote", "2")
    (repository / MODEL / "2" / "manifest.json").write_text('{"model_id": "another"}')
    with serving(repository) as triton:
        assert triton.control.loaded(MODEL) == (1,)
        assert "version 2 is not the one that was chosen" in succeeds(repository, "versions")
        succeeds(repository, "promote", "2")
        assert triton.control.loaded(MODEL) == (1, 2)
    with serving(repository) as triton:
        assert triton.control.loaded(MODEL) == (1, 2)


def test_a_changed_manifest_is_not_served_where_there_is_no_other_version(
    repository: Path,
) -> None:
    shutil.rmtree(repository / MODEL / "1")
    write_choice(repository, Choice(2, manifest="0" * 64))
    triton = local_triton(repository)
    watchdog = Watchdog(triton, MODEL, lambda: None, patience_s=60.0, start_timeout_s=60.0)
    found = manifest_hash(repository / MODEL / "2")
    refusal = f"2/manifest.json: its hash {found} is not {'0' * 64}"
    with capture_logs() as lines, watchdog:
        eventually(
            lambda: any(
                x["event"] == "Triton did not start" and refusal in x["problem"] for x in lines
            )
        )
        assert triton.pid is None


@pytest.mark.parametrize("choice", ['{"version": 7, "previous": 1}', '{"version": "cut'])
def test_without_the_chosen_version_the_newest_is_served_and_the_choice_is_kept(
    repository: Path, choice: str
) -> None:
    file = repository / ".choice.json"
    file.write_text(choice)
    with serving(repository) as triton:
        assert triton.control.loaded(MODEL) == (2,)
        assert file.read_text() == choice
        succeeds(repository, "promote", "1")
        assert chosen(repository) == (1, 2)


def test_a_rollback_outlives_every_process(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, budget_ms=20_000.0)
    repository = tmp_path / "models"
    publish_stand_in(repository, 2)

    def model() -> str:
        answer = httpx.post(f"{deployment.url}/map", json=BODY, timeout=60.0).json()
        return str(answer["version_info"]["model"])

    deployment.start()
    try:
        deployment.wait_for_model()
        assert model() == "stand-in-2"
        succeeds(repository, "rollback")
        assert model() == "stand-in-1"
        deployment.send(signal.SIGKILL, to="triton")
        eventually(lambda: not deployment.model_answers())
        deployment.wait_for_model()
        assert model() == "stand-in-1"
        deployment.send(signal.SIGKILL, to="facade")
        deployment.wait()
        deployment.start()
        deployment.wait_for_model()
        assert model() == "stand-in-1"
    finally:
        deployment.stop()

"""What a Triton that does not start leaves behind, and what its watchdog sees. Starts none."""

import tempfile
import threading
from pathlib import Path

import pytest

from client_api.triton import install, processes, server
from client_api.triton.control import TritonControl
from client_api.triton.install import Installation, TritonError
from client_api.triton.processes import Child
from client_api.triton.server import LocalTriton
from client_api.triton.watchdog import Watchdog
from client_api.upstream.canary import ModelHealth


@pytest.fixture
def runtimes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runtime folders appear; the installation is a stand-in."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    found = Installation(tmp_path / "no-server", tmp_path, tmp_path / "stub", tmp_path)
    monkeypatch.setattr(server, "find_installation", lambda: found)
    monkeypatch.setattr(LocalTriton, "_check_ports", lambda self: None)
    return folder


def triton(tmp_path: Path, log: Path | None = None) -> LocalTriton:
    return LocalTriton(tmp_path, ["m"], ready_model="m", log_path=log)


def test_a_log_that_cannot_be_opened(tmp_path: Path, runtimes: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        triton(tmp_path, log=tmp_path).start()
    assert list(runtimes.iterdir()) == []


def test_a_process_that_cannot_be_started(
    tmp_path: Path, runtimes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(processes.subprocess, "Popen", no_memory)
    with pytest.raises(OSError, match="allocate"):
        triton(tmp_path).start()
    assert list(runtimes.iterdir()) == []


def test_links_that_cannot_be_made(
    tmp_path: Path, runtimes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(install.Path, "symlink_to", refuse)
    with pytest.raises(OSError, match="permitted"):
        triton(tmp_path).start()
    assert list(runtimes.iterdir()) == []


def test_a_log_that_is_gone_does_not_keep_the_process(tmp_path: Path, runtimes: Path) -> None:
    started = triton(tmp_path)

    def lose_log(*_: object) -> None:
        started.log_path.unlink()
        raise TritonError("not ready")

    started._wait_for = lose_log  # type: ignore[method-assign]
    with pytest.raises(TritonError, match="no log"):
        started.start()
    assert started.pid is None
    assert list(runtimes.iterdir()) == []


def test_the_watchdog_outlives_a_defect_of_its_first_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client_api.triton.watchdog._PAUSE_S", 0.01)
    tries: list[int] = []
    health = ModelHealth(ok=True, age_s=0.0, problem="", model="m")
    watchdog = Watchdog(triton(tmp_path), "m", lambda: health, patience_s=9, start_timeout_s=9)

    def bring_up() -> None:
        tries.append(1)
        if len(tries) == 3:
            watchdog._stop.set()
        raise ValueError("an index that is not JSON")

    watchdog._bring_up = bring_up  # type: ignore[method-assign]
    watchdog._run()
    assert len(tries) == 3


def test_a_first_build_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client_api.triton.watchdog._PAUSE_S", 0.01)
    tries: list[int] = []

    def prepare(stop: threading.Event) -> bool:
        tries.append(1)
        if len(tries) == 3:
            stop.set()
        raise OSError(12, "Cannot allocate memory")

    watchdog = Watchdog(
        triton(tmp_path), "m", lambda: None, patience_s=9, start_timeout_s=9, prepare=prepare
    )
    watchdog._run()
    assert len(tries) == 3


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With two versions of the model `m`, and a Triton that seems to run."""
    for version in (1, 2):
        file(tmp_path, version).parent.mkdir(parents=True)
        file(tmp_path, version).touch()
    monkeypatch.setattr(LocalTriton, "pid", 1)
    return tmp_path


def file(repository: Path, version: int) -> Path:
    return repository / "m" / str(version) / "model.py"


def watching(repository: Path, health: ModelHealth | None = None) -> Watchdog:
    watched = triton(repository)
    return Watchdog(watched, "m", lambda: health, patience_s=9, start_timeout_s=9)


@pytest.mark.parametrize(
    ("alive", "served", "stubless"),
    [
        # Unloaded: its stub has ended and waits for Triton to collect it.
        ([2], [2], set()),
        # Loaded anew with a stub of its own, the old one not collected.
        ([1, 2], [1, 2], set()),
        ([1], [1, 2], {"m"}),
    ],
)
def test_a_stub_that_ended_counts_when_its_version_is_served(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    alive: list[int],
    served: list[int],
    stubless: set[str],
) -> None:
    stubs = [Child(9, ended=True, command=())]
    stubs += [Child(n, False, ("stub", str(file(repository, n)))) for n in alive]
    monkeypatch.setattr("client_api.triton.watchdog.children", lambda pid: iter(stubs))
    monkeypatch.setattr(TritonControl, "ready", lambda self: tuple(("m", v) for v in served))
    watchdog = watching(repository)
    assert [watchdog._stubless() for _ in range(3)] == [set(), stubless, stubless]


@pytest.mark.parametrize(
    "index", [b"<html>", b"{}", b'[{"model": "m"}]', b'[{"name": "m", "version": "x"}]', b"[1]"]
)
def test_an_index_of_an_unexpected_shape_does_not_blind_the_watchdog(
    repository: Path, monkeypatch: pytest.MonkeyPatch, index: bytes
) -> None:
    ended = Child(9, ended=True, command=())
    monkeypatch.setattr("client_api.triton.watchdog.children", lambda pid: iter([ended]))
    monkeypatch.setattr(TritonControl, "_post", lambda *_: index)
    restarts: list[bool] = []
    lost = ModelHealth(ok=False, age_s=9.0, problem="no answer", model="m", lost_s=1e9)
    watchdog = watching(repository, lost)
    watchdog._up_since = -1e9
    watchdog._bring_up = lambda: restarts.append(True)  # type: ignore[method-assign]
    watchdog._look()
    assert restarts == [True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            "os.uname = lambda: type('', (), {'machine': 'riscv64'})",
            "no seccomp filter for riscv64",
        ),
        (
            "ctypes.CDLL = lambda *_, **__: type('', (), {'prctl': lambda *_: -1})",
            "no seccomp filter",
        ),
    ],
)
def test_without_the_filter_for_shared_memory_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, reason: str
) -> None:
    begin, rest = processes._BECOME.split("\n", 1)
    monkeypatch.setattr(processes, "_BECOME", f"{begin}\n{change}\n{rest}")
    with (tmp_path / "log").open("wb") as log:
        assert processes.spawn(["/bin/echo", "started"], log, {}).wait() == 1
    assert (tmp_path / "log").read_text().startswith(reason)

"""What a Triton that does not start leaves behind: nothing. Starts none."""

import tempfile
from pathlib import Path

import pytest

from client_api.triton import install, server
from client_api.triton.install import Installation, TritonError
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

    monkeypatch.setattr(server.subprocess, "Popen", no_memory)
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

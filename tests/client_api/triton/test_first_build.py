"""The first model version, built while the rules answer."""

import threading
from pathlib import Path

import pytest

from client_api.triton.first_build import build_when_none


def test_a_published_version_is_not_built_again(tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "manifest.json").touch()
    assert build_when_none(tmp_path, threading.Event())
    assert [path.name for path in tmp_path.iterdir()] == ["3"]


def test_a_build_that_fails_says_why_and_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert not build_when_none(tmp_path, threading.Event())
    assert "model.py is missing" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_build_ends_when_the_server_stops(tmp_path: Path) -> None:
    (tmp_path / "model.py").touch()
    stop = threading.Event()
    stop.set()
    assert not build_when_none(tmp_path, stop)
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]

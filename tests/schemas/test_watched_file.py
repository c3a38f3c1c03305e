"""Files that change under a running service, and how they are written."""

import asyncio
import os
from pathlib import Path

import pytest

from schemas.config.errors import ConfigError
from schemas.config.files import write_private
from schemas.config.watched_file import WatchedFile


def test_a_defect_of_the_reader_is_a_bad_file_too(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("good")

    def read(file: Path) -> str:
        text = file.read_text()
        if text == "deep":
            raise RecursionError
        return text

    said: list[ConfigError | None] = []
    watched = WatchedFile(path, read, said.append)
    path.write_text("deep")
    assert watched.changed
    assert [watched.current(), watched.current()] == ["good", "good"]
    assert not watched.changed
    assert watched.problem is not None
    assert said == [watched.problem]
    path.write_text("better")
    assert (watched.current(), watched.problem) == ("better", None)


def test_an_event_loop_does_not_wait_for_a_changed_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    watched = WatchedFile(path, Path.read_text)
    path.write_text("afterwards")

    async def use() -> list[str]:
        return [watched.current(), await asyncio.to_thread(watched.current), watched.current()]

    assert asyncio.run(use()) == ["before", "afterwards", "afterwards"]


def test_a_written_file_is_synced_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def note(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        sync(handle)

    monkeypatch.setattr(os, "fsync", note)
    write_private(tmp_path / "file", "text")
    assert synced[-1] == str(tmp_path)
    assert len(synced) == 2
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600

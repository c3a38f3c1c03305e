"""Log lines when there is no room for them."""

import io
import logging
import sys
import traceback
from collections.abc import Iterator

import pytest
import structlog

from client_api.telemetry import logs


class FullDisk(io.StringIO):
    """Takes nothing, and counts how often it was asked to."""

    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        raise OSError(28, "No space left on device")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    root, stream = logging.getLogger(), FullDisk()
    handlers, level, explained = root.handlers, root.level, logging.raiseExceptions
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("info")
    yield stream
    root.handlers, logging.raiseExceptions = handlers, explained
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_that_cannot_be_written_costs_one_try(
    full: FullDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained: list[object] = []
    monkeypatch.setattr(traceback, "print_exception", lambda *a, **k: explained.append(a))
    logging.getLogger("anything").info("a line")

    assert full.writes == 1
    assert explained == []

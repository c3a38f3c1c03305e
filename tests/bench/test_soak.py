"""What the soak calls flat, and what it measures."""

import os
import socket

import pytest

from bench.load.soak import Values, measure, trends

MEMORY, FILES = ("facade", "memory, MB"), ("facade", "descriptors")


def line(start: float, per_hour: float, hours: float) -> tuple[list[float], list[Values]]:
    times = [3600 * hours * i / 59 for i in range(60)]
    return times, [{MEMORY: start + per_hour * t / 3600, FILES: 20.0} for t in times]


@pytest.mark.parametrize(
    ("per_hour", "hours", "flat"), [(0, 0.5, True), (20, 0.5, True), (200, 0.5, False)]
)
def test_a_leak_shows_as_a_slope(per_hour: float, hours: float, flat: bool) -> None:
    memory, files = trends(*line(300, per_hour, hours))
    assert memory.slope == pytest.approx(per_hour, abs=1e-6)
    assert (memory.flat, files.flat) == (flat, True)


def test_what_grows_while_it_warms_up_is_not_judged() -> None:
    times, samples = line(300, 0, 0.5)
    for values in samples[:10]:
        values[MEMORY] = 100
    assert trends(times, samples)[0].slope == pytest.approx(0, abs=1e-6)


def test_a_process_has_memory_descriptors_and_threads() -> None:
    found = measure(os.getpid(), 8080)
    assert all(found["facade", what] > 0 for what in ("memory, MB", "descriptors", "threads"))


def test_a_connection_is_a_descriptor_of_ours_once_its_caller_has_gone() -> None:
    def descriptors(port: int) -> float:
        return measure(os.getpid(), port)["facade", "descriptors"]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        before = descriptors(port)
        caller = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        with accepted:
            # The caller's end is in this process, too.
            assert descriptors(port) == before + 1
            caller.close()
            assert descriptors(port) == before + 1

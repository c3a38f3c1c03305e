"""What the process may use while it stands in for a busy model."""

import asyncio

import pytest

from client_api.mapping.cpu_share import CpuShare


class Process:
    """A process on a clock of the test's, with a quarter of a core."""

    def __init__(self) -> None:
        self.now = self.used = 0.0
        self.share = CpuShare(0.25, lambda: self.now, lambda: self.used)

    def pass_by(self, seconds: float, used: float = 0.0) -> float:
        self.now += seconds
        self.used += used
        return self.share.wait_s()


def test_within_its_share_nobody_waits() -> None:
    process = Process()
    assert process.pass_by(1.0, used=0.1) == 0
    assert process.pass_by(1.0, used=0.2) == 0


def test_beyond_it_one_waits_until_it_is_earned() -> None:
    process = Process()
    wait_s = process.pass_by(0.1, used=0.125)
    assert wait_s == pytest.approx(0.4)
    assert process.pass_by(wait_s / 2) == pytest.approx(wait_s / 2)
    assert process.pass_by(wait_s / 2) == pytest.approx(0)


def test_neither_rest_nor_excess_is_remembered_for_long() -> None:
    process = Process()
    process.pass_by(1000.0)
    assert process.pass_by(0.0, used=0.125) == 0
    assert process.pass_by(0.0, used=0.125) == pytest.approx(0.5)
    assert process.pass_by(0.0, used=1000.0) == pytest.approx(0.5)


def test_callers_have_their_turns_in_order() -> None:
    process = Process()
    process.pass_by(0.0, used=0.01)
    ended: list[int] = []

    async def caller(number: int) -> None:
        await process.share.turn(60.0)
        ended.append(number)
        process.used += 0.01

    async def test() -> None:
        callers = [asyncio.create_task(caller(number)) for number in range(3)]
        while len(ended) < 3:
            process.now += 0.01
            await asyncio.sleep(0)
        await asyncio.gather(*callers)

    asyncio.run(test())
    assert ended == [0, 1, 2]


def test_a_turn_does_not_wait_beyond_its_bound() -> None:
    process = Process()
    process.pass_by(0.0, used=100.0)
    asyncio.run(process.share.turn(0.0))
    asyncio.run(process.share.turn(-1.0))
    assert process.share.wait_s() > 0

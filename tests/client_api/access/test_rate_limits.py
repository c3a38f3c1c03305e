"""Rate limits: who is counted as whom, what a call costs, and what happens without Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.faults.redis_server import running_redis
from client_api.access.addresses import client_address, limit_subject, parse_networks
from client_api.access.rate_limits import LimitOutcome, RateLimits, parse_limit
from client_api.access.redis import SharedRedis

PROXIES = parse_networks(["10.0.0.0/8", "::1/128"])


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def limits(**more: Any) -> RateLimits:
    """Three items for each, in a minute."""
    three = parse_limit("3/minute")
    return RateLimits(**{"key": three, "tenant": None, "address": three, **more})


def charges(limiter: RateLimits, *calls: dict[str, Any]) -> list[LimitOutcome]:
    """The outcomes of calls one after another."""

    async def run() -> list[LimitOutcome]:
        defaults = {"key_id": None, "tenant": None, "address": "192.0.2.1"}
        return [await limiter.charge(**{**defaults, **call}) for call in calls]

    return asyncio.run(run())


def allowed(outcomes: list[LimitOutcome]) -> list[bool]:
    return [outcome.allowed for outcome in outcomes]


def test_a_batch_costs_its_items_and_a_refusal_costs_nothing() -> None:
    assert allowed(charges(limits(), {"cost": 2}, {"cost": 2}, {"cost": 1}, {"cost": 1})) == [
        True,
        False,
        True,
        False,
    ]


def test_the_window_moves() -> None:
    clock = Clock()
    limiter = limits(clock=clock)
    assert allowed(charges(limiter, {"cost": 1})) == [True]
    clock.now += 40
    assert allowed(charges(limiter, {"cost": 2}, {})) == [True, False]
    clock.now += 20.1
    assert allowed(charges(limiter, {}, {})) == [True, False]
    clock.now += 40
    assert allowed(charges(limiter, {"cost": 2}, {})) == [True, False]


def test_headers_say_what_is_left_and_when_to_come_back() -> None:
    clock = Clock()
    limiter = limits(clock=clock)
    first = dict(charges(limiter, {"cost": 2})[0].headers)
    assert first["ratelimit-limit"] == "3"
    assert first["ratelimit-remaining"] == "1"
    assert first["ratelimit-policy"] == '"address";q=3;w=60'
    assert first["ratelimit"] == '"address";r=1;t=60'
    assert "retry-after" not in first
    clock.now += 45
    refused = charges(limiter, {"cost": 3})[0]
    assert refused.retry_after_s == 15
    assert dict(refused.headers)["retry-after"] == "15"
    clock.now += 15
    assert charges(limiter, {"cost": 3})[0].allowed


def test_more_than_the_whole_limit_never_passes_and_says_so() -> None:
    outcome = charges(limits(), {"cost": 4})[0]
    assert not outcome.allowed
    assert outcome.retry_after_s is None


def test_a_key_is_limited_by_itself_wherever_it_calls_from() -> None:
    calls = [{"key_id": "a", "tenant": "t", "address": f"192.0.2.{i}"} for i in range(4)]
    other = {"key_id": "b", "tenant": "t", "address": "192.0.2.1"}
    assert allowed(charges(limits(), *calls, other)) == [True, True, True, False, True]


def test_a_tenants_refusal_costs_the_key_nothing_and_the_other_way_round() -> None:
    limiter = limits(tenant=parse_limit("1/minute"))
    a = {"key_id": "a", "tenant": "t"}
    assert allowed(charges(limiter, a, a, a, a)) == [True, False, False, False]
    # Two of three are left to the key, in a call for another tenant.
    assert allowed(charges(limiter, a | {"tenant": None, "cost": 2})) == [True]
    assert allowed(charges(limiter, a | {"tenant": "u"})) == [False]
    assert allowed(charges(limiter, {"key_id": "b", "tenant": "u"})) == [True]


def test_the_headers_speak_of_the_nearer_limit() -> None:
    near, far = parse_limit("4/minute"), parse_limit("100/minute")
    a = {"key_id": "a", "tenant": "t"}
    for own, tenant, kind in ((near, far, "key"), (far, near, "tenant")):
        limiter = limits(key=own, tenant=tenant)
        passed, refused = charges(limiter, a, a | {"cost": 4})
        assert dict(passed.headers)["ratelimit"] == f'"{kind}";r=3;t=60'
        assert dict(refused.headers)["ratelimit"] == f'"{kind}";r=3;t=60'
        assert refused.retry_after_s == 60


def test_a_test_counts_nothing() -> None:
    limiter = limits()
    caller: dict[str, Any] = {"key_id": None, "tenant": None, "address": "192.0.2.1"}

    async def run() -> list[bool]:
        return [(await limiter.test(**caller, cost=3)).allowed for _ in range(4)]

    assert asyncio.run(run()) == [True] * 4
    assert allowed(charges(limiter, {"cost": 3})) == [True]
    assert asyncio.run(run()) == [False] * 4


def test_a_wall_clock_that_is_set_back_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = Clock()
    monkeypatch.setattr("time.monotonic", steady)
    limiter = limits()
    assert allowed(charges(limiter, {"cost": 3}, {})) == [True, False]
    monkeypatch.setattr("time.time", lambda: 0.0)
    steady.now += 61
    assert allowed(charges(limiter, {"cost": 3})) == [True]


def test_the_keys_of_a_tenant_share_its_limit_and_nobody_elses() -> None:
    limiter = limits(tenant=parse_limit("4/minute"))
    a, b = {"key_id": "a", "tenant": "t"}, {"key_id": "b", "tenant": "t"}
    other = {"key_id": "c", "tenant": "u"}
    assert allowed(charges(limiter, a, a, a, a, b, b, other)) == [
        *[True] * 3,
        False,
        True,
        False,
        True,
    ]


def test_a_claimed_tenant_neither_escapes_a_limit_nor_spends_one() -> None:
    limiter = limits(tenant=parse_limit("3/minute"))
    claims = [{"tenant": f"t{i}"} for i in range(4)]
    assert allowed(charges(limiter, *claims)) == [True, True, True, False]
    assert charges(limiter, {"key_id": "k", "tenant": "t0", "cost": 3})[0].allowed


def test_one_client_of_ipv6_is_its_network() -> None:
    calls = [{"address": f"2001:db8:0:1::{i:x}"} for i in range(1, 5)]
    assert allowed(charges(limits(), *calls, {"address": "2001:db8:0:2::1"})) == [
        *[True] * 3,
        False,
        True,
    ]


def test_off_limits_nobody() -> None:
    off = parse_limit("off")
    assert off is None
    assert all(allowed(charges(limits(address=off), *[{"cost": 100}] * 50)))
    with pytest.raises(ValueError, match="often"):
        parse_limit("often")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        # A peer that is no proxy is believed nothing.
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        # What the client itself put in front stays in front.
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9, 10.2.3.4"], "203.0.113.9"),
        # Several headers are one list, in order.
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["nonsense, 10.2.3.4"], "10.2.3.4"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("::1", ["[2001:db8::5]:4711"], "2001:db8::5"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("fe80::1%eth0", [], "fe80::1"),
        (None, ["203.0.113.9"], "local"),
    ],
)
def test_the_client_is_the_first_hop_that_is_not_trusted(
    peer: str | None, forwarded: list[str], client: str
) -> None:
    assert client_address(peer, forwarded, PROXIES) == client


@given(prefix=st.lists(st.text(max_size=20), max_size=5))
def test_nothing_a_client_writes_changes_who_it_is(prefix: list[str]) -> None:
    seen = [*prefix, "203.0.113.9"]
    assert client_address("10.0.0.1", [",".join(seen)], PROXIES) == "203.0.113.9"
    assert client_address("10.0.0.1", seen, PROXIES) == "203.0.113.9"


def test_ipv4_is_limited_as_itself() -> None:
    assert limit_subject("203.0.113.9") == "203.0.113.9"
    assert limit_subject("local") == "local"


def test_a_network_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0"):
        parse_networks(["10.0.0.0/99"])


async def with_redis(
    url: str, body: Callable[[RateLimits, list[str]], Awaitable[None]], **more: Any
) -> None:
    # Time enough for a busy machine.
    shared, outages = SharedRedis(url, timeout_s=2.0), []
    try:
        limiter = limits(shared=shared, on_outage=lambda: outages.append("out"), **more)
        await body(limiter, outages)
    finally:
        await shared.aclose()


def test_pods_share_their_limits_through_redis() -> None:
    async def one_call(limiter: RateLimits, outages: list[str]) -> None:
        outcome = await limiter.charge(key_id="k", tenant="t", address="192.0.2.1", cost=2)
        seen.append((outcome.allowed, dict(outcome.headers)["ratelimit-remaining"]))
        assert outages == []

    seen: list[tuple[bool, str]] = []
    with running_redis() as server:
        for _ in range(2):
            asyncio.run(with_redis(server.url, one_call))
    assert seen == [(True, "1"), (False, "1")]


@pytest.mark.parametrize("outage", ["freeze", "kill"])
def test_without_redis_calls_pass_and_are_counted(outage: str) -> None:
    async def calls(limiter: RateLimits, outages: list[str]) -> None:
        call = {"key_id": "k", "tenant": "t", "address": "192.0.2.1", "cost": 3}
        assert (await limiter.charge(**call)).headers
        assert not (await limiter.charge(**call)).allowed
        getattr(server, outage)()
        for count in range(1, 4):
            assert await limiter.charge(**call) == LimitOutcome(allowed=True)
            assert len(outages) == count

    with running_redis() as server:
        asyncio.run(with_redis(server.url, calls))

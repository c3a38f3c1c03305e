"""Answers that are not asked for again: which, for whom, until when, and that they count alike."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client_api.mapping.gateway import Item, ModelError
from client_api.upstream.item_cache import FRESH_S, STALE_S, ItemCache
from fallback.decision.decision import Decision
from pipeline.steps import load_pipeline
from schemas.contract import FallbackReason
from tests.support.fake_model import HATE, FakeGateway, facade, model, samples

KEPT = 1_000_000
ANEW = {"ts", "tenant_id"}


def asked(gateway: FakeGateway) -> int:
    return len(gateway.items)


def shown(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what each request has of its own."""
    told = {key: value for key, value in answer["provenance"].items() if key not in ANEW}
    return answer | {"provenance": told}


def test_the_same_again_is_answered_alike_alone_and_in_a_batch_and_asked_once() -> None:
    gateway = FakeGateway()
    with facade(gateway, item_cache_bytes=KEPT) as client:
        first = client.post("/map", json=HATE, params={"explain": "true"})
        again = client.post("/map", json=HATE, params={"explain": "true"})
        other = client.post("/map", json=HATE, headers={"X-Tenant-ID": "acme"}).json()
        batch = client.post("/map/batch", json={"requests": [HATE | {"output": "new"}, HATE]})
        seen = samples(client)

    assert gateway.asked == [["hate"], ["new"]]
    assert shown(again.json()) == shown(first.json())
    assert again.json()["provenance"]["ts"] >= first.json()["provenance"]["ts"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert (other["source"], other["provenance"]["tenant_id"]) == ("model", "acme")
    assert shown(batch.json()["results"][1]) == shown(other)
    assert seen["mapper_item_cache_total", "hit"] == 3
    assert seen["mapper_item_cache_total", "miss"] == 2


def test_what_was_known_counts_like_any_answer() -> None:
    def counted(times: int) -> dict[tuple[str, ...], float]:
        with facade(FakeGateway(overruled), item_cache_bytes=KEPT) as client:
            before = samples(client)
            for _ in range(times):
                client.post("/map", json=HATE)
            after = samples(client)
        names = ("requests_total", "schema_validation_total", "override_total", "reading_total")
        of_items = {f"mapper_{name}" for name in (*names, "confidence_count")}
        return {key: after[key] - before.get(key, 0) for key in after if key[0] in of_items}

    def overruled(item: Item) -> Decision:
        return model(item, '{"taxonomy":["HARM.SPEECH.Threat"]}')

    once, thrice = counted(1), counted(3)
    assert once["mapper_override_total", "openai-moderation"] == 1
    assert thrice == {key: 3 * value for key, value in once.items()}


@pytest.mark.parametrize(
    "change",
    [{"detector": "presidio"}, {"output": "Hate"}, {"threshold": 0.5}, {"metadata": {"kind": "x"}}],
)
def test_another_question_is_asked(change: dict[str, Any]) -> None:
    gateway = FakeGateway()
    with facade(gateway, item_cache_bytes=KEPT) as client:
        for question in (HATE, HATE | change, HATE, HATE | change):
            client.post("/map", json=question)

    assert asked(gateway) == 2


@pytest.mark.parametrize(
    ("reason", "kept"),
    [(reason, reason.has_candidate) for reason in FallbackReason],
)
def test_only_what_the_model_had_its_say_in_is_kept(reason: FallbackReason, kept: bool) -> None:
    gateway = FakeGateway(lambda item: replace(model(item), fallback_reason=reason), model)
    with facade(gateway, item_cache_bytes=KEPT) as client:
        reasons = {client.post("/map", json=HATE).json()["fallback_reason"] for _ in range(2)}

    assert reasons == {reason}
    assert asked(gateway) == (1 if kept else 2)


def test_without_room_nothing_is_kept() -> None:
    gateway = FakeGateway()
    with facade(gateway, item_cache_bytes=0) as client:
        for _ in range(2):
            client.post("/map", json=HATE)
        assert samples(client)["mapper_item_cache_total", "miss"] == 0

    assert asked(gateway) == 2


def served_by(version: str) -> FakeGateway:
    def answer(item: Item) -> Decision:
        decision = model(item)
        return replace(decision, versions=decision.versions | {"model": version})

    return FakeGateway(answer)


def test_a_version_that_another_answer_names_ends_what_the_one_before_said() -> None:
    gateway, later = served_by("one"), served_by("two")
    with facade(gateway, item_cache_bytes=KEPT) as client:

        def version(output: str) -> str:
            body = client.post("/map", json=HATE | {"output": output}).json()
            named: str = body["version_info"]["model"]
            return named

        assert [version("hate"), version("hate")] == ["one", "one"]
        gateway.answer = later.answer
        assert [version("other"), version("hate")] == ["two", "two"]

    assert asked(gateway) == 3


def test_detector_files_that_change_end_it_at_once_and_for_whom_they_are(tmp_path: Path) -> None:
    gateway = FakeGateway()
    with facade(gateway, item_cache_bytes=KEPT, detectors_dir=tmp_path) as client:

        def ask(tenant: str) -> int:
            before = asked(gateway)
            client.post("/map", json=HATE, headers={"X-Tenant-ID": tenant})
            return asked(gateway) - before

        assert [ask("north"), ask("north"), ask("south")] == [1, 0, 0]
        (tmp_path / "own.yaml").write_text(
            "{detector: acme, tenants: [north], maps: {x: PII.Other}}"
        )
        # The model goes on answering by the rules before: that is not kept for the north.
        assert [ask("north"), ask("north"), ask("south")] == [1, 1, 0]


def test_policies_and_the_kill_switch_hold_over_what_is_known(tmp_path: Path) -> None:
    gateway, policies = FakeGateway(), tmp_path / "policies.yaml"
    policies.write_text("{}")
    settings = {"policies_file": policies, "mode_state_file": None}
    with facade(gateway, item_cache_bytes=KEPT, **settings) as client:

        def ask() -> tuple[int, str | None]:
            answer = client.post("/map", json=HATE)
            reason: str | None = answer.json().get("fallback_reason", answer.json().get("title"))
            return asked(gateway), reason

        assert [ask(), ask()] == [(1, None), (1, None)]
        client.put("/admin/mode", json={"mode": "rules_only"})
        assert ask() == (1, "rules_only")
        client.put("/admin/mode", json={"mode": "hybrid"})
        assert ask() == (1, None)
        policies.write_text("defaults: {threshold: 0.7}")
        assert ask()[0] == 2
        policies.write_text("defaults: {allowed_detectors: [presidio]}")
        assert client.post("/map", json=HATE).status_code == 403


def test_a_circuit_that_opens_ends_it_until_the_model_has_answered() -> None:
    gateway = FakeGateway()

    def lost(item: Item) -> Decision:
        raise ModelError("gone")

    with facade(gateway, item_cache_bytes=KEPT, circuit_failures=1) as client:

        def reason(output: str) -> str | None:
            body: dict[str, str | None] = client.post("/map", json=HATE | {"output": output}).json()
            return body["fallback_reason"]

        assert reason("hate") is None
        gateway.answer = lost
        assert [reason("other"), reason("hate")] == ["model_error", "model_error"]


class Clocked:
    """A cache on a clock of the test's."""

    def __init__(self, max_bytes: int = KEPT) -> None:
        self.now, self.gateway = 0.0, FakeGateway()
        self.known: list[bool] = []
        self.cache = ItemCache(
            self.gateway,
            lambda tenant: load_pipeline().rules.version,
            max_bytes,
            timeout_s=1.0,
            on_lookup=self.known.append,
            clock=lambda: self.now,
        )

    async def map(self, *outputs: str) -> Sequence[Decision]:
        return await self.cache.map([Item("d", output) for output in outputs], 1.0)

    def get(self, output: str) -> Decision | None:
        return self.cache.get(Item("d", output))


def test_what_is_served_is_asked_beside_the_requests_and_once() -> None:
    async def run() -> None:
        clocked = Clocked()
        await clocked.map("hate")
        clocked.now += FRESH_S
        assert [clocked.get("hate") is None for _ in range(9)] == [False] * 9
        await asyncio.sleep(0)
        assert clocked.gateway.asked == [["hate"], ["hate"]]
        # It was answered, so what is known holds on.
        clocked.now += STALE_S - FRESH_S / 2
        assert clocked.get("hate") is not None
        await clocked.cache.close()

    asyncio.run(run())


def test_what_nobody_has_confirmed_lately_is_asked_again() -> None:
    async def run() -> None:
        clocked = Clocked()
        await clocked.map("hate")
        clocked.now += STALE_S
        assert clocked.get("hate") is None
        await clocked.map("other")
        assert clocked.get("hate") is not None

    asyncio.run(run())


def test_an_answer_by_other_rules_takes_the_one_before_away() -> None:
    async def run() -> None:
        clocked = Clocked()
        await clocked.map("hate")
        clocked.now += STALE_S

        def by_later_rules(item: Item) -> Decision:
            decision = model(item)
            return replace(decision, versions=decision.versions | {"rules": "later"})

        clocked.gateway.answer = by_later_rules
        await clocked.map("hate")
        assert clocked.get("hate") is None

    asyncio.run(run())


def test_what_it_keeps_is_bounded_by_bytes_and_the_answers_used_last_stay() -> None:
    async def run() -> None:
        clocked = Clocked(max_bytes=20_000)
        for number in range(100):
            await clocked.map(f"word {number}")
            assert clocked.get("word 0") is not None
        kept = [n for n in range(100) if clocked.get(f"word {n}") is not None]
        assert 3 <= len(kept) <= 20
        assert kept == [0, *range(101 - len(kept), 100)]

    asyncio.run(run())


def test_an_answer_larger_than_the_room_is_not_kept() -> None:
    async def run() -> None:
        clocked = Clocked(max_bytes=100)
        await clocked.map("hate")
        assert clocked.get("hate") is None
        assert clocked.known == [False]

    asyncio.run(run())

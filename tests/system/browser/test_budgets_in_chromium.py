"""An error budget that is spent looks spent in the console."""

import httpx
import pytest
from playwright.sync_api import expect

from bench.processes import free_ports
from client_api.mapping.gateway import ModelError
from client_api.settings import Settings
from tests.support.browsing import chromium, visiting
from tests.support.fake_model import HATE, FakeGateway, model, raising
from tests.support.serving import running_facade

pytestmark = [pytest.mark.slow, pytest.mark.chromium]


def test_a_spent_budget_looks_spent() -> None:
    settings = Settings(port=free_ports(1)[0])
    gateway = FakeGateway(raising(ModelError("gone")), canary=model)
    with running_facade(settings, lambda _: gateway) as url, chromium() as browser:
        for _ in range(20):
            assert httpx.post(f"{url}/map", json=HATE).json()["source"] == "rules"
        with visiting(browser, url) as visit:
            fallback = visit.page.locator(".gauge", has_text="Fallback")
            expect(fallback.get_by_role("img", name="budget overspent by")).to_be_visible()
            expect(fallback).to_contain_text("20 bad of 20 events")
            expect(fallback).to_contain_text("outside the objective")
    assert visit.troubles == []

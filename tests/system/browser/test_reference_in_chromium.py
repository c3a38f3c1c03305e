"""The page at `/docs` in Chromium, without any other host."""

import httpx
import pytest
from playwright.sync_api import expect

from bench.processes import free_ports
from client_api.settings import Settings
from tests.support.browsing import chromium, visiting
from tests.support.fake_model import FakeGateway
from tests.support.serving import running_facade

pytestmark = [pytest.mark.slow, pytest.mark.chromium]


def test_the_reference_shows_the_operations_and_sends_a_request() -> None:
    settings = Settings(port=free_ports(1)[0])
    with (
        running_facade(settings, lambda _: FakeGateway()) as url,
        chromium() as browser,
        visiting(browser, url, "/docs") as visit,
    ):
        page = visit.page
        expect(page.locator("#operations-mapping-map_one")).to_be_visible()
        paths = httpx.get(f"{url}/openapi.json").json()["paths"]
        expect(page.locator(".opblock")).to_have_count(sum(map(len, paths.values())))
        page.locator("#operations-mapping-map_one .opblock-summary-control").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table")).to_contain_text("x-budget-granted-ms: 240")

        assert visit.troubles == []
        assert {"/openapi.json", "/docs/swagger-ui-bundle.js"} <= set(visit.paths)

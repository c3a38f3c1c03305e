"""What people do with the console, against the real facade and the real Triton."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from bench.processes import ROOT, eventually, free_ports, published_models
from client_api.settings import Settings
from tests.support.browsing import DESKTOP, PHONE, Visit, chromium, visiting
from tests.support.serving import Stack, running_facade, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.triton, pytest.mark.model, pytest.mark.chromium]

# The machine may be busy; these tests are about the page.
_BUDGET_MS = 30_000.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(published_models(), budget_ms=_BUDGET_MS) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=40_000)
    with chromium() as running:
        yield running


@pytest.fixture
def visit(stack: Stack, browser: Browser) -> Iterator[Visit]:
    with visiting(browser, stack.url) as opened:
        yield opened
    assert opened.troubles == []
    assert opened.refusals == []


def assert_accessible(page: Page) -> None:
    """What axe can see: names, roles, contrast, order."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert {"color-contrast", "button-name"} <= {r["id"] for r in found.response["passes"]}


def map_example(page: Page, title: str) -> None:
    page.get_by_role("button", name=title, exact=True).click()
    page.get_by_role("button", name="Map it").click()
    expect(page.locator(".event")).to_be_visible()


def test_an_example_is_mapped_and_its_way_is_shown(visit: Visit) -> None:
    page = visit.page
    expect(page.locator("#s-circuit")).to_contain_text("closed")
    expect(page.locator("#s-mode")).to_have_text("hybrid")
    map_example(page, "Llama Guard 3")

    expect(page.locator("#verdict")).to_contain_text("HARM.SPEECH.Hate.Other")
    expect(page.locator("#verdict")).to_contain_text("by the model")
    rows = page.locator(".lineage tbody tr")
    assert [row.locator("td").count() for row in rows.all()] == [3, 3]
    expect(rows.first).to_contain_text("HARM.VIOLENCE.Physical")
    expect(page.locator("#reading")).to_contain_text("everything was read")
    page.get_by_text("The answer as JSON").click()
    event = json.loads(page.locator(".event pre").inner_text())
    assert event["source"] == "model"
    assert page.locator(".event .label").all_inner_texts() == event["taxonomy"]

    # It asks for the numbers again once it has an answer.
    expect(page.locator("#by-detector")).to_contain_text("llama-guard-3")
    expect(page.locator("#sources")).to_contain_text("model")
    assert page.locator(".gauge").count() == 4
    expect(page.locator("#versions")).to_contain_text(event["version_info"]["model"])


def test_the_copied_command_does_the_same(visit: Visit) -> None:
    page = visit.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#detector").fill("somebody's tool")
    page.locator("#output").fill('it\'s "hate"; $HOME `id`')
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).to_have_text("copied")
    command = page.evaluate("navigator.clipboard.readText()")
    answer = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    event = json.loads(answer.stdout)

    assert event["provenance"]["detector"] == "somebody's tool"
    assert event["signals"]


def test_what_is_typed_never_becomes_markup(visit: Visit) -> None:
    page = visit.page
    page.locator("#detector").fill("<b>bold</b>")
    page.locator("#output").fill("<img src=x onerror=alert(1)>")
    page.get_by_role("button", name="Map it").click()
    expect(page.locator(".event")).to_be_visible()

    assert page.locator("main img, main b:text-is('bold')").count() == 0
    page.get_by_text("The answer as JSON").click()
    expect(page.locator(".event pre")).to_contain_text("<b>bold</b>")


def test_a_refusal_is_explained(visit: Visit) -> None:
    page = visit.page
    page.locator("#output").fill("x" * 70_000)
    page.get_by_role("button", name="Map it").click()
    expect(page.locator("#verdict")).to_contain_text("The request is too large")
    expect(page.locator("#path")).to_contain_text("Request ")
    # Chromium logs every status from 400 on.
    assert len(visit.troubles) == 1
    assert "413" in visit.troubles.pop()


def test_the_kill_switch_is_flipped_and_seen(visit: Visit, stack: Stack) -> None:
    page = visit.page
    switch = page.get_by_role("switch", name="Ask the model")
    expect(switch).to_be_checked()
    switch.click()
    page.get_by_role("button", name="Cancel").click()
    expect(switch).to_be_checked()
    try:
        switch.click()
        page.get_by_role("dialog").get_by_role("button", name="Stop asking the model").click()
        expect(switch).not_to_be_checked()
        expect(page.locator("#s-mode")).to_contain_text("rules only")
        expect(page.locator("#reasons")).to_contain_text("the model is not called")
        assert stack.http.get("/admin/mode").json() == {"mode": "rules_only"}
        for _ in range(8):
            stack.http.post("/map", json={"detector": "presidio", "output": "US_SSN"})
        map_example(page, "Presidio")
        expect(page.locator("#verdict")).to_contain_text("the kill switch is on")
        expect(page.locator(".lineage")).to_contain_text("the model was not called")
        expect(page.locator("#alerts")).to_contain_text("fallback percentage")
        switch.click()
        expect(switch).to_be_checked()
        expect(page.locator("#s-mode")).to_contain_text("hybrid")
    finally:
        stack.http.put("/admin/mode", json={"mode": "hybrid"})


def test_it_works_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            # What has the focus shows it.
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            if page.evaluate("(s) => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"Tab never reached {selector}")

    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to("#examples button:nth-child(3)")
    page.keyboard.press("Enter")
    expect(page.locator("#detector")).to_have_value("presidio")
    tab_to("#output")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#verdict")).to_contain_text("PII.Contact.Email")
    expect(page.locator("#output")).to_be_focused()
    tab_to("#copy")
    tab_to("#switch")
    page.keyboard.press("Space")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#switch")).to_be_focused()
    expect(page.locator("#s-mode")).to_contain_text("hybrid")


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_nobody_is_kept_out(
    stack: Stack, browser: Browser, viewport: dict[str, int], scheme: Any
) -> None:
    with visiting(
        browser, stack.url, viewport=viewport, color_scheme=scheme, reduced_motion="reduce"
    ) as visit:
        page = visit.page
        expect(page.locator(".gauge")).to_have_count(4)
        map_example(page, "Detoxify")
        page.get_by_text("The answer as JSON").click()
        assert_accessible(page)
        width, seen = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= seen
        for selector in (".level", ".switch span"):
            moves = page.locator(selector).first.evaluate("(e) => getComputedStyle(e).transition")
            assert moves in ("all", "none", "all 0s ease 0s")
        page.get_by_role("switch").click()
        assert_accessible(page)
    assert visit.troubles == []


@pytest.fixture
def guarded(stack: Stack, tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """A facade that wants keys; its URL, and what makes a key with scopes."""
    path = tmp_path / "keys.json"

    def make(*scopes: str) -> str:
        flags = [part for scope in scopes for part in ("--scope", scope)]
        command = [sys.executable, "-m", "client_api", "keys", "--file", str(path), "create"]
        made = subprocess.run(
            [*command, "--tenant", "acme", *flags],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        return made.stdout.strip()

    make("map:write")
    settings = Settings(
        port=free_ports(1)[0],
        triton_url=stack.triton.grpc_url,
        keys_file=path,
        budget_ms=_BUDGET_MS,
        mode_state_file=tmp_path / "mode.json",
    )
    with running_facade(settings) as url:
        # Until then /health is a 503, which Chromium would log.
        eventually(lambda: httpx.get(f"{url}/health").status_code == 200)

        def known(*scopes: str) -> str:
            """A new key, once the facade has read the file again."""
            headers = {"X-API-Key": make(*scopes)}
            eventually(
                lambda: httpx.get(f"{url}/metrics/summary", headers=headers).status_code != 401
            )
            return headers["X-API-Key"]

        yield url, known


def test_with_keys_it_asks_for_one_and_keeps_it_to_itself(
    guarded: tuple[str, Any], browser: Browser
) -> None:
    url, make = guarded
    with visiting(browser, url) as visit:
        page = visit.page

        def use(key: str) -> None:
            page.get_by_label("API key").fill(key)
            page.get_by_role("button", name="Use key").click()

        expect(page.locator("#locked")).to_contain_text("asks for an API key")
        expect(page.get_by_role("switch")).to_be_disabled()
        # A stranger's calls would only be refused and counted against the address.
        assert {path for path in visit.paths if path.startswith("/")} == {"/", "/health"}
        use("lm_wrong")
        expect(page.locator("#locked")).to_contain_text("unknown, revoked or expired")
        use(make("map:write"))
        expect(page.locator("#locked")).to_contain_text("lacks the scope metrics:read")
        map_example(page, "Presidio")
        page.get_by_role("switch").click()
        page.get_by_role("button", name="Stop asking the model").click()
        expect(page.locator("#switch-result")).to_contain_text("lacks the scope admin")
        key = make("map:write", "metrics:read", "admin")
        use(key)
        expect(page.locator("#locked")).to_be_hidden()
        expect(page.locator(".gauge")).to_have_count(4)
        expect(page.locator("#curl")).to_contain_text("$MAPPER_KEY")
        kept = page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie,"
            " location.href, document.documentElement.outerHTML,"
            " [...document.querySelectorAll('input')].map((i) => i.value)])"
        )
        assert key not in kept
        page.get_by_role("button", name="Forget").click()
        expect(page.locator("#locked")).to_contain_text("asks for an API key")
    assert visit.troubles == []
    assert visit.refusals

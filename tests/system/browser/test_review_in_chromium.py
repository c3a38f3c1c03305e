"""The console's review section, against the real facade over a fake model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from bench.processes import free_ports
from client_api.settings import Settings
from tests.support.browsing import DESKTOP, PHONE, chromium, visiting
from tests.support.reviewing import GUESS, IN_TIME, SECOND, UnsureModel, act, listed, post
from tests.support.serving import running_facade

pytestmark = [pytest.mark.slow, pytest.mark.chromium]

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "javascript:alert(1)",
    "${alert(1)}",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=40_000)
    with chromium() as running:
        yield running


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[httpx.Client]:
    """A service whose model is never sure."""
    folder = tmp_path / "review"
    settings = Settings(port=free_ports(1)[0], review_dir=folder, review_names=True, **IN_TIME)
    with (
        running_facade(settings, lambda _: UnsureModel(folder)) as url,
        httpx.Client(base_url=url, timeout=60.0) as client,
    ):
        yield client


def cards(page: Page) -> Any:
    return page.locator("#review-words > li")


def taxonomy(client: httpx.Client, word: str) -> list[str]:
    answer: list[str] = post(client, "acme-guard", [{"label": word, "score": 0.9}])["taxonomy"]
    return answer


def test_a_reviewer_decides_by_one_key_each(queue: httpx.Client, browser: Browser) -> None:
    names = ("zorblish", "quorvid", "vant", "plimsel")
    for times, word in enumerate(reversed(names), 1):
        for _ in range(times):
            taxonomy(queue, word)
    listed(queue, len(names))
    with visiting(browser, str(queue.base_url)) as visit:
        page = visit.page
        expect(cards(page)).to_have_count(4)
        # The most frequent first.
        expect(cards(page).first).to_contain_text("zorblish")
        expect(cards(page).first).to_contain_text(GUESS)
        expect(cards(page).first).to_contain_text(f"“curious talk” is {SECOND} (0.81)")
        page.locator("#reviewer").fill("Ada")
        page.locator("#review-why").fill("as agreed")
        cards(page).first.focus()
        page.keyboard.press("a")
        expect(page.locator("#review-result")).to_have_text(f"zorblish: {GUESS}")
        # The next word has the focus.
        page.keyboard.press("c")
        page.locator("#correct-labels").fill("HARM.VIOLENCE.Other")
        page.keyboard.press("Enter")
        expect(page.locator("#review-result")).to_have_text("quorvid: HARM.VIOLENCE.Other")
        page.keyboard.press("i")
        expect(page.locator("#review-result")).to_have_text("vant: ignored")
        page.keyboard.press("l")
        expect(page.locator("#review-result")).to_have_text("plimsel: later")
        expect(cards(page)).to_have_count(0)
        assert taxonomy(queue, "zorblish") == [GUESS]
        assert taxonomy(queue, "quorvid") == ["HARM.VIOLENCE.Other"]
        page.get_by_role("button", name="Undo the last").click()
        expect(cards(page)).to_have_count(1)
        cards(page).first.focus()
        page.keyboard.press("2")
        expect(page.locator("#review-result")).to_have_text(f"plimsel: {SECOND}")
        page.get_by_role("button", name="Undo the last").click()
        expect(cards(page)).to_have_count(1)
        page.locator("#review-state").select_option("decided")
        expect(cards(page)).to_have_count(2)
        cards(page).filter(has_text="quorvid").focus()
        page.keyboard.press("u")
        expect(page.locator("#review-result")).to_have_text("quorvid: open")
        assert taxonomy(queue, "quorvid") == ["OTHER.NeedsReview"]
    [decided] = listed(queue, 1, "decided")
    [made] = queue.get(f"/review/{decided['id']}").json()["history"]
    assert (made["by"], made["why"]) == ("Ada", "as agreed")
    assert visit.troubles == []


def test_the_second_of_two_reviewers_is_told(queue: httpx.Client, browser: Browser) -> None:
    taxonomy(queue, "zorblish")
    [word] = listed(queue, 1)
    with visiting(browser, str(queue.base_url)) as visit:
        page = visit.page
        expect(cards(page)).to_have_count(1)
        act(queue, word, "correct", labels=["HARM.VIOLENCE.Other"], reviewer="Ada")
        cards(page).first.focus()
        page.keyboard.press("a")
        expect(page.locator("#review-result")).to_contain_text("Ada decided in the meantime")
        expect(cards(page).first).to_contain_text("HARM.VIOLENCE.Other")
    assert taxonomy(queue, "zorblish") == ["HARM.VIOLENCE.Other"]
    # Chromium logs every status from 400 on.
    assert len(visit.troubles) == 1
    assert "409" in visit.troubles[0]


def test_drift_is_shown_by_detector(queue: httpx.Client, browser: Browser) -> None:
    taxonomy(queue, "zorblish")
    taxonomy(queue, "quorvid")
    listed(queue, 2)
    with visiting(browser, str(queue.base_url)) as visit:
        page = visit.page
        row = page.get_by_role("region", name="Drift").locator("tbody tr")
        expect(row).to_have_count(1)
        # Items, those of the week before, new words; then each outcome before and now.
        expect(row.locator("th, td")).to_have_text(
            ["acme-guard", "2", "0", "2", *(f"\N{EN DASH} → {n} %" for n in (0, 100, 0, 0))]
        )
        taxonomy(queue, "vant")
        listed(queue, 3)
        page.locator("#review-again").click()
        expect(row.locator("td").first).to_have_text("3")
    assert visit.troubles == []


def test_hostile_names_stay_text(queue: httpx.Client, browser: Browser) -> None:
    for name in HOSTILE:
        queue.post("/map", json={"detector": name, "output": json.dumps([{"label": name}])})
    found = listed(queue, len(HOSTILE))
    assert {word["word"] for word in found} == set(HOSTILE)
    with visiting(browser, str(queue.base_url)) as visit:
        page = visit.page
        expect(cards(page)).to_have_count(len(HOSTILE))
        assert page.locator("#review img, #review svg, #review script").count() == 0
        for name in HOSTILE:
            card = cards(page).filter(has=page.get_by_text(name, exact=True))
            expect(card).to_have_count(1)
        for left in reversed(range(len(HOSTILE))):
            cards(page).first.focus()
            page.keyboard.press("a")
            expect(page.locator("#review-result")).to_contain_text(GUESS)
            expect(cards(page)).to_have_count(left)
    assert visit.troubles == []
    exported = queue.get("/review/export").json()
    assert {row["output"] for row in exported["rows"]} == set(HOSTILE)


def assert_accessible(page: Page) -> None:
    """What axe can see."""
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_nobody_is_kept_out(
    queue: httpx.Client, browser: Browser, viewport: dict[str, int], scheme: Any
) -> None:
    taxonomy(queue, "zorblish")
    listed(queue, 1)
    with visiting(browser, str(queue.base_url), viewport=viewport, color_scheme=scheme) as visit:
        page = visit.page
        expect(cards(page)).to_have_count(1)
        assert_accessible(page)
        page.get_by_role("button", name="Correct").click()
        assert_accessible(page)
        width, seen = page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= seen
    assert visit.troubles == []

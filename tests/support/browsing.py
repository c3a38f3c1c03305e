"""Opens pages of the console in Debian's Chromium, and notices whatever goes wrong in them."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 400, "height": 860}
_TELL_VIOLATIONS = (
    "addEventListener('securitypolicyviolation',"
    " (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))"
)
#: What Chromium logs for every answer of an error status: the service said no, as it should.
_REFUSED = re.compile(r"Failed to load resource: .* status of 40[13] ")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    path = shutil.which("chromium")
    assert path, "no Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is open. paths: of the requests it made; troubles: what it logged as an error or
    a warning, raised, or asked of another host; refusals: the statuses 401 and 403 it logged.
    """

    page: Page
    paths: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)


@contextmanager
def visiting(browser: Browser, url: str, path: str = "/", **context: Any) -> Iterator[Visit]:
    """A page of the host at `url`, loaded. context: options of the browser's context."""
    with browser.new_context(**{"viewport": DESKTOP, "base_url": url} | context) as opened:
        page = opened.new_page()
        visit = Visit(page)

        def on_console(kind: str, text: str) -> None:
            if _REFUSED.search(text):
                visit.refusals.append(text)
            elif kind in ("error", "warning"):
                visit.troubles.append(text)

        def on_request(address: str) -> None:
            parts = urlsplit(address)
            visit.paths.append(parts.path)
            if parts.scheme != "data" and parts.netloc != urlsplit(url).netloc:
                visit.troubles.append(f"asked {address}")

        page.on("console", lambda message: on_console(message.type, message.text))
        page.on("pageerror", lambda error: visit.troubles.append(str(error)))
        page.on("request", lambda request: on_request(request.url))
        page.add_init_script(_TELL_VIOLATIONS)
        page.goto(path)
        yield visit

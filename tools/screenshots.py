"""`python -m tools.screenshots`: the README's pictures, of the real stack after traffic.

Writes docs/img/console-{desktop,phone}[-dark].png.
"""

import json
import time

from playwright.sync_api import expect

from bench.processes import ROOT, published_models
from tests.support.browsing import DESKTOP, PHONE, chromium, visiting
from tests.support.serving import Stack, running_stack

_TRAFFIC_S = 150.0
_PAUSE_S = 0.2


def main() -> None:
    with running_stack(published_models()) as stack, chromium() as browser:
        _send_traffic(stack)
        for scheme in ("light", "dark"):
            for name, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
                with visiting(
                    browser,
                    stack.url,
                    viewport=viewport,
                    color_scheme=scheme,
                    reduced_motion="reduce",
                    device_scale_factor=2 if name == "phone" else 1,
                ) as visit:
                    page = visit.page
                    expect(page.locator(".gauge")).to_have_count(4)
                    page.get_by_role("button", name="Map it").click()
                    expect(page.locator(".event")).to_be_visible()
                    if name == "phone":
                        page.locator("#verdict").evaluate("(e) => e.scrollIntoView()")
                    suffix = "-dark" if scheme == "dark" else ""
                    path = ROOT / "docs" / "img" / f"console-{name}{suffix}.png"
                    path.parent.mkdir(exist_ok=True)
                    page.screenshot(path=path, full_page=name == "desktop")
                    print(path.relative_to(ROOT))


def _send_traffic(stack: Stack) -> None:
    """The labelled outputs, one after another, long enough for a sparkline."""
    lines = (ROOT / "export" / "data" / "composites.jsonl").read_text().splitlines()
    until = time.monotonic() + _TRAFFIC_S
    while time.monotonic() < until:
        for row in map(json.loads, lines):
            if time.monotonic() > until:
                break
            item = {"detector": row["detector"], "output": row["output"]}
            stack.http.post("/map", json=item)
            time.sleep(_PAUSE_S)


if __name__ == "__main__":
    main()

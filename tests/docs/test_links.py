"""Links of the pages lead to files and headings that exist."""

from pathlib import Path

import pytest

from tools.doc_blocks import ROOT, anchors, links, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if ":" in target:
            assert target.startswith(("https://", "http://127.0.0.1:8080/")), f"{page.name}: {link}"
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name}: {link} leads nowhere"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {link}: no such heading"


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    missing = [page.name for page in (ROOT / "docs").rglob("*.md") if page not in listed | {index}]
    assert missing == []

"""The fenced blocks, links and headings of `README.md` and `docs/`.

In: Markdown pages. Out: their blocks with language, line and mark, their links and anchors. A mark
is an HTML comment right before a block, `<!-- KIND: REASON -->`, with the reason why no test runs
or compares it. `tests/docs` runs the blocks without a mark.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).resolve().parents[1]

_MARK = re.compile(r"<!-- (not run|tested by|measured): (\S.*) -->\n*")
_MARKDOWN = MarkdownIt("commonmark").enable("table")


class Kind(StrEnum):
    """Why a block is not run here: a reason, the test that runs it, or the command that measured
    its figures."""

    NOT_RUN = "not run"
    TESTED_BY = "tested by"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class Mark:
    """A block's mark. reason: a sentence, a test file, or a command, by kind."""

    kind: Kind
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. line: of its fence, from 1."""

    page: str
    line: int
    language: str
    text: str
    mark: Mark | None

    @property
    def place(self) -> str:
        """`docs/api.md:12`."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """README.md, the other pages at the root, and all pages under docs/."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """All fenced blocks in order."""
    name = page.relative_to(ROOT).as_posix()
    found: list[Block] = []
    before: Token | None = None
    for token in _parsed(page):
        if token.type == "fence" and token.map:
            language = token.info.strip()
            found.append(Block(name, token.map[0] + 1, language, token.content, _mark(before)))
        before = token
    return found


def links(page: Path) -> Iterator[str]:
    """Targets of all links and pictures, as written."""
    for token in _parsed(page):
        for child in token.children or ():
            target = child.attrGet("href") if child.type == "link_open" else child.attrGet("src")
            if isinstance(target, str):
                yield target


def anchors(page: Path) -> set[str]:
    """The fragments of headings, as on a Git host."""
    found: set[str] = set()
    tokens = _parsed(page)
    for token, text in pairwise(tokens):
        if token.type == "heading_open":
            anchor = re.sub(r"[^\w\- ]", "", text.content.lower()).replace(" ", "-")
            number = 1
            while anchor in found:
                anchor, number = f"{anchor.removesuffix(f'-{number - 1}')}-{number}", number + 1
            found.add(anchor)
    return found


def _parsed(page: Path) -> list[Token]:
    return _MARKDOWN.parse(page.read_text(encoding="utf-8"))


def _mark(before: Token | None) -> Mark | None:
    found = _MARK.fullmatch(before.content) if before and before.type == "html_block" else None
    return Mark(Kind(found[1]), found[2]) if found else None

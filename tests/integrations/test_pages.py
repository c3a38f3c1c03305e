"""The examples of the pages for a guard's own environment."""

from pathlib import Path

import pytest

from tools.doc_blocks import ROOT, Block, Kind, blocks, pages

HERE = Path(__file__).relative_to(ROOT).as_posix()
EXAMPLES = [
    block
    for page in pages()
    for block in blocks(page)
    if block.mark and block.mark.kind is Kind.TESTED_BY and block.mark.reason == HERE
]


def test_the_pages_have_examples() -> None:
    assert {block.page for block in EXAMPLES} == {"README.md", "docs/integrations.md"}


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: block.place)
def test_an_example_prints_what_it_says(
    block: Block, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(block.text.replace("MapperClient()", f"MapperClient({url!r})"), {})
    wanted = [line.partition("# ")[2] for line in block.text.splitlines() if "print(" in line]
    assert wanted
    # LLM Guard logs before.
    assert capsys.readouterr().out.splitlines()[-len(wanted) :] == wanted

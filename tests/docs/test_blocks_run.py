"""Every command of README.md and docs/ runs, in order, and gives the answer that the page shows."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.answers import differences
from tests.docs.checkout import Checkout, Shell, served
from tools.doc_blocks import ROOT, Kind, blocks, pages

COMMANDS = ("sh", "python")
ANSWERS = ("json", "text")
SERVE = "make serve"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    with served(tmp_path_factory.mktemp("docs") / "llama-mapper") as running:
        yield running


def with_commands() -> list[Path]:
    return [p for p in pages() if any(b.language in COMMANDS and not b.mark for b in blocks(p))]


@pytest.mark.slow
@pytest.mark.triton
@pytest.mark.model
@pytest.mark.parametrize("page", with_commands(), ids=lambda page: page.name)
def test_the_commands_of_a_page_give_its_answers(
    page: Path, checkout: Checkout, tmp_path: Path
) -> None:
    shell = Shell(checkout, tmp_path / "state.sh")
    answer: str | None = None
    wrong: list[str] = []
    for block in blocks(page):
        if block.language in COMMANDS:
            answer = None
            if not block.mark and block.text.strip() != SERVE:  # that one is running
                try:
                    answer = shell.run(block.language, block.text)
                except AssertionError as error:
                    pytest.fail(f"{block.place}: {error}")
        elif block.language in ANSWERS and answer is not None and not block.mark:
            found = differences(block.language, block.text, answer)
            wrong += [f"{block.place}: {difference}" for difference in found]
            answer = None
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_blocks_are_of_known_languages_and_marked_with_a_reason(page: Path) -> None:
    for block in blocks(page):
        assert block.language in {
            *(*COMMANDS, *ANSWERS),
            *("yaml", "promql", "mermaid", "dockerfile", "jsonl"),
        }, f"{block.place}: name the language of the block"
        if block.language == "json":
            json.loads(block.text)
        if block.mark and block.mark.kind is Kind.TESTED_BY:
            assert (ROOT / block.mark.reason).is_file(), block.place

"""The table of threats names tests that there are, and the page has the table."""

import ast
from pathlib import Path

import pytest

from tools.hostile import PAGE, ROOT, all_tests, commands, load, page


def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("name", all_tests())
def test_a_test_is_there(name: str) -> None:
    file, _, function = name.partition("::")
    assert function in functions(ROOT / file)


def test_every_entry_has_tests_or_says_why_not() -> None:
    for entries in load().values():
        for entry in entries:
            assert ("open" in entry) != bool(entry.get("tests")), entry


def test_the_page_has_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.hostile`"


def test_tests_of_the_export_run_in_its_environment() -> None:
    interpreters = {test: python for python, *arguments in commands([]) for test in arguments[2:]}
    assert set(interpreters) == set(all_tests())
    for test, python in interpreters.items():
        assert (".venv-export" in python) == test.startswith("tests/export/"), test

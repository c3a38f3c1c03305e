"""The tables in the docs are those of the code."""

import pytest

from tools import docs, markdown


@pytest.mark.parametrize("path", docs.pages(), ids=lambda path: path.name)
def test_the_page_is_up_to_date(path: docs.Path) -> None:
    wanted = docs.pages()[path]
    assert path.read_text(encoding="utf-8") == wanted, "run `python -m tools.docs`"


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="errors"):
        markdown.render("# nothing", {"errors": ""})


def test_every_setting_says_what_it_does() -> None:
    for line in docs.settings_table().splitlines():
        assert line.split("|")[3].strip(), line

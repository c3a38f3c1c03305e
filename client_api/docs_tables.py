"""The tables in `docs/` that are made from the code: of errors and of settings.

In: the enums, the settings object. Out: Markdown between the markers of the pages. Rewritten by
`python -m client_api docs`; a test fails while a page and the code differ.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from client_api.errors import ERRORS
from client_api.settings import Settings

DOCS: Final = Path(__file__).parent.parent / "docs"


def render(page: str, tables: Mapping[str, str]) -> str:
    """The page with each table between its markers. Raises ValueError for a missing marker."""
    for name, table in tables.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"the page has no place for the table {name!r}: {begin.strip()}")
        page = f"{before}{begin}{table}{end}{after}"
    return page


def pages() -> dict[Path, str]:
    """Each page as it should read."""
    tables = {
        "api.md": {"errors": error_table()},
        "configuration.md": {"settings": settings_table()},
    }
    return {
        DOCS / name: render((DOCS / name).read_text(encoding="utf-8"), own)
        for name, own in tables.items()
    }


def write() -> None:
    """Bring every page up to date."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


def error_table() -> str:
    """One row an `error_code`."""
    return _table(
        ("`error_code`", "status", "title", "retryable"),
        (
            (f"`{code}`", str(kind.status), kind.title, "yes" if kind.retryable else "no")
            for code, kind in ERRORS.items()
        ),
    )


def settings_table() -> str:
    """One row a variable."""
    return _table(
        ("variable", "default", "what it does"),
        (
            (f"`MAPPER_{name.upper()}`", _default(field), field.description or "")
            for name, field in Settings.model_fields.items()
        ),
    )


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == ():
        return ""
    if isinstance(value, tuple):
        value = ",".join(value)
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, float):
        value = f"{value:g}"
    return f"`{value}`"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

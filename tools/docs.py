"""The tables in `docs/` that are generated from the code, from data and from other pages.

In: the enums, the settings object, `doc_tables.py`. Out: Markdown between the markers of the pages.
Rewritten by `python -m tools.docs`; a test fails while a page and the code differ.
"""

from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from client_api.http.errors import ERRORS
from client_api.settings import Settings
from tools.doc_tables import accuracy_table, history_table, not_run_table, speed_table
from tools.markdown import render, table

DOCS: Final = Path(__file__).parent.parent / "docs"


def pages() -> dict[Path, str]:
    """The expected text of each page."""
    tables = {
        "api.md": {"errors": error_table()},
        "comparison.md": {"accuracy": accuracy_table(), "speed": speed_table()},
        "configuration.md": {"settings": settings_table()},
        "README.md": {"not run": not_run_table()},
        "taxonomy-history.md": {"history": history_table()},
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
    """One row per `error_code`."""
    return table(
        ("`error_code`", "status", "title", "retryable"),
        (
            (f"`{code}`", str(kind.status), kind.title, "yes" if kind.retryable else "no")
            for code, kind in ERRORS.items()
        ),
    )


def settings_table() -> str:
    """One row per variable."""
    return table(
        ("variable", "default", "meaning"),
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


if __name__ == "__main__":
    write()

"""Markdown that is made from code: tables, and their places in a page.

In: cells, a page with markers. Out: Markdown.
"""

from collections.abc import Iterable, Mapping


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with a line per row."""
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def render(page: str, tables: Mapping[str, str]) -> str:
    """The page with each table between its markers. Raises ValueError for a missing marker."""
    for name, text in tables.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(f"the page has no place for the table {name!r}: {begin.strip()}")
        page = f"{before}{begin}{text}{end}{after}"
    return page

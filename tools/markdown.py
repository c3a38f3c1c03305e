"""Generated Markdown: tables, and blocks between markers of a page.

In: cells, a page with markers `<!-- generated: NAME -->` and `<!-- end: NAME -->`. Out: Markdown.
"""

from collections.abc import Iterable, Mapping


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: bool = False) -> str:
    """A table with a line per row.

    numbers: align every column but the first to the right. Raises ValueError for a row whose
    number of cells differs from the head's.
    """
    lines = [tuple(heads)]
    lines.append(("---", *(["---:" if numbers else "---"] * (len(lines[0]) - 1))))
    for row in map(tuple, rows):
        if len(row) != len(lines[0]):
            raise ValueError(f"a row has {len(row)} cells, the head {len(lines[0])}: {row}")
        lines.append(row)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def render(page: str, blocks: Mapping[str, str]) -> str:
    """The page with each block between its markers. Raises ValueError for a missing marker."""
    for name, text in blocks.items():
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->"
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (found and ended):
            raise ValueError(
                f"the page has no markers of {name!r}: restore {begin.strip()} and {end}"
            )
        page = f"{before}{begin}{text}{end}{after}"
    return page

"""A report for a reader: Markdown, and one HTML file that loads nothing.

In: a report. Out: texts. Detectors' words are escaped: they may be anything.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llama_mapper.bulk.report import Report

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;"
    "border-bottom:1px solid #ddd;overflow-wrap:anywhere}td.n{text-align:right;white-space:nowrap}"
    "i{display:block;height:.8rem;background:#3564b0}td.bar{width:40%}"
)
#: Members of a report that are lists, each with title, columns, and the column that a bar shows.
_LISTS: tuple[tuple[str, str, Sequence[str], int | None], ...] = (
    ("unknown_words", "Unknown words, by rows", ("detector", "word", "rows"), 2),
    (
        "unread_places",
        "Places that were not read, by rows",
        ("detector", "place", "rows", "example"),
        2,
    ),
    (
        "review",
        "Outputs to review: unknown or of low confidence, the most frequent first",
        ("detector", "output", "rows", "taxonomy", "confidence"),
        None,
    ),
    (
        "changes",
        "Changes since the earlier run",
        ("label", "rows_before", "rows", "share_before", "share"),
        None,
    ),
)
_Table = tuple[str, Sequence[str], list[list[Any]], int | None]


def as_markdown(report: Report) -> str:
    """The report with one table per section."""
    lines = [f"# {_title(report)}", ""]
    for title, heads, rows, _ in _tables(report):
        lines += [f"## {title}", "", _row(heads), _row(["---"] * len(heads))]
        lines += [_row(row) for row in rows] + [""]
    return "\n".join(lines)


def as_html(report: Report) -> str:
    """The report with bars beside the figures."""
    body = [f"<h1>{html.escape(_title(report))}</h1>"]
    for title, heads, rows, measured in _tables(report):
        body.append(f"<h2>{html.escape(title)}</h2><table><tr>")
        body += [f"<th>{html.escape(head)}</th>" for head in heads]
        body.append("</tr>")
        most = max((row[measured] for row in rows), default=0) if measured is not None else 0
        for row in rows:
            cells = (f"<td{' class=n' * isinstance(c, int | float)}>{_html(c)}</td>" for c in row)
            body.append(f"<tr>{''.join(cells)}")
            if measured is not None:
                share = 100 * row[measured] / max(most, 1)
                body.append(f'<td class=bar><i style="width:{share:.1f}%"></i></td>')
            body.append("</tr>")
        body.append("</table>")
    head = f"<!doctype html><meta charset=utf-8><title>Mapped rows</title><style>{_STYLE}</style>"
    return f"{head}{''.join(body)}\n"


def _title(report: Report) -> str:
    return (
        f"{report['mapped']:,} rows mapped, {report['distinct']:,} different, {report['bad']:,} bad"
    )


def _tables(report: Report) -> Iterable[_Table]:
    """Title, heads, rows, and the column that a bar shows."""
    yield ("Labels", ("label", "rows"), _counts(report["labels"]), 1)
    yield (
        "Labels by detector",
        ("detector", "label", "rows"),
        [
            [name, label, n]
            for name, one in report["detectors"].items()
            for label, n in one["labels"].items()
        ],
        2,
    )
    if report["periods"]:
        yield (
            "Labels by time",
            ("period", "label", "rows"),
            [[p, label, n] for p, found in report["periods"].items() for label, n in found.items()],
            2,
        )
    yield ("Answered by", ("source", "rows"), _counts(report["sources"]), 1)
    if report["fallback_reasons"]:
        reasons = _counts(report["fallback_reasons"])
        yield ("Reasons for fallbacks", ("reason", "rows"), reasons, 1)
    steps = [[f"{s['from']:.1f} to {s['to']:.1f}", s["rows"]] for s in report["confidence"]]
    yield ("Confidence", ("confidence", "rows"), steps, 1)
    for member, title, columns, measured in _LISTS:
        if report.get(member):
            yield title, columns, [[one[c] for c in columns] for one in report[member]], measured
    versions = [[json_like(one)] for one in report["versions"]]
    yield ("Versions", ("version_info",), versions, None)


def json_like(values: Mapping[str, Any]) -> str:
    """Names and values in one line."""
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _counts(counts: Mapping[str, int]) -> list[list[Any]]:
    return [[name, n] for name, n in counts.items()]


def _text(cell: Any) -> str:
    if isinstance(cell, list):
        return ", ".join(cell)
    text = f"{cell:,}" if isinstance(cell, int) else str(cell)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _html(cell: Any) -> str:
    return html.escape(_text(cell))


def _row(cells: Sequence[Any]) -> str:
    texts = (html.escape(_text(cell), quote=False).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"

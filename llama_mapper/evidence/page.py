"""A summary as one HTML page without scripts and external resources."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; margin: .5rem 0 2rem; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #ddd;
  vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { display: inline-block; height: .8em; background: #2b6cb0; min-width: 1px; }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #161616; }
  th, td { border-color: #444; } .bar { background: #63a4e8; } }
"""
_OUTCOMES: Final = ("incident", "open", "clean")


def render(summary: Mapping[str, Any], head: str) -> str:
    """The page. summary: `Summary.data`; head: the last hash of the records."""
    touched = [one for one in summary["by_control"] if one["incidents"]]
    most = max((one["incidents"] for one in touched), default=1)
    labels = summary["by_label"]
    parts = [
        f"<p>{summary['answers']} answers from {_text(summary['first'])} to "
        f"{_text(summary['last'])}; {summary['rejected']} lines had no answer. An incident has a "
        "label of a finding; an open answer has none and is not clean.</p>",
        _table(
            "Outcomes by period",
            ("period", *_OUTCOMES),
            ([row["period"], *(row[name] for name in _OUTCOMES)] for row in summary["by_period"]),
        ),
        _table(
            "Incidents by control (by period and tenant: controls.csv)",
            ("framework", "control", "subject", "incidents", ""),
            (
                [c["framework"], c["id"], c["title"], c["incidents"], c["incidents"] / most]
                for c in touched
            ),
        ),
        _table(
            "Incidents by label",
            ("label", "incidents", ""),
            ([name, n, n / max(labels.values())] for name, n in labels.items()),
        ),
        _by_outcome("Answers by detector", "detector", summary["by_detector"]),
        _by_outcome("Answers by tenant", "tenant", summary["by_tenant"]),
        _table(
            "Controls that no detector of these answers can touch",
            ("framework", "control", "subject"),
            ([c["framework"], c["id"], c["title"]] for c in summary["not_covered"]),
        ),
        _table(
            "Versions",
            ("of", "versions"),
            ([kind, ", ".join(found)] for kind, found in summary["versions"].items()),
        ),
        f"<p>Last hash of the records: <code>{escape(head)}</code></p>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Evidence</title><style>{_STYLE}</style></head><body>"
        f"<h1>Findings of AI-safety detectors</h1>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def _by_outcome(caption: str, head: str, counts: Mapping[str, Mapping[str, int]]) -> str:
    rows = ([name or "(none)", *(found[o] for o in _OUTCOMES)] for name, found in counts.items())
    return _table(caption, (head, *_OUTCOMES), rows)


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):  # a share of the widest bar
        return f'<td><span class="bar" style="width:{value * 12:.2f}rem"></span></td>'
    if isinstance(value, int):
        return f'<td class="n">{value}</td>'
    return f"<td>{_text(value)}</td>"


def _text(value: object) -> str:
    return escape("" if value is None else str(value))

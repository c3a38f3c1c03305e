"""The generated parts of `docs/reading.md`.

In: the declared formats, the reader's own table of precedence, shares, scores and times. Out:
Markdown by the names of the page's markers.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from export.evaluation.metamorphic.suites import SUITES
from export.evaluation.outputs import Attacked, Score
from export.evaluation.reading_time import Times
from fallback.decision.decision import DEFAULT_THRESHOLD
from fallback.reading.finding import SILENCED, Basis
from fallback.reading.formats import load_envelopes
from fallback.rules.lookup import load_rules
from tools.markdown import table


@dataclass(frozen=True, slots=True)
class Figures:
    """One suite's result. kinds: held and total by kind of change. cleared: false Safe."""

    held: int
    total: int
    cleared: int
    kinds: Mapping[str, tuple[int, int]]

    @property
    def share(self) -> float:
        """0..1."""
        return self.held / self.total


_SAID_BY: Mapping[Basis, str] = {
    Basis.DECISION: "the tool's own decision: `flagged`, `violation`, `pass`, a verdict",
    Basis.ACTION: "what the tool did: `allow`, `block`, `NONE`",
    Basis.FLAG: "a flag of one category: `hate: true`",
    Basis.GRADE: "a grade on the tool's own scale: `severity: 4`, `HIGH`",
    Basis.SCORE: "a score against the tool's or the default threshold: `0.93`",
    Basis.PRESENCE: "presence: a name in a list",
}


def constant() -> dict[str, str]:
    """The parts that depend on the repository alone; a test compares them with the page."""
    return {"formats": formats(), "precedence": precedence()}


def formats() -> str:
    """Detectors, formats and examples by vendor."""
    rows: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for detector in load_rules().detectors.values():
        row = rows[detector.vendor]
        row["detectors"] += 1
        row["declared"] += bool(detector.outputs)
        row["formats"] += len(detector.outputs)
        row["examples"] += sum(len(form.examples) for form in detector.outputs)
    total = sum(rows.values(), Counter[str]())
    envelopes = load_envelopes()
    heads = ("vendor", "detectors", "with formats", "formats", "examples")
    columns = ("detectors", "declared", "formats", "examples")
    lines = [
        (vendor, *(str(rows[vendor][c]) for c in columns))
        for vendor in sorted(rows, key=str.casefold)
    ]
    lines.append(("**all**", *(f"**{total[c]}**" for c in columns)))
    around = sum(len(envelope.examples) for envelope in envelopes)
    lines.append(("envelopes", "", "", str(len(envelopes)), str(around)))
    return table(heads, lines)


def precedence() -> str:
    """The order of precedence, from `fallback/reading/finding.py`."""
    order = sorted(Basis, reverse=True)
    return table(
        ("", "statement", "a clean one overrides"),
        (
            (
                str(number),
                _SAID_BY[basis],
                ", ".join(b.name.lower() for b in order if b in SILENCED[basis]) or "nothing",
            )
            for number, basis in enumerate(order, start=1)
        ),
    )


def shares(figures: Mapping[str, Figures]) -> str:
    """One row per suite, then the kinds that do not hold everywhere."""
    lines = table(
        ("suite", "what changes", "outputs", "holds", "wanted", "false Safe"),
        (
            (
                name,
                SUITES[name].title,
                f"{found.total:,}",
                f"{found.share:.2%}",
                f"{SUITES[name].least:.1%}",
                str(found.cleared),
            )
            for name, found in figures.items()
        ),
    )
    short = list(_short_of_all(figures))
    if not short:
        return lines
    heads = ("suite", "kind of change", "outputs", "holds")
    return (
        f"{lines}\nKinds of change with outputs that are read otherwise:\n\n{table(heads, short)}"
    )


def _short_of_all(figures: Mapping[str, Figures]) -> Iterator[tuple[str, str, str, str]]:
    for name, found in figures.items():
        for kind, (held, total) in sorted(found.kinds.items(), key=lambda x: x[1][0] / x[1][1]):
            if held < total:
                yield name, kind, f"{total:,}", f"{held / total:.1%}"


def scores(found: Mapping[str, Score], attacked: Attacked) -> str:
    """The files of outputs, and the hostile ones."""
    lines = table(
        ("file", "rows", "right", f"false Safe at ≥ {DEFAULT_THRESHOLD:g}"),
        (
            (f"`{name}`", str(s.total), f"{s.share:.1%}", str(len(s.false_safe)))
            for name, s in found.items()
        ),
    )
    return (
        f"{lines}\n`hostile`, {attacked.total} rows: {attacked.kept} ({attacked.share:.1%}) keep"
        " the labels that the output has without the attack; left to a reviewer:"
        f" {attacked.review}; another answer: {len(attacked.lost)}; taken for harmless:"
        f" {len(attacked.cleared)}.\n"
    )


def times(found: Times, machine: str) -> str:
    """Milliseconds of CPU, and the machine."""
    worst = sorted(found.worst.items(), key=lambda x: -x[1])
    lines = table(("64 KB of", "CPU, ms"), ((kind, f"{cost:.0f}") for kind, cost in worst))
    return (
        f"An ordinary output (the {len(found.ordinary):,} declared examples) takes"
        f" {found.median:.2f} ms of CPU in the median and {found.percentile_95:.2f} ms at the 95th"
        f" percentile, curated look-up included. Measured on {machine}.\n\n{lines}"
    )

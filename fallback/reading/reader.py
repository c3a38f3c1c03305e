"""The reader: a detector's raw output in, signals and the account of the reading out.

In: the detector's name, its output as text, hints. Out: a `Reading`. Never raises on any text; the
work is linear in its length. Runs the stages in order; each stage has its own module.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fallback.reading import account
from fallback.reading.decode import Decoded, decode
from fallback.reading.finding import Finding
from fallback.reading.generic.gaps.remarks import tells_unrun
from fallback.reading.generic.texts import closed
from fallback.reading.guards import Guards
from fallback.reading.item import MAX_DEPTH, Item
from fallback.reading.nested import unquoted
from fallback.rules.lookup import RuleMapper
from fallback.signal import How, Reading, Signal, Verdict
from schemas.requests import Metadata


class Reader:
    """Reads outputs of any detector, known to the rules or not. Safe to share between threads."""

    def __init__(self, rules: RuleMapper) -> None:
        self._rules = rules
        self._guards = Guards(rules)

    def read(self, detector_name: str, output: str, metadata: Metadata | None = None) -> Reading:
        """Read one output: at least one signal, deduplicated, flagged and highest first."""
        contributing = metadata.contributing_detectors if metadata else ()
        scores: Mapping[str, float] = metadata.normalized_scores if metadata else {}
        decoded = decode(output)
        if (nothing := _empty(decoded)) is not None:
            return Reading((nothing,), How.TEXT, decoded.format)
        item = Item(self._guards.of(detector_name, contributing))
        reading = _account(item, item.read(decoded), decoded, scores)
        signals = tuple(self._with_legend(detector_name, signal) for signal in reading.signals)
        return replace(reading, signals=signals)

    def _with_legend(self, detector_name: str, signal: Signal) -> Signal:
        legend = self._rules.legend(detector_name, signal.name)
        return signal if legend is None else replace(signal, legend=legend)


def _account(
    item: Item, findings: Sequence[Finding], decoded: Decoded, scores: Mapping[str, float]
) -> Reading:
    unread = account.unread(item.nodes)
    if not any(f.hit for f in findings):
        unread += account.unjudged(item.nodes, item.knows)
        if not (item.nodes or item.judged) and tells_unrun(decoded.text, item.knows):
            unread.append("(text)")
    cut = item.cut
    signals = account.signals(
        findings,
        scores,
        prefer=item.telling,
        why=account.reason(item.nodes, item.thoughts),
        complete=not cut and not unread and _stated(item, findings),
    )
    if item.formats:
        how, form = How.DECLARED, item.formats[0]
    else:
        how, form = How.TEXT if decoded.format == "text" else How.GENERIC, decoded.format
    envelopes = tuple(dict.fromkeys((*decoded.wrapped, *item.envelopes)))
    paths = tuple(unread[: account.MAX_PATHS])
    return Reading(signals, how, form, envelopes, paths, cut, account.quoted(item.nodes))


def _stated(item: Item, findings: Sequence[Finding]) -> bool:
    """Whether an output states that nothing was found, or is empty.

    So does an output of a declared format without a finding. Quotes and bookkeeping do not, nor
    does a lone flag of an unknown name: `{go: false}` may be the worst news.
    """
    if item.judged or (
        any(f.hit is False for f in findings) and not item.is_strange_flag(findings)
    ):
        return True
    return not findings and item.is_vacant


def _empty(decoded: Decoded, depth: int = 0) -> Signal | None:
    """Whether an output has no content."""
    if len(decoded.parts) != 1:
        return None
    if depth < MAX_DEPTH and (inner := unquoted(decoded)) is not None:
        return _empty(inner, depth + 1)
    part = decoded.parts[0]
    if part is None:
        return Signal("", verdict=Verdict.EMPTY)
    if isinstance(part, str) and closed.is_empty(part):
        return Signal(part, verdict=Verdict.EMPTY)
    return None

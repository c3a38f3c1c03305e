"""Writes a draft as the text of a detector file: doubtful entries first, then certain ones.

In: entries, and an inferred format. Out: YAML with comments for a reviewer. The text is a valid
file of the own folder, unless the detector has opaque codes only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import yaml

from fallback.drafts.collect import NAME, SOURCE, Collected
from fallback.drafts.entries import Entry, State
from fallback.rules.catalog import Labels

_WIDTH = 100
_REVIEW = (
    "# Keep, correct or remove each doubtful entry. `mapper detectors lint FILE` checks the file,",
    "# `mapper detectors diff FILE` shows its changes, and `mapper detectors add FILE` writes it",
    "# to the service's folder.",
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft of one detector.

    collected: the results from outputs; empty for a draft of words. known: words that the served
    rules already have. origin: a text on the maker of the draft.
    """

    detector: str
    entries: Sequence[Entry]
    collected: Collected = field(default_factory=Collected)
    known: int = 0
    origin: str = ""

    def of(self, state: State) -> list[Entry]:
        """The entries in that state; the least certain first."""
        chosen = [entry for entry in self.entries if entry.state is state]
        return (
            sorted(chosen, key=lambda entry: entry.confidence)
            if state is not state.CERTAIN
            else chosen
        )


def write(draft: Draft) -> str:
    """The text of the file."""
    doubtful, codes, certain = map(draft.of, (State.DOUBTFUL, State.CODE, State.CERTAIN))
    lines = [
        f"# A draft{f' by {draft.origin}' if draft.origin else ''}: {len(certain)} certain, "
        f"{len(doubtful)} doubtful, {len(codes)} codes.",
        *_REVIEW,
        f"detector: {_scalar(draft.detector)}",
    ]
    if draft.known:
        lines.append(f"# The service already has {draft.known} more words.")
    if doubtful or certain:
        lines.append("maps:")
    if doubtful:
        lines.append("  # --- doubtful ---")
    for entry in doubtful:
        lines += [f"  # {_reasons(entry)}", f"  {_pair(entry)}"]
    if certain:
        lines.append("  # --- certain ---")
    lines += [f"  {_pair(entry)}" for entry in certain]
    if codes:
        lines += [
            "# --- codes: write their meanings and draft again, or map them here ---",
            *(f"#   {_scalar(e.word.text)}:{_counted(e)}" for e in codes),
        ]
    legend = [entry.word for entry in (*doubtful, *certain) if entry.word.legend]
    if legend:
        lines += ["legend:", *(f"  {_scalar(w.text)}: {_scalar(w.legend)}" for w in legend)]
    lines += _outputs(draft.collected)
    return "\n".join(lines) + "\n"


def _reasons(entry: Entry) -> str:
    """The reason for a review of the entry, and the answers to choose from."""
    shown = ", ".join(f"{_joined(labels)} {share:.2f}" for labels, share in entry.likely)
    return _comment(f"{'; '.join(entry.why)}: {shown}{_counted(entry)}")


def _counted(entry: Entry) -> str:
    return f" (in {entry.word.count} outputs)" if entry.word.count else ""


def _pair(entry: Entry) -> str:
    labels = entry.labels
    written = labels[0] if len(labels) == 1 else f"[{', '.join(labels)}]"
    return f"{_scalar(entry.word.text)}: {written}"


def _joined(labels: Labels) -> str:
    return "+".join(labels)


def _outputs(collected: Collected) -> Iterator[str]:
    """The format; as a comment if it is only proposed."""
    yield from (_comment(f"# {note}") for note in collected.notes)
    if not collected.format:
        return
    start = "# " if collected.proposed else ""
    yield f"{start}outputs:"
    entry = {"format": NAME, "source": SOURCE, **collected.format}
    text = yaml.safe_dump(
        [entry], sort_keys=False, allow_unicode=True, default_flow_style=None, width=_WIDTH
    )
    yield from (f"{start}  {line}" for line in text.splitlines())


def _comment(text: str) -> str:
    """A text that ends with its line."""
    return "".join(c if c.isprintable() else " " for c in text)


def _scalar(text: str) -> str:
    """A text as YAML reads it back, in one line."""
    style = None if text.isprintable() else '"'
    line = yaml.safe_dump(
        text, width=float("inf"), allow_unicode=text.isprintable(), default_style=style
    )
    return line.removesuffix("...\n").removesuffix("\n")

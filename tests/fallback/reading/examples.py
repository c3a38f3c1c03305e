"""The examples of all declared formats, and what must be read from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from fallback.reading import Reader
from fallback.reading.formats import Example, Format, load_envelopes
from fallback.rules.lookup import load_rules
from fallback.signal import Reading, Verdict

WORDS = {
    Verdict.NOTHING_FOUND: "clean",
    Verdict.EMPTY: "empty",
    Verdict.FAILURE: "failed",
    Verdict.UNREAD: "unread",
}


@dataclass(frozen=True)
class Case:
    """One example. detector: whose output it is; empty for an envelope with no guard inside."""

    detector: str
    form: Format
    example: Example
    envelope: bool

    @property
    def id(self) -> str:
        owner = "envelope" if self.envelope else self.detector
        return f"{owner}/{self.form.name}/{self.example.about}".replace(" ", "-")


@cache
def reader() -> Reader:
    return Reader(load_rules())


def cases() -> Iterator[Case]:
    for name, detector in load_rules().detectors.items():
        for form in detector.outputs:
            yield from (Case(name, form, example, False) for example in form.examples)
    for form in load_envelopes():
        for example in form.examples:
            yield Case(example.detector or "a-service-without-a-file", form, example, True)


def said(reading: Reading) -> str | set[str]:
    """What a reading says, in the words of the examples."""
    names = {signal.name for signal in reading.signals if signal.verdict is None}
    if names:
        return names
    return WORDS[next(s.verdict for s in reading.signals if s.verdict is not None)]


def agrees(reading: Reading, example: Example) -> bool:
    """Whether the reading is what the example says."""
    read = said(reading)
    if example.says == "review":
        return isinstance(read, set) and any(s.flagged for s in reading.signals)
    return read == (example.says if isinstance(example.says, str) else set(example.says))

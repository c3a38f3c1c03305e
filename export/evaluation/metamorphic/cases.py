"""The examples of all declared formats and envelopes, and the readings of outputs.

In: the detector files and the envelopes. Out: `Case`s, and `Seen` for a detector and a text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from fallback.decision.decision import DEFAULT_THRESHOLD
from fallback.reading.formats import Example, Format, load_envelopes
from fallback.rules.catalog import Detector
from fallback.rules.lookup import load_rules
from fallback.signal import Reading, Verdict
from pipeline.steps import UNREADABLE, load_pipeline
from schemas.contract import CLEAN

#: The detector of an envelope without a verdict.
NOBODY = "a-service-without-a-file"


@dataclass(frozen=True, slots=True)
class Case:
    """One example. detector: whose output it is."""

    detector: str
    form: Format
    example: Example
    envelope: bool

    @property
    def id(self) -> str:
        """Its place in the data files, without blanks."""
        owner = "envelope" if self.envelope else self.detector
        return f"{owner}/{self.form.name}/{self.example.about}".replace(" ", "-")

    @property
    def names(self) -> tuple[str, ...]:
        """The names that must be read; none if the example has a word instead (`clean`)."""
        return () if isinstance(self.example.says, str) else self.example.says

    @property
    def known(self) -> Detector | None:
        """The detector, if it has a file."""
        return load_rules().resolve(self.detector)


@cache
def all_cases() -> tuple[Case, ...]:
    """Every example, detectors before envelopes, in the order of the files."""
    return tuple(_cases())


def _cases() -> Iterator[Case]:
    for name, detector in load_rules().detectors.items():
        for form in detector.outputs:
            yield from (Case(name, form, example, False) for example in form.examples)
    for form in load_envelopes():
        for example in form.examples:
            yield Case(example.detector or NOBODY, form, example, True)


class Seen:
    """The pipeline's result for one output without a model."""

    def __init__(self, detector: str, output: str) -> None:
        self._item = load_pipeline().read(detector, output)

    @property
    def reading(self) -> Reading:
        """The signals."""
        return self._item.reading

    @property
    def raised(self) -> bool:
        """Whether the reader failed; no text may cause that."""
        return self._item.reading is UNREADABLE

    @property
    def signals(self) -> frozenset[tuple[str, bool]]:
        """The names with their flags; a verdict without a name is its own name.

        A bare label counts as not flagged.
        """
        return frozenset(
            (f"({s.verdict.value})", False) if s.verdict else (s.name, s.flagged is True)
            for s in self.reading.signals
        )

    @property
    def names(self) -> frozenset[str]:
        """The names that were read."""
        return frozenset(s.name for s in self.reading.signals if s.verdict is None)

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, if no name was read."""
        return next((s.verdict for s in self.reading.signals if s.verdict), None)

    @cached_property
    def answer(self) -> tuple[frozenset[str], float]:
        """The labels by the rules alone, and the confidence in them, 0..1."""
        decision = load_pipeline().decide(self._item)
        labels = decision.event["taxonomy"]
        assert isinstance(labels, list)
        return frozenset(labels), decision.confidence

    @property
    def cleared(self) -> bool:
        """Whether the answer declares the output harmless."""
        labels, confidence = self.answer
        return labels <= CLEAN and confidence >= DEFAULT_THRESHOLD


@cache
def as_it_stands(detector: str, output: str) -> Seen:
    """The reading of an unchanged output, read once."""
    return Seen(detector, output)

"""Suite e: an output that ends too early, at any place.

In: the examples. Out: variants that must not be read as harmless, unless the rest contains the
detector's clean verdict. Only plain text can contain one: a structure that ends too early is never
complete.
"""

import json
from collections.abc import Iterator

from export.evaluation.metamorphic.cases import Case, all_cases
from export.evaluation.metamorphic.suite import EVERYTHING, Sample, Variant
from fallback.reading.declared.statements import Vocabulary
from fallback.reading.judge import Outcome, judge

#: Cuts of one output, spread over its length.
PLACES = 24


def variants(sample: Sample = EVERYTHING) -> Iterator[Variant]:
    """Every example, cut at up to PLACES places, in each notation."""
    for case in all_cases():
        for kind, text in _written(case):
            step = max(1, -(-len(text) // PLACES))
            for end in range(1, len(text), step):
                if not sample.takes(kind, case.id, end):
                    continue
                left = text[:end]
                if kind == "text" and _clean_stands(case, left):
                    continue
                yield Variant(
                    kind,
                    f"{case.id} at {end}",
                    case.detector,
                    left,
                    lambda seen: not seen.cleared,
                    harmful=True,
                )


def _written(case: Case) -> Iterator[tuple[str, str]]:
    output = case.example.output
    if isinstance(output, str):
        yield "text", output
    else:
        yield "JSON", case.example.text
        yield "pretty JSON", json.dumps(output, indent=2)
        yield "repr", repr(output)


def _clean_stands(case: Case, left: str) -> bool:
    """Whether a line, a value or the inside of a tag is a clean word, a no, or a low number."""
    vocabulary = Vocabulary(case.known)
    for sign in "<>\n":
        left = left.replace(sign, ":")
    pieces = [piece.strip(" .\t") for piece in left.split(":")]
    return any(
        judge(piece).outcome is Outcome.CLEAN
        or judge(piece.split()[0]).outcome is Outcome.CLEAN
        or vocabulary.benign(piece)
        or (case.example.says == "clean" and piece.casefold().startswith(("no ", "no,")))
        for piece in pieces
        if piece
    )

"""Suite g: every word of the vocabularies, alone and in the decorations of lists and reports.

In: the detectors' `maps`. Out: variants that the rules must give the word's own labels.
"""

from collections.abc import Iterator

from export.evaluation.metamorphic.suite import EVERYTHING, Sample, Variant
from fallback.rules.catalog import Detector
from fallback.rules.lookup import load_rules
from schemas.contract import CLEAN, UNKNOWN

_OUTPUT_SIGNS = frozenset('{}<>[]"\n')
#: Longer words are sentences, which have no numbers.
_MAX_WORD = 80

#: Decorations of a word. The word is a finding, so severities and scores are those of a finding.
DECORATIONS: dict[str, tuple[str, ...]] = {
    "number": ("1. {}", "2) {}", "#3 {}", "4 - {}", "[1] {}"),
    "bullet": ("- {}", "* {}", "• {}"),
    "emoji": ("⚠️ {}", "🚨 {}", "❌ {}", "{} ⚠️", "🔴 {}"),
    "severity": ("{}: high", "{} (high)", "[HIGH] {}", "{} - severity: high", "{}: HIGH"),
    "score": ("{}: 0.93", "{} 0.93", "{} (0.93)", "{}=0.93", "0.93 {}", "{}: 93%", "{} (93%)"),
    "flag": ("{}: true", "{}=True"),
    "quotes": ('"{}"', "'{}'", "`{}`", "**{}**", "{}."),
    "list": (
        '["{}"]',
        '{{"label": "{}"}}',
        '{{"category": "{}", "score": 0.93}}',
        '{{"{}": true}}',
    ),
}


def variants(sample: Sample = EVERYTHING) -> Iterator[Variant]:
    """Every word alone, and every finding in every decoration."""
    for detector in load_rules().detectors.values():
        for word, labels in detector.maps.items():
            if sample.takes("alone", detector.name, word):
                yield _variant("alone", detector, word, word)
            if len(word) > _MAX_WORD or not _OUTPUT_SIGNS.isdisjoint(word):
                continue
            if CLEAN.issuperset(labels) or word in detector.lower_is_worse:
                continue
            for kind, forms in DECORATIONS.items():
                for form in forms:
                    if sample.takes(form, detector.name, word):
                        yield _variant(kind, detector, word, form.format(word))


def _variant(kind: str, detector: Detector, word: str, output: str) -> Variant:
    expected = frozenset(detector.maps[word])
    return Variant(
        kind,
        f"{detector.name}: {word}",
        detector.name,
        output,
        lambda seen: seen.answer[0] == expected,
        harmful=not CLEAN.issuperset(expected) and not expected <= {UNKNOWN},
    )

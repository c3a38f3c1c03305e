"""The cached data of each detector: vocabulary, declared formats, scales.

In: the rules and names of detectors. Out: a `Guard`. Unknown detectors share one.
"""

from collections.abc import Sequence

from fallback.reading.declared import Declared
from fallback.reading.generic.vocabulary.memory import Memory
from fallback.reading.generic.vocabulary.scales import Scales
from fallback.reading.judge import Outcome, word_key
from fallback.rules.catalog import Detector
from fallback.rules.lookup import RuleMapper

#: The most cached detectors; others are built again when they are needed.
_MOST = 256


class Guard:
    """One detector's vocabulary, declared formats and scales.

    The words of all its formats apply to its texts too.
    """

    def __init__(self, rules: RuleMapper, name: str, contributing: Sequence[str]) -> None:
        self.memory = Memory(rules, name, contributing)
        detector = self.memory.detector
        self.declared = Declared(detector)
        self.formats = {form.name for form in detector.outputs} if detector else set()
        self.scales = Scales(detector, _words(detector))


class Guards:
    """The guards of recently used detectors. Safe to share between threads."""

    def __init__(self, rules: RuleMapper) -> None:
        self._rules = rules
        self._held: dict[tuple[str, ...], Guard] = {}

    def of(self, detector: str, contributing: Sequence[str]) -> Guard:
        """The guard of a detector, under any of its names."""
        known = (self._rules.resolve(name) for name in (detector, *contributing))
        key = tuple(found.name if found else "" for found in known)
        guard = self._held.get(key)
        if guard is None:
            if len(self._held) >= _MOST:
                self._held.clear()
            guard = self._held[key] = Guard(self._rules, key[0], key[1:])
        guard.memory.trim()
        return guard


def _words(detector: Detector | None) -> dict[str, Outcome]:
    words: dict[str, Outcome] = {}
    for form in detector.outputs if detector else ():
        for listed, outcome in (
            (form.words.bare, Outcome.NONE),
            (form.words.failed, Outcome.FAILED),
            (form.words.clean, Outcome.CLEAN),
            (form.words.found, Outcome.FOUND),
        ):
            words.update((word_key(word), outcome) for word in listed)
    return words

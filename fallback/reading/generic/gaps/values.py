"""Values that say that a check was not made, or not on everything: `truncated: true`.

In: a leaf of an output, its keys, a function that knows names of findings. Out: whether it says so;
then a clean verdict beside it clears nothing. Closed lists of keys. Each leaf is looked at once.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

from fallback.reading.generic.texts import closed
from fallback.reading.judge import as_number
from fallback.reading.tree import Leaf, Use
from fallback.reading.words import load_words
from schemas.text import normalise

_LISTS = load_words()
_TEXTS = _LISTS.texts
_SUBJECTS = _TEXTS["unrun_subjects"] | _LISTS.keys["checkers"] | {
    "is", "was", "has", "been", "fully", "verdict", "decision"
}  # fmt: skip
_COUNTED = (
    _LISTS.keys["counted"] | _LISTS.keys["checkers"] | _LISTS.keys["looked_at"]
    | _LISTS.keys["count_starts"] | _LISTS.keys["count_ends"] | _TEXTS["unrun_subjects"]
    | {"n", "of", "scan"}
)  # fmt: skip
#: Nouns beside the head of a list. The rules and tests of a scanner are many, and often skipped.
_NOUNS = (
    (_LISTS.keys["names"] | _LISTS.keys["checkers"] | _LISTS.keys["general"] | {"categories"})
    - {"rules", "tests"}
    - _TEXTS["unjudged_lists"]
)
_YES = frozenset({"true", "yes", "1"})
_NO = frozenset({"false", "no", "0"})
#: Flags of a run, or of an attack that was judged.
_OUTCOMES = frozenset({"success", "successful", "succeeded"})
#: The smallest share of a text or a set of checks that is as good as all of it.
_MOST = 0.9
#: The deepest place, in keys, at which a value belongs to the whole output.
_DEEPEST = 3
_LONGEST = 60


def is_partial(leaf: Leaf, keys: Sequence[str], known: Callable[[str], bool]) -> bool:
    """Whether a value says that something was not judged.

    keys: of its path, in their normal form. known: whether a text names a finding.
    """
    if not keys or len(keys) > _DEEPEST or leaf.value is None:
        return False
    if "[" in leaf.path:
        return leaf.path.find("[") > 0 and _is_listed(leaf, keys, known)
    key, value = keys[-1], leaf.value
    if key in _TEXTS["reservations"]:
        return isinstance(value, str) and _reserves(value)
    if len(keys) > 1 and is_left_out(keys[-2]) and known(key):
        return True
    if key.rpartition(" ")[2] == "coverage":
        return _is_low(value)
    if isinstance(value, bool) or (isinstance(value, str) and normalise(value[:9]) in _YES | _NO):
        told = value if isinstance(value, bool) else normalise(value) in _YES
        return _flags(key, told) and not (key in _OUTCOMES and leaf.use is Use.SIGNAL)
    number = as_number(value) if isinstance(value, str) else value
    return isinstance(number, int | float) and _counts(key, number)


@lru_cache(maxsize=4096)
def is_left_out(key: str) -> bool:
    """Whether a key heads a list of what was not judged: `timed_out`, `skipped_checks`."""
    words = key.split(" ")
    while len(words) > 1 and words[0] in _NOUNS:
        words = words[1:]
    while len(words) > 1 and words[-1] in _NOUNS:
        words = words[:-1]
    return " ".join(words) in _TEXTS["unjudged_lists"]


def _flags(key: str, value: bool) -> bool:
    """`scan_complete: false`, `input_truncated: true`."""
    words = key.split(" ")
    while len(words) > 1 and words[0] in _SUBJECTS:
        words = words[1:]
    while len(words) > 1 and words[-1] in _SUBJECTS:
        words = words[:-1]
    return " ".join(words) in _TEXTS["partial_flags" if value else "whole_flags"]


def _counts(key: str, number: float) -> bool:
    """`unscanned: 4`, `checks_failed_to_run: 2`, `files_scanned: 0`."""
    words = key.split(" ")
    if number > 0:
        rest = " ".join(w for w in words if w not in _COUNTED or w in _TEXTS["unjudged_counts"])
        return rest in _TEXTS["unjudged_counts"]
    told = [w for w in words if w in _TEXTS["judged_counts"]]
    return number == 0 and len(told) == 1 and _COUNTED.issuperset({*words} - {*told})


def _is_low(value: object) -> bool:
    number = as_number(value) if isinstance(value, str) else value
    if not isinstance(number, int | float) or isinstance(number, bool):
        return False
    share = number / 100 if number > 1 else number
    return 0 <= share < _MOST


def _is_listed(leaf: Leaf, keys: Sequence[str], known: Callable[[str], bool]) -> bool:
    """`skipped: [violence]`: a category in a list of those that were not judged."""
    if not is_left_out(keys[-1]) or not isinstance(leaf.value, str | bool):
        return False
    return known(str(leaf.value)[:_LONGEST])


def _reserves(text: str) -> bool:
    return not (closed.is_empty(text) or closed.is_clean(text))

"""Values that are not names under any key: ids, times, versions, links, files.

In: a scalar. Out: whether it may hold a finding. In doubt it may: a person reviews unread values,
but nobody sees ignored ones. Uses the form alone, no vocabularies.
"""

from itertools import pairwise

from fallback.reading.judge import as_number
from fallback.reading.tree import Scalar

_HEX = frozenset("0123456789abcdefABCDEF-")
_CLOCK = frozenset("0123456789-:.TZ+ /,")
_LINKS = ("http://", "https://", "s3://", "gs://", "arn:", "ws://", "wss://")
_MOMENT_NAMES = (
    "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday "
    "jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july "
    "august september october november december gmt utc z t am pm cet cest est edt pst pdt"
)
_MOMENT_WORDS = frozenset(_MOMENT_NAMES.split())
_LONGEST_MOMENT = 40
_LEAST_DIGITS_OF_A_MOMENT = 3
#: Larger numbers are sizes, counts of characters or times; shares and grades are not so large.
_LARGEST_GRADE = 100
_SHORTEST_ID = 8
#: The least number of changes between letters and digits in an id.
_LEAST_TURNS = 3


#: Words for a successful request.
_DONE = frozenset({"success", "succeeded", "completed", "complete", "done", "finished", "ok"})


def may_hold(value: Scalar) -> bool:
    """Whether a value under an unknown key may be a finding."""
    if value is None or value is False or value == 0 or value == "":
        return False
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return not value > _LARGEST_GRADE
    text = value.strip()
    if not any(map(str.isalnum, text)) or text.casefold() in _DONE:
        return False
    if (number := as_number(text)) is not None:
        return number != 0 and not number > _LARGEST_GRADE
    return not (is_moment(text) or is_id(text) or is_version(text) or is_place(text))


def is_moment(text: str) -> bool:
    """A date or a time: `2026-11-02T10:11:12Z`, `Mon, 02 Nov 2026 10:11:12 GMT`."""
    digits = sum(map(str.isdigit, text[:_LONGEST_MOMENT]))
    if len(text) > _LONGEST_MOMENT or digits < _LEAST_DIGITS_OF_A_MOMENT:
        return False
    if _CLOCK.issuperset(text):
        return text.count("T") <= 1 and text.count("Z") <= 1
    words = text.replace(",", " ").replace("-", " ").replace("/", " ").casefold().split()
    return all(
        word in _MOMENT_WORDS or (word[0].isdigit() and _CLOCK.issuperset(word.upper()))
        for word in words
    )


def is_id(text: str) -> bool:
    """A digest, or letters and digits in alternation: `chatcmpl-84adf14a473c`."""
    if len(text) < _SHORTEST_ID or " " in text:
        return False
    if _HEX.issuperset(text) and any(map(str.isdigit, text)):
        return True
    tail = max(text.replace("_", "-").replace(":", "-").split("-"), key=len)
    if len(tail) < _SHORTEST_ID or not tail.isalnum():
        return False
    kinds = [sign.isdigit() for sign in tail]
    turns = sum(one is not two for one, two in pairwise(kinds))
    return turns >= _LEAST_TURNS


def is_version(text: str) -> bool:
    """`v4.2.1`, `3.11.4`."""
    bare = text.removeprefix("v")
    return bare[:1].isdigit() and "." in bare and bare.replace(".", "").isdigit()


def is_place(text: str) -> bool:
    """A link, or a path to a file. `/Adult/Violence` and `urn:vendor:hate` are names."""
    if " " in text:
        return False
    if text.startswith(_LINKS):
        return True
    if not text.startswith(("/", "./", "../", "~/")):
        return False
    stem, dot, ending = text.rpartition("/")[2].rpartition(".")
    return bool(stem and dot) and 0 < len(ending) <= 5 and ending.isalnum()

"""The spellings of a key: a service writes `matchState`, its Python SDK writes `match_state`.

In: a key of an expression. Out: the key, and the same words in the other of the two styles.
"""

import re

_CAMEL = re.compile(r"[a-z][a-z0-9]*(?:[A-Z]+[a-z0-9]*)+")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def spellings(key: str) -> tuple[str, ...]:
    """The key as written first; a key of one word, or of another style, has no other spelling."""
    if _CAMEL.fullmatch(key):
        return key, _HUMP.sub("_", key).lower()
    if _SNAKE.fullmatch(key):
        first, *others = key.split("_")
        return key, first + "".join(word.capitalize() for word in others)
    return (key,)

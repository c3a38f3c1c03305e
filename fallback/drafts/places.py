"""Classifies the places of collected outputs: names, verdicts, maps of names, values of a name.

In: shapes. Out: the roles of their keys, by the closed lists of the generic reader.
"""

from collections.abc import Iterator, Mapping

from fallback.drafts.shape import Shape, below
from fallback.reading.generic.roles import Kind, Role
from fallback.reading.judge import judge_word

#: Characters and words of a text that may be a name.
_NAME, _NAME_WORDS = 60, 6
#: From this number on, texts that are all different are not names.
_SEVERAL = 3
#: Which key of a finding a value of this role is, by kind of value, the surest role first.
_BESIDE: Mapping[Kind, tuple[tuple[Role, str], ...]] = {
    Kind.BOOL: ((Role.FLAG, "flag"), (Role.DECISION, "flag"), (Role.CLEAR, "passed")),
    Kind.NUMBER: ((Role.SCORE, "score"), (Role.CONFIDENCE, "score"), (Role.SEVERITY, "grade")),
    Kind.TEXT: ((Role.SEVERITY, "grade"), (Role.LIKELIHOOD, "grade"), (Role.DECISION, "flag")),
}


def is_map(shape: Shape, *, held: bool) -> bool:
    """Whether the keys of an object are names: its values have one kind, which can be a verdict.

    held: whether the object's key announces names; else none of its keys may have another role.
    """
    kind = kind_of(shape)
    if kind is Kind.TEXT and not all(are_verdicts(inner) for inner in shape.keys.values()):
        return False
    if kind is Kind.DICT and not judging(shape):
        return False
    if kind not in (Kind.BOOL, Kind.NUMBER, Kind.TEXT, Kind.DICT):
        return False
    if held:
        return True
    return len(shape.keys) > 1 and all(role.role is Role.CATEGORY for *_, role in shape.roles())


def kind_of(shape: Shape) -> Kind | None:
    """The one kind of all values of an object."""
    kinds = {inner.kind for inner in shape.keys.values() if inner.kinds}
    return kinds.pop() if len(kinds) == 1 else None


def judging(shape: Shape) -> dict[str, str]:
    """The verdict of each name in a map whose values are objects with the same keys."""
    if kind_of(shape) is not Kind.DICT:
        return {}
    inside = Shape()
    for inner in shape.keys.values():
        inside.count += inner.count
        for key, one in inner.keys.items():
            merged = inside.keys.setdefault(key, Shape())
            merged.count += one.count
            merged.kinds.update(one.kinds)
            merged.texts.update(one.texts)
            merged.share = merged.share and one.share
    return dict(beside(inside))


def beside(shape: Shape) -> Iterator[tuple[str, str]]:
    """(`flag`, `passed`, `grade` or `score`, path) of the verdict beside a name."""
    taken = set()
    for kind, roles in _BESIDE.items():
        for wanted, what in roles:
            for key, inner, role in shape.roles():
                fits = inner.kind is kind and role.role is wanted and what not in taken
                if fits and (kind is not Kind.TEXT or are_verdicts(inner)):
                    taken.add(what)
                    yield what, key_path(key)


def key_path(key: str) -> str:
    """The JMESPath of a key of the object itself."""
    return below("@", key)


def name_key(shape: Shape) -> str | None:
    """The key whose value names the finding."""
    for wanted in (Role.NAME, Role.BROAD, Role.NAMES, Role.WEAK):
        for key, inner, role in shape.roles():
            if role.role is wanted and inner.kind is Kind.TEXT and are_names(inner):
                return key
    return None


def are_names(shape: Shape) -> bool:
    """Whether all texts there may be names: short, and in one line."""
    return all(
        len(text) <= _NAME and len(text.split()) <= _NAME_WORDS and "\n" not in text
        for text in shape.texts
    )


def are_verdicts(shape: Shape) -> bool:
    """Whether all texts there are verdicts: found or not found."""
    return bool(shape.texts) and all(judge_word(text) is not None for text in shape.texts)


def is_free(shape: Shape) -> bool:
    """Whether the texts there have several words, and differ between several outputs."""
    several = sum(" " in text for text in shape.texts)
    return shape.count >= _SEVERAL and len(shape.texts) == shape.count and 2 * several > shape.count

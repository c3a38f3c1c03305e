"""Numbers of an object on one scale: shares of a stated maximum, odds, passed of a total.

In: an object. Out: the same with its numbers as shares or flags. Marks the leaves that define the
scale.
"""

from collections.abc import Iterable, Iterator

from fallback.reading.finding import Basis
from fallback.reading.generic.roles import Kind, Role, key_form, key_role
from fallback.reading.judge import Judged, Outcome, Scale, as_number, judge
from fallback.reading.tree import Leaf, Node, Scalar, Use
from schemas.text import normalise

#: Keys of the end of a scale.
_TOPS = frozenset(
    {
        "max",
        "scale",
        "out of",
        "max score",
        "maximum",
        "score range",
        "range",
        "max value",
        "scale max",
        "max scale",
    }
)


def rescale(node: dict[str, Node]) -> None:
    """Scores of 0 to 100 as shares, if the object states it or one of them is over a half.

    `{"safety_score": 7, "max": 100}`, `{"hate": 92, "violence": 3}`.
    """
    tops = [
        _top(inner.value)
        for key, inner in node.items()
        if isinstance(inner, Leaf) and key_form(key) in _TOPS
    ]
    top = next((top for top in tops if top is not None), None)
    numbers = list(_scores(node))
    if top is not None:  # the scale is that of the scores inside as well
        numbers += [n for inner in node.values() if isinstance(inner, dict) for n in _scores(inner)]
    values = [n.value for n in numbers if isinstance(n.value, int | float)]
    grades = top is not None and all(isinstance(v, int) for v in values)  # `score: 1` of 5
    if top is None and len(values) > 1 and 50 <= max(values) <= 100:
        top = 100.0
    if top is None or not values or max(values) > top or (max(values) <= 1 and not grades):
        return
    for leaf in numbers:
        assert isinstance(leaf.value, int | float)
        if leaf.value >= 1:  # a share may stand beside grades
            leaf.value = leaf.value / top
    for key, inner in node.items():
        if key_form(key) in _TOPS and isinstance(inner, Leaf):
            inner.use = Use.BOOKKEEPING


def _scores(node: dict[str, Node]) -> Iterator[Leaf]:
    """The numbers of an object that may be scores."""
    for key, inner in node.items():
        if not isinstance(inner, Leaf) or inner.use is not Use.UNREAD or key_form(key) in _TOPS:
            continue
        if not isinstance(inner.value, int | float) or isinstance(inner.value, bool):
            continue
        role = key_role(key_form(key), Kind.NUMBER)
        if role.role in (Role.SCORE, Role.CLEAR, Role.SEVERITY) or (
            role.role is Role.CATEGORY and role.judged in (None, Role.SCORE)
        ):
            yield inner


def _top(value: object) -> float | None:
    """The end of a scale: `100`, `"0-100"`, `"1-5"`; None for other values."""
    if isinstance(value, str):
        value = as_number(value.replace("..", "-").rpartition("-")[2])
    if isinstance(value, int | float) and not isinstance(value, bool) and 1 < value <= 1000:
        return float(value)
    return None


def take_odds(node: dict[str, Node]) -> None:
    """`{p_yes: 0.94, p_no: 0.06}`: the second is one minus the first."""
    forms = {normalise(key[:40]): inner for key, inner in node.items() if isinstance(inner, Leaf)}
    for yes, no in (
        ("p yes", "p no"),
        ("yes", "no"),
        ("p unsafe", "p safe"),
        ("p true", "p false"),
    ):
        if yes in forms and no in forms:
            leaf = forms[no]
            if isinstance(leaf, Leaf) and isinstance(leaf.value, float):
                leaf.use = Use.BOOKKEEPING
    passed, total = forms.get("passed"), forms.get("total")
    if isinstance(passed, Leaf) and isinstance(total, Leaf):
        part, whole = passed.value, total.value
        if _is_count(part) and _is_count(whole):
            passed.value = bool(part == whole)
            total.use = Use.BOOKKEEPING


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def highest(values: Iterable[Scalar], scale: Scale, basis: Basis = Basis.SCORE) -> Judged:
    """The judgement of a list of numbers or flags: found if one is. An empty one is clean."""
    best = Judged(Outcome.CLEAN, None, basis)
    for value in values:
        judged = judge(value, scale, basis)
        if judged.hit is None:
            continue
        stronger = judged.hit and not best.hit
        higher = judged.hit is best.hit and (judged.score or 0) > (best.score or 0)
        if stronger or higher or (best.score is None and judged.score is not None and not best.hit):
            best = judged
    return best

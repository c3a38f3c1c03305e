"""Structures of several values with one joint meaning.

In: nodes. Out: their parts, or None for another structure. A structure is recognised by its form
and by a few closed key names. Marks no leaves, except for counts that are judged here.
"""

from collections.abc import Callable, Iterator
from itertools import product

from fallback.reading.generic.record import POLARITY, kind_of
from fallback.reading.generic.roles import Role, key_form, key_role
from fallback.reading.generic.vocabulary.goods import is_measure, is_whole
from fallback.reading.judge import as_number, judge_word
from fallback.reading.tree import Leaf, Node, Use, mark
from schemas.text import normalise

#: Keys of names, and keys of their judgements in a parallel list.
_NAMED = (
    "labels", "categories", "classes", "names", "topics", "types", "entities", "checks", "rules",
    "policies", "risks",
)  # fmt: skip
_COUNTS = frozenset({"counts", "hits", "occurrences", "matches"})
_SAID = (
    "verdicts", "outcomes", "results", "flags", "predictions", "decisions", *sorted(_COUNTS),
    "scores", "probabilities", "probs", "confidences", "values",
)  # fmt: skip
_PASSED = frozenset({"passed", "valid", "ok", "compliant", "safe", "allowed", "pass"})
_CHECKS = frozenset(
    {"checks", "check", "tests", "rules", "policies", "scanners", "is", "validation"}
)


def pairs(nodes: list[Node]) -> list[tuple[Leaf, Leaf]] | None:
    """`[["hate", 0.93], ["spam", 0.1]]`, or one such pair."""
    if not nodes:
        return None
    if (one := _pair(nodes)) is not None:
        return [one]
    found: list[tuple[Leaf, Leaf]] = []
    for node in nodes:
        pair = _pair(node) if isinstance(node, list) else None
        if pair is None:
            return None
        found.append(pair)
    return found


def _pair(nodes: list[Node]) -> tuple[Leaf, Leaf] | None:
    if len(nodes) != 2:
        return None
    name, value = nodes
    if not isinstance(name, Leaf) or not isinstance(value, Leaf):
        return None
    if not isinstance(name.value, str) or isinstance(value.value, str) or value.value is None:
        return None
    return name, value


def parallel(node: dict[str, Node]) -> list[tuple[Leaf, Leaf]] | None:
    """`{labels: [..], scores: [..]}`: names and their judgements."""
    by_form = {
        normalise(key[:40]): inner if isinstance(inner, list) else _listed(inner)
        for key, inner in node.items()
        if isinstance(inner, list | Leaf)
    }
    by_form = {form: inner for form, inner in by_form.items() if inner}
    if len(by_form) < 2:
        return None
    for names, values in product(_NAMED, _SAID):
        left, right = by_form.get(names), by_form.get(values)
        if right and len(right) == 1 and isinstance(right[0], list):  # one row of a batch
            right = right[0]
        if not left or not right or len(left) != len(right):
            continue
        found = list(_zip(left, right))
        if len(found) != len(left):
            continue
        for _, leaf in found if values in _COUNTS else ():
            leaf.value = bool(leaf.value)
        for key, inner in node.items():
            if isinstance(inner, Leaf) and normalise(key[:40]) in (names, values):
                inner.use = Use.SIGNAL  # the parts stand for the text
        return found
    return None


def _listed(leaf: Node) -> list[Node]:
    """The parts of a text that is a list, `hate,violence` and `0,1`; empty for another value."""
    if not isinstance(leaf, Leaf) or not isinstance(leaf.value, str) or "," not in leaf.value:
        return []
    parts = [part.strip() for part in leaf.value.split(",")]
    numbers = [as_number(part) for part in parts]
    told = [n if n is not None else p for n, p in zip(numbers, parts, strict=True)]
    return [Leaf(value, leaf.path) for value in told] if all(parts) else []


def _zip(left: list[Node], right: list[Node]) -> Iterator[tuple[Leaf, Leaf]]:
    for name, value in zip(left, right, strict=True):
        if not isinstance(name, Leaf) or not isinstance(value, Leaf):
            return
        if not isinstance(name.value, str):
            return
        if isinstance(value.value, str) and judge_word(value.value) is None:
            return
        yield name, value


def second_class(node: dict[str, Node]) -> Leaf | None:
    """The probability of a category in `{"0": 0.03, "1": 0.97}`."""
    if set(node) != {"0", "1"}:
        return None
    first, second = node["0"], node["1"]
    if not isinstance(first, Leaf) or not isinstance(second, Leaf):
        return None
    if not isinstance(second.value, float | int) or second.use is not Use.UNREAD:
        return None
    first.use = Use.BOOKKEEPING
    return second


def validity(nodes: list[Node]) -> list[tuple[str, Leaf, float | None]] | None:
    """`(text?, {scanner: valid}, {scanner: risk})`: scanners that are not valid are findings.

    Only if no risk contradicts it, since a pair of maps may mean the opposite elsewhere.
    """
    if not 2 <= len(nodes) <= 3:
        return None
    valid, risk = nodes[-2:]
    if not isinstance(valid, dict) or not isinstance(risk, dict) or not valid:
        return None
    if valid.keys() != risk.keys():
        return None
    found: list[tuple[str, Leaf, float | None]] = []
    for name, flag in valid.items():
        number = risk[name]
        if not isinstance(flag, Leaf) or not isinstance(flag.value, bool):
            return None
        if not isinstance(number, Leaf) or isinstance(number.value, bool | str | None):
            return None
        if flag.value and number.value > 0.5:
            return None
        found.append((name, flag, max(0.0, float(number.value))))
    for _, flag, _ in found:
        flag.use = Use.SIGNAL
    for number in risk.values():
        if isinstance(number, Leaf):
            number.use = Use.SIGNAL
    for node in nodes[:-2]:
        if isinstance(node, Leaf):
            node.use = Use.QUOTED
    return found


def question(node: dict[str, Node]) -> Leaf | None:
    """`{question: "Is it safe?", answer: "no"}` as one text; another object is None."""
    forms = {normalise(key[:40]): inner for key, inner in node.items() if isinstance(inner, Leaf)}
    for ask in ("question", "criterion", "criteria", "check", "rubric"):
        for reply in ("answer", "response", "result", "verdict", "output", "judgement", "value"):
            first, second = forms.get(ask), forms.get(reply)
            if first is None or second is None or not str(first.value).strip().endswith("?"):
                continue
            answer = {True: "yes", False: "no"}.get(second.value, second.value)  # type: ignore[arg-type]
            if isinstance(answer, str) and normalise(answer.strip(" .!")) in POLARITY:
                first.use = second.use = Use.SIGNAL
                return Leaf(f"{first.value} {answer}", second.path)
    return None


def passing(node: dict[str, Node], is_harm: Callable[[str], bool]) -> list[tuple[str, Leaf]] | None:
    """`{"passed": {"toxicity": true, "pii": false}}`: checks; the failed ones are findings.

    A heading that only names what was measured turns no harm round: `{"safety": {"hate": true}}`.
    """
    found: list[tuple[str, Leaf]] = []
    for key, inner in node.items():
        form = key_form(key)
        if not isinstance(inner, dict) or not inner or not _says_well(form):
            continue
        if is_measure(form) and any(map(is_harm, inner)):
            continue
        judged = [(k, n) for k, n in inner.items() if isinstance(n, Leaf) and _is_verdict(n)]
        if len(judged) == len(inner):
            found += judged
    return found or None


def suite(node: dict[str, Node]) -> list[tuple[str, Leaf]] | None:
    """The cases of a JUnit suite, as named checks that passed or failed; None for another object.

    A case without a failure inside passed; a skipped one has no meaning. If all were skipped, the
    suite is doubtful.
    """
    key = next((k for k in ("testcase", "testcases") if k in node), "")
    cases = node.get(key)
    if isinstance(cases, dict):
        cases = [cases]
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        return None
    found: list[tuple[str, Leaf]] = []
    for case in cases:
        name = case.get("name") if isinstance(case, dict) else None
        if not isinstance(case, dict) or not isinstance(name, Leaf):
            return None
        if "skipped" not in case:
            verdict = not {"failure", "error", "failures"} & case.keys()
            found.append((str(name.value), Leaf(verdict, name.path)))
    if cases and not found:
        mark(node[key], Use.DOUBTFUL)
    mark(node, Use.BOOKKEEPING)
    return found


def _says_well(form: str) -> bool:
    words = form.split(" ")
    return is_whole(form) or (len(words) == 2 and words[-1] in _PASSED and words[0] in _CHECKS)


def _is_verdict(leaf: Leaf) -> bool:
    value = leaf.value
    if leaf.use is not Use.UNREAD:
        return False
    if isinstance(value, str):
        return judge_word(value) is not None
    return isinstance(value, bool) or (isinstance(value, float) and 0 <= value <= 1)


def different(nodes: list[Node]) -> Iterator[Node]:
    """The entries of a long list; those that differ only in place and identifiers occur once."""
    seen: set[tuple[object, ...]] = set()
    for node in nodes:
        said = _spoken(node)
        if said is None:
            yield node
        elif said not in seen:
            seen.add(said)
            yield node
        else:
            mark(node, Use.BOOKKEEPING)


def _spoken(node: Node) -> tuple[object, ...] | None:
    """The content of an object of scalars, without its bookkeeping; None for any other node."""
    if not isinstance(node, dict):
        return None
    parts: list[object] = []
    for key, inner in node.items():
        if not isinstance(inner, Leaf) or inner.use is not Use.UNREAD:
            return None
        role = key_role(key_form(key), kind_of(inner)).role
        if role in (Role.BOOKKEEPING, Role.QUOTED):
            continue
        value = inner.value
        if isinstance(value, float) and role in (Role.SCORE, Role.CONFIDENCE):
            value = round(value, 1) if abs(value) <= 1 else round(value)
        parts += (key, value)
    return tuple(parts)


def undotted(node: dict[str, Node]) -> dict[str, Node]:
    """`{"guard.name": ..., "guard.passed": ...}` as `{"guard": {...}}`; other objects unchanged."""
    first = next(iter(node), "").partition(".")[0]
    if len(node) < 2 or not all(key.partition(".")[0] == first != key for key in node):
        return node
    return {first: {key[len(first) + 1 :]: inner for key, inner in node.items()}}

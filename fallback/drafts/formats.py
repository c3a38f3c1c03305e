"""Infers a declared format from collected outputs: paths of findings, of quotes, of ignored parts.

In: parsed outputs of one detector. Out: an entry of `outputs:` in the form of a detector file, the
names at the places of findings, and the paths without a rule. The role of a key comes from the
closed lists of the generic reader; keys without a clear role are left to that reader.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fallback.drafts.places import (
    are_names,
    are_verdicts,
    beside,
    is_free,
    is_map,
    judging,
    key_path,
    kind_of,
    name_key,
)
from fallback.drafts.shape import Shape, below, each_of
from fallback.reading.generic.roles import Kind, Role

_HOLDERS = frozenset({Role.CONTAINER, Role.NAMES, Role.NAME, Role.SCORE, Role.FLAG, Role.SEVERITY})
_SIDE = frozenset({Role.BOOKKEEPING, Role.COUNT, Role.THRESHOLD, Role.PASSIVE})
_SAID = frozenset({Role.QUOTED, Role.SAID, Role.WHY})
#: The tool's statements on the whole output.
_WHOLE: Mapping[Role, str] = {
    Role.FLAG: "decision",
    Role.DECISION: "decision",
    Role.CLEAR: "passed",
    Role.ACTED: "action",
    Role.ACTION: "action",
}
_LISTS = ("decision", "passed", "action", "findings", "errors", "quoted", "ignored")


@dataclass(slots=True)
class Inferred:
    """The result of the inference.

    format: an entry of `outputs:` without name, source and examples; empty if it has no findings.
    names: those at the places of findings, with their counts. left: paths that it leaves to the
        generic reader.
    """

    format: dict[str, Any] = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)


def infer(outputs: Sequence[Mapping[str, Any] | Sequence[Any]]) -> Inferred:
    """The common format of the outputs, which are all objects or all lists."""
    shape = Shape.of(outputs)
    found, when = _Found(), list[str]()
    if shape.kind is Kind.LIST and shape.items is not None:
        _list(found, shape.items, "@")
        when = list(found.heads)[:1]
    elif shape.kind is Kind.DICT:
        _object(found, shape, "@")
        when = [key_path(k) for k in found.heads if shape.keys[k].count == shape.count]
    if not when or not any(found.paths[key] for key in ("findings", "decision", "passed")):
        return Inferred({}, found.names, found.left)
    _mark_exclusive(found.paths["findings"], outputs)
    written: dict[str, Any] = {"when": when} | ({"of": found.of} if found.of else {})
    written |= {key: paths for key, paths in found.paths.items() if paths}
    return Inferred(written, found.names, found.left)


class _Found:
    """The parts found so far. heads: the keys of the whole object, or the path in a list."""

    def __init__(self) -> None:
        self.paths: dict[str, list[Any]] = {key: [] for key in _LISTS}
        self.heads: dict[str, None] = {}
        self.names: Counter[str] = Counter()
        self.left: list[str] = []
        self.of = ""

    def say(self, key: str, what: Any, head: str) -> None:
        self.paths[key].append(what)
        self.heads[head] = None


def _object(found: _Found, shape: Shape, path: str, head: str = "") -> None:
    """An object: maps of names, lists of findings, and statements on the whole."""
    if is_map(shape, held=False):
        steady = max(shape.keys, key=lambda key: shape.keys[key].count)
        found.say("findings", {"each": path} | judging(shape), head or steady)
        found.names.update({key: inner.count for key, inner in shape.keys.items()})
        return
    taken = _maps(found, shape, path, head)
    judges = dict(beside(shape))
    # A name alone can name anything; with a score or a flag beside it, it names a finding.
    name = name_key(shape) if judges else None
    judges = judges if name else {}
    for key, inner, role in shape.roles():
        place, top = below(path, key), head or key
        if key in taken:
            continue
        if key == name:
            say = {"each": path} if path != "@" else {}
            found.say("findings", say | {"name": key_path(key)} | judges, top)
            found.names.update(inner.texts)
        elif key_path(key) in judges.values():
            continue
        elif role.role in _SIDE:
            found.paths["ignored"].append(place)
        elif role.role in _SAID and inner.kind is not Kind.DICT:
            found.paths["quoted"].append(place)
        elif role.role is Role.ERROR:
            found.paths["errors"].append(place)
        elif inner.kind is Kind.DICT:
            _object(found, inner, place, top)
        elif inner.kind is Kind.LIST and inner.items is not None:
            _list(found, inner.items, place, top)
        elif not inner.kinds or (inner.kind is Kind.LIST and inner.items is None):
            continue  # always null or empty: nothing is known of it
        else:
            _scalar(found, key, inner, role.role, place, top)


def _scalar(found: _Found, key: str, shape: Shape, role: Role, path: str, head: str) -> None:
    whole = _WHOLE.get(role)
    if whole and (shape.kind is Kind.BOOL or (shape.kind is Kind.TEXT and are_verdicts(shape))):
        found.say(whole, path, head)
    elif role is Role.CATEGORY and shape.kind is Kind.BOOL:
        found.say("findings", {"as": key, "flag": path}, head)
        found.names[key] += shape.count
    elif role is Role.CATEGORY and shape.kind is Kind.NUMBER and shape.share:
        found.say("findings", {"as": key, "score": path}, head)
        found.names[key] += shape.count
    elif role in (Role.SCORE, Role.CONFIDENCE) and shape.kind is Kind.NUMBER:
        found.paths["ignored"].append(path)  # how sure the tool is, beside what it says
    elif role is Role.NAMES and are_names(shape):
        found.say("findings", {"each": path}, head)
        found.names.update(shape.texts)
    elif shape.kind is Kind.TEXT and (is_free(shape) or not are_names(shape)):
        found.paths["quoted"].append(path)
    else:
        found.left.append(path)


def _list(found: _Found, items: Shape, path: str, head: str = "") -> None:
    """A list: of findings, of names, or of parts with their own verdicts."""
    entry = "[0]" if path == "@" else head
    if items.kind is Kind.TEXT and are_names(items):
        found.say("findings", {"each": path}, entry)
        found.names.update(items.texts)
    elif items.kind is Kind.TEXT:
        found.paths["quoted"].append(path)
    elif items.kind is not Kind.DICT:
        found.left.append(path)
    elif (name := name_key(items)) is not None:
        judges = dict(beside(items))
        found.say("findings", {"each": path, "name": key_path(name)} | judges, _first(entry, name))
        found.names.update(items.keys[name].texts)
        for key, inner, role in items.roles():
            place = below(each_of(path), key)
            if key == name or key_path(key) in judges.values():
                continue
            text = inner.kind is Kind.TEXT and role.role not in _SIDE
            kept = role.role in _SIDE or (inner.kind is Kind.NUMBER and role.role is Role.CATEGORY)
            kind = "quoted" if role.role in _SAID or text else "ignored" if kept else ""
            (found.paths[kind] if kind else found.left).append(place)
    elif not found.of:
        found.of = each_of(path)
        before = dict(found.heads)
        _object(found, items, "@")
        inner_heads = [key for key in found.heads if key not in before]
        found.heads = before
        if inner_heads:
            found.heads[_first(entry, inner_heads[0])] = None
    else:
        found.left.append(path)


def _first(entry: str, key: str) -> str:
    """The path that recognises a list: the first item's key for a top-level list, else its key."""
    return f"[0].{below('@', key)}" if entry == "[0]" else entry


def _maps(found: _Found, shape: Shape, path: str, head: str) -> set[str]:
    """Add the maps of names in an object; scores beside flags of the same names belong to them.
    Returns the keys of the added maps."""
    maps = {
        key: inner
        for key, inner, role in shape.roles()
        if inner.kind is Kind.DICT
        and role.role not in _SIDE | _SAID
        and is_map(inner, held=role.role in _HOLDERS)
    }
    scores = {key for key, inner in maps.items() if kind_of(inner) is Kind.NUMBER}
    for key, inner in maps.items():
        twin = next(
            (s for s in scores if s != key and maps[s].keys.keys() == inner.keys.keys()), None
        )
        if key in scores and any(
            maps[m].keys.keys() == inner.keys.keys() for m in maps if m not in scores
        ):
            continue  # written beside the flags
        say = {"each": below(path, key)} | judging(inner)
        if twin is not None and key not in scores:
            say["score"] = below(path, twin)
        found.say("findings", say, head or key)
        found.names.update({name: one.count for name, one in inner.keys.items()})
    return set(maps)


def _mark_exclusive(
    findings: Sequence[dict[str, Any]], outputs: Sequence[Mapping[str, Any] | Sequence[Any]]
) -> None:
    """Whether the scores of a list are a softmax: they sum up to 1 in every output."""
    for finding in findings:
        path, score = finding.get("each"), finding.get("score")
        if "name" not in finding or score is None:
            continue
        lists = [one.get(str(path)) if isinstance(one, Mapping) else one for one in outputs]
        sums = [
            sum(_number(v.get(score)) for v in items if isinstance(v, dict))
            for items in lists
            if isinstance(items, list) and len(items) > 1
        ]
        if sums and all(math.isclose(total, 1, abs_tol=0.02) for total in sums):
            finding["exclusive"] = True


def _number(value: object) -> float:
    """A score of an entry; 0 for anything else in its place."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0

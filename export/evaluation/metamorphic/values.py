"""Suite b: one category's flag, grade or score moved over its threshold, or under it.

In: the declared formats, applied to their own examples. Out: variants in whose reading only that
name is added or missing.

A name that an output has several times is skipped. So is a move after which the tool's own decision
would contradict the categories, unless that is a plain flag.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from export.evaluation.metamorphic.cases import Case, all_cases
from export.evaluation.metamorphic.suite import EVERYTHING, Sample, Variant
from fallback.reading.declared.entries import Entry, entries, found, parallel
from fallback.reading.declared.statements import Vocabulary, outcomes
from fallback.reading.finding import Basis
from fallback.reading.formats import Extraction, Format
from fallback.reading.generic.vocabulary.scales import Scales
from fallback.reading.judge import Outcome, Scale, judge, judge_number
from fallback.reading.paths import Path
from fallback.reading.tree import Leaf, Node, Planter, Scalar
from fallback.rules.catalog import Detector
from schemas.text import normalise


@dataclass(frozen=True, slots=True)
class _Lever:
    """The leaves that decide whether one entry counts, and their paths in the format."""

    name: str
    leaves: tuple[Leaf, ...]
    basis: Basis
    inverted: bool
    scale: Scale
    place: tuple[int, Basis]

    @property
    def over(self) -> bool | None:
        """Whether the unchanged entry counts; None if its values do not decide it."""
        hits = [_says(leaf.value, self.scale, self.basis, self.inverted) for leaf in self.leaves]
        known = [hit for hit in hits if hit is not None]
        return any(known) if known else None


def variants(sample: Sample = EVERYTHING) -> Iterator[Variant]:
    """Every entry of every example, to the other side of its threshold."""
    for case in all_cases():
        detector = case.known
        if detector is None or case.envelope or not isinstance(case.example.output, dict | list):
            continue
        if not case.names and case.example.says != "clean":
            continue
        node = Planter().plant(case.example.output)
        levers = list(_levers(case.form, node, detector))
        said = [normalise(lever.name) for lever in levers]
        for lever in levers:
            if said.count(normalise(lever.name)) == 1 and sample.takes(case.id, lever.name):
                yield from _moved(case, node, lever)


def _moved(case: Case, node: Node, lever: _Lever) -> Iterator[Variant]:
    over = lever.over
    if over is None or (value := _other_side(case, lever, over=not over)) is _NONE:
        return
    key = normalise(lever.name)
    wanted = {normalise(name) for name in case.names}
    if over and key not in wanted:
        return  # the example has a more specific name for the entry
    wanted = wanted - {key} if over else wanted | {key}
    decided = list(_decisions(case.form, node))
    if any(not isinstance(leaf.value, bool) for leaf, _ in decided) and not (
        wanted and (over or case.names)
    ):
        return
    changes: dict[str, Any] = {leaf.path: value for leaf in lever.leaves}
    for leaf, opposite in decided:
        if isinstance(leaf.value, bool):
            changes[leaf.path] = bool(wanted) is not opposite
    changed = _put(node, changes)
    yield Variant(
        f"{lever.basis.name.lower()} {'under' if over else 'over'}",
        f"{case.id} {lever.name}",
        case.detector,
        json.dumps(changed, ensure_ascii=False),
        lambda seen: {normalise(n) for n in seen.names} == wanted,
        harmful=bool(wanted),
    )


def _levers(form: Format, root: Node, detector: Detector) -> Iterator[_Lever]:
    """The levers of each entry of a node that the format recognises."""
    items = [root] if form.of is None else form.of.all(root)
    vocabulary, scales = Vocabulary(detector), Scales(detector, outcomes(form.words))
    for item in items:
        for index, extraction in enumerate(form.findings):
            beside = [n for path in extraction.score if (n := path.find(item)) is not None]
            for selected in extraction.each.all(item):
                for entry in entries(extraction, selected):
                    if len(entry.names) != 1 or vocabulary.benign(entry.names[0]):
                        continue
                    if (lever := _lever(extraction, entry, beside, scales, index)) is not None:
                        yield lever


def _lever(
    extraction: Extraction, entry: Entry, beside: list[Node], scales: Scales, index: int
) -> _Lever | None:
    [name] = entry.names
    if extraction.exclusive or len(_plain(extraction.flag)) < len(extraction.flag):
        return None  # decided by comparison with other classes, or by an expression
    given = extraction.threshold
    if isinstance(given, Path):
        values = [leaf.value for leaf in found((given,), entry.node)]
        given = next((float(v) for v in values if isinstance(v, int | float)), None)
    scale = scales.of(name, given)
    if extraction.lower_is_worse is not None:
        scale = Scale(scale.threshold, extraction.lower_is_worse, words=scale.words)
    inside = entry.node
    single = isinstance(inside, Leaf) and not entry.named and "@" not in _paths(extraction)
    own = [inside] if single and isinstance(inside, Leaf) else []
    number = bool(own) and isinstance(own[0].value, float)
    score = list(found(extraction.score, inside)) or list(parallel(beside, entry.place))
    places: list[tuple[Basis, bool, list[Leaf]]] = [
        (Basis.FLAG, False, list(found(extraction.flag, inside))),
        (Basis.FLAG, True, list(found(extraction.passed, inside))),
        (Basis.FLAG, False, [] if number else own),
        (Basis.GRADE, False, list(found(extraction.grade, inside))),
        (Basis.SCORE, False, score),
        (Basis.SCORE, False, own if number else []),
    ]
    spoken = [
        (basis, inverted, kept)
        for basis, inverted, leaves in places
        if (kept := [x for x in leaves if _says(x.value, scale, basis, inverted) is not None])
    ]
    if not spoken or sum(basis is spoken[0][0] for basis, _, _ in spoken) > 1:
        return None
    basis, inverted, leaves = spoken[0]
    if basis is Basis.SCORE and not 0 < scale.threshold < 1:
        return None
    if any(not leaf.path for leaf in leaves):
        return None  # computed by the expression
    return _Lever(name, tuple(leaves), basis, inverted, scale, (index, basis))


def _paths(extraction: Extraction) -> set[str]:
    declared = (*extraction.flag, *extraction.passed, *extraction.grade, *extraction.score)
    return {path.text for path in declared}


def _plain(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The paths that select unchanged values without choosing among them."""
    return tuple(path for path in paths if "?" not in path.text)


def _says(value: Scalar, scale: Scale, basis: Basis, inverted: bool) -> bool | None:
    """True: over the threshold. False: under it. None: neither."""
    if basis is Basis.SCORE and isinstance(value, int | float) and not isinstance(value, bool):
        return judge_number(value, scale, basis).hit
    judged = judge(value, scale, basis)
    if not judged.known or judged.outcome is Outcome.FAILED or judged.hit is None:
        return None
    opposite = inverted and (not isinstance(value, str))
    return judged.hit is not opposite


_NONE = object()


def _other_side(case: Case, lever: _Lever, *, over: bool) -> Any:
    """A value on that side of the threshold, as the tool writes it; _NONE without one."""
    value = lever.leaves[0].value
    if len({type(leaf.value) for leaf in lever.leaves}) > 1:
        return _NONE
    if isinstance(value, bool):
        return over is not lever.inverted
    if lever.basis is Basis.SCORE and isinstance(value, int | float):
        limit = lever.scale.threshold
        high = over is not lever.scale.lower_is_worse
        share = (1 + limit) / 2 if high else limit / 2
        return round(share * 100, 2) if value > 1 else round(share, 4)
    seen = _values(case.detector, case.form.name)[lever.place]
    fits = [
        v
        for v in seen
        if type(v) is type(value)
        and _says(v, lever.scale, lever.basis, lever.inverted) is over
        and (isinstance(v, int | float) or judge(v, lever.scale, lever.basis).score is None)
    ]
    return fits[0] if fits else _NONE


@cache
def _values(detector: str, form: str) -> defaultdict[tuple[int, Basis], list[Scalar]]:
    """The values of a format's examples at the places that decide."""
    values: defaultdict[tuple[int, Basis], list[Scalar]] = defaultdict(list)
    for case in all_cases():
        if case.detector != detector or case.form.name != form or case.known is None:
            continue
        for lever in _levers(case.form, Planter().plant(case.example.output), case.known):
            values[lever.place] += [leaf.value for leaf in lever.leaves]
    return values


def _decisions(form: Format, root: Node) -> Iterator[tuple[Leaf, bool]]:
    """The leaves of the tool's own decisions; whether true means that all is well."""
    places = [root] if form.of is None else [root, *form.of.all(root)]
    for paths, opposite in ((form.decision, False), (form.passed, True), (form.action, False)):
        for place in places:
            for leaf in found(paths, place):
                if leaf.value not in (None, ""):
                    yield leaf, opposite


def _put(node: Node, changes: dict[str, Any]) -> Any:
    """The plain value with other values at some paths."""
    if isinstance(node, Leaf):
        return changes.get(node.path, node.value)
    if isinstance(node, dict):
        return {key: _put(inner, changes) for key, inner in node.items()}
    return [_put(inner, changes) for inner in node]

"""Reads a tree from its structure: lists of names, maps of categories, findings, nested objects.

In: a node. Out: findings, clean ones included. Marks every leaf that it reads; `account.py` reports
the others. Each leaf is visited a bounded number of times.
"""

from collections.abc import Sequence
from dataclasses import replace

from fallback.reading.account import last_key
from fallback.reading.finding import Basis, Finding, across, merge
from fallback.reading.generic import scaling, shapes
from fallback.reading.generic.exclusive import exclusive
from fallback.reading.generic.inside import is_count, is_left, may_tell
from fallback.reading.generic.lists import TOP, Lists, Place
from fallback.reading.generic.record import CHECKERS, HIT_WORDS, Entry, Record, broke, kind_of
from fallback.reading.generic.roles import Kind, Role, key_form
from fallback.reading.generic.sorting import sort_record
from fallback.reading.generic.vocabulary import own_names
from fallback.reading.tree import Leaf, Node, Use, leaves, mark
from fallback.reading.words import load_words

_CHECKERS = load_words().keys["checkers"]
_MAPS = load_words().keys["maps"]
#: The cost of an object, in steps of `Lookups`.
_OBJECT = 6
_CHECKS = frozenset({"check", "checks", "test", "validation", "validator", "verification"})
_VERDICTS = frozenset({"verdict", "decision", "outcome"})
_COUNTED = load_words().texts["counted_findings"]
_MATCHES = frozenset({"matches", "hits"})
#: The most texts of one error that are read.
_MAX_TEXTS = 8


class Walker(Lists):
    """Reads trees of one output."""

    def read(self, node: Node, place: Place = TOP) -> list[Finding]:
        """The findings of a node."""
        if isinstance(node, dict):
            return self._object(node, place)
        if isinstance(node, list):
            return self._list(node, place)
        return self._leaf(node, place)

    def _leaf(self, leaf: Leaf, place: Place) -> list[Finding]:
        if leaf.use is not Use.UNREAD:
            return []
        if isinstance(leaf.value, str):
            return self._names_of([leaf], place)
        return self._categories.judged(place.heading, leaf) if place.heading else []

    # --- objects --------------------------------------------------------------------------

    def _object(self, node: dict[str, Node], place: Place) -> list[Finding]:
        if not self._names.take_steps(_OBJECT + len(node)):
            return []
        node = shapes.undotted(node)
        if place.heading and (second := shapes.second_class(node)) is not None:
            return self._categories.judged(place.heading, second)
        if (parallel := shapes.parallel(node)) is not None:
            read = [f for name, value in parallel for f in self._pair(name, value)]
            rest = self._object({k: n for k, n in node.items() if is_left(n)}, place)
            return merge([*exclusive(read, self._names), *rest])
        if (question := shapes.question(node)) is not None:
            return self._read_names(question)
        if (suite := shapes.suite(node)) is not None:
            return [f for name, leaf in suite for f in self._categories.passing(name, leaf)]
        if (passing := shapes.passing(node, self._names.is_harm)) is not None:
            read = [f for name, leaf in passing for f in self._categories.passing(name, leaf)]
            return merge(
                [*read, *self._object({k: n for k, n in node.items() if is_left(n)}, place)]
            )
        scaling.rescale(node)
        scaling.take_odds(node)
        own = self._categories.own_keys(node)
        record = sort_record(node, self._scales)
        if not place.heading:
            record.set_runs_aside()
        self._categories.give_back(own, record)
        self._categories.take_own(record, node)
        own_names.take(record, node, self._names)
        named = self._categories.record_names(record)
        mapping = place.mapping or self._even(record, named)
        place = replace(place, mapping=mapping, limits=record.limits or place.limits)
        same, apart, inside = self._inside(record, place, named)
        same += record.own
        errors = self._errors(record)
        if named and (errors or record.idle or any(f.category for part in apart for f in part)):
            named = [] if self._categories.only_checks(named, record) else named
        if not (named or record.taken or errors or any(f.category for f in same)):
            named = self._categories.reasons(record, [*same, *(f for part in apart for f in part)])
        if named:
            found = self._categories.of_named(named, record, same, inside=inside)
        elif place.heading and record.said:
            found = self._categories.of_heading(place.heading, record, same)
        else:
            found = self._categories.of_all(record, same)
        found = (self._categories.beside(found, errors) if errors else found) or record.idle
        record.leave_open([*found, *(f for part in apart for f in part)])
        if not any(f.hit for f in found):
            if any(f.clears for f in record.said):
                mark(node, Use.BOOKKEEPING)
            elif any(f.hit is False and not f.basis.general for f in found):
                record.quote_reasons(self._names.known)
        return (
            across([found, *(_not_denied(part, [*found, *same]) for part in apart)])
            if apart
            else found
        )

    def _even(self, record: Record, named: Sequence[str]) -> bool:
        """Whether an object holds only categories and their judgements."""
        if named or record.said or not record.entries:
            return False
        return all(
            e.role.role in (Role.CATEGORY, Role.CONTAINER) and self._categories.gradable(e.node)
            for e in record.entries
        )

    def _inside(
        self, record: Record, place: Place, named: Sequence[str]
    ) -> tuple[list[Finding], list[list[Finding]], bool]:
        """Findings of the same scope, of other scopes, and whether there were places for them."""
        same: list[Finding] = []
        apart: list[list[Finding]] = []
        maps: list[Finding] = []
        room = False
        heading = named[0] if named else place.heading
        depth = place.depth + 1
        for entry in record.entries:
            role, core = entry.role.role, entry.role.core
            node = entry.node
            if isinstance(node, Leaf):
                if role is Role.NAMES and kind_of(node) is Kind.TEXT:
                    room = True
                    found = self._names_of([node], self._listing(entry, place))
                    same += self._passed(entry.form, found)
                elif role is Role.NAMES and node.value in (None, 0, False):
                    room = True
                    node.use = Use.SIGNAL
                    same.append(Finding(entry.key, False, None, Basis.PRESENCE, node.path))
                elif role is Role.DECISION and kind_of(node) is Kind.BOOL and heading:
                    maps += self._decided(heading, node, entry.form)
                elif role is Role.CATEGORY or role is Role.NAMES or role is Role.COUNT:
                    if not self._names.take_steps(1):
                        break
                    limit = place.limits.get(entry.form, record.threshold)
                    maps += self._categories.scalar(
                        entry, limit, place.heading, place.mapping, bool(named)
                    )
                continue
            if node and not is_left(node):  # all of it is bookkeeping, quoted, or read already
                continue
            if role is Role.QUOTED:
                apart.append([f for f in self.read(node, Place(depth=depth)) if f.hit])
                mark(node, Use.QUOTED)
                continue
            checkers = role is Role.CATEGORY and entry.form in _CHECKERS and node and _prose(node)
            if checkers and not any(f.hit for f in record.said):
                mark(node, Use.BOOKKEEPING)
                continue
            if role in (Role.NAMES, Role.CONTAINER, Role.NAME, Role.BROAD) or (
                role not in (Role.CATEGORY, Role.SAID, Role.WHY)
            ):
                before, room = room, True
                if not node:
                    same.append(Finding(entry.key, False, None, Basis.PRESENCE))
                    continue
                if entry.form in _MATCHES and _prose(node):
                    found = self._matches(node)
                    if not found and place.heading and self._names.known(place.heading):
                        found = [self._categories.finding(
                            place.heading, True, None, entry.key, Basis.PRESENCE)]  # fmt: skip
                    maps += found
                    continue
                if entry.form in _CHECKERS and _prose(node):
                    mark(node, Use.BOOKKEEPING)
                    continue
                inner = replace(
                    self._listing(entry, place), heading=heading, depth=depth,
                    mapping=self._is_map(entry),
                )  # fmt: skip
                if core and role is Role.CONTAINER and self._names.known(core):
                    inner = replace(inner, heading=self._names.best(entry.key, core))
                elif entry.form in _COUNTED and not heading and is_count(node):
                    inner = replace(inner, heading=entry.key)
                same += (read := self.read(node, inner))
                room = before or bool(read) or may_tell(node)
                continue
            if role in (Role.SAID, Role.WHY) and _prose(node):
                mark(node, Use.QUOTED)
                continue
            read = self._below(entry, place, depth)
            if place.mapping or self._known(entry):
                maps += read
            else:
                apart.append(read)
        return [*same, *exclusive(maps, self._names)], apart, room

    def _decided(self, heading: str, leaf: Leaf, form: str) -> list[Finding]:
        """`hate: {result: true}`; under the name of a check it may mean that it passed.

        `verdict: false` may be about the text or the check, so it does not clear.
        """
        if form in _VERDICTS and leaf.value is False:
            return []
        if key_form(heading).rpartition(" ")[2] in _CHECKS:
            return []
        judged = self._names.known(heading) or self._names.general(heading)
        return self._categories.judged(heading, leaf) if judged else []

    def _below(self, entry: Entry, place: Place, depth: int) -> list[Finding]:
        """The value of a key without a role: a category, or a mere level."""
        node = entry.node
        heading = self._categories.heading(entry, place.heading)
        known = self._known(entry) or bool(place.heading and self._names.known(heading))
        if known or place.mapping:
            if not node:
                return [self._categories.finding(heading, False, None, "", Basis.GRADE)]
            if isinstance(node, list) and all(isinstance(n, Leaf) for n in node):
                return self._under(heading, node, place)
            top = place.heading if place.heading and not known else heading
            return self.read(node, Place(top or heading, False, place.flagged, depth))
        if isinstance(node, list) and all(isinstance(n, Leaf) for n in node):
            kinds = {kind_of(n) for n in node}
            if kinds <= {Kind.NUMBER, Kind.BOOL, Kind.NULL} and node:
                return self._categories.highest(heading, [n for n in node if isinstance(n, Leaf)])
            return self._only_known(node)
        return self.read(node, Place(place.heading, False, place.flagged, depth))

    def _known(self, entry: Entry) -> bool:
        known = self._names.known
        core = entry.role.core
        return self._names.own(entry.key) or known(core or entry.form) or known(entry.form)

    def _listing(self, entry: Entry, place: Place) -> Place:
        words = set(entry.form.split(" "))
        return replace(place, flagged=place.flagged or not words.isdisjoint(HIT_WORDS))

    def _is_map(self, entry: Entry) -> bool:
        """Whether an object under a key maps categories to their judgements."""
        node = entry.node
        if not isinstance(node, dict):
            return False
        if entry.form.rpartition(" ")[2] in _MAPS:
            return True
        return all(self._categories.gradable(inner) for inner in node.values())

    def _errors(self, record: Record) -> list[Finding]:
        """The content of an `error` entry: findings of its own, a block, or the tool's failure.

        A message beside it counts if it reports a block; a failed status then does not count.
        """
        found: list[Finding] = []
        for entry in record.errors:
            node = entry.node
            if isinstance(node, Leaf):
                node.use = Use.BOOKKEEPING
                if isinstance(node.value, str):
                    found += self._read_error(node.value, node.path)
                elif node.value:
                    found.append(Finding(entry.key, None, None, path=node.path, failed=True))
            else:
                found += self._error_inside(node)
        if any(f.failed for f in found):
            for entry in record.entries:
                if entry.role.role in (Role.SAID, Role.WHY) and isinstance(entry.node, Leaf):
                    said = self._read_error(str(entry.node.value), entry.node.path)
                    found += [f for f in said if f.hit]
                    entry.node.use = Use.QUOTED
        if found:
            record.said = [broke(f) for f in record.said]
            failed = not record.said and all(f.failed for f in found)
            record.unjudged = record.unjudged or (failed and record.checked)
        return found

    def _error_inside(self, node: Node) -> list[Finding]:
        unread = [leaf for leaf in leaves(node) if leaf.use is Use.UNREAD]
        if not unread:
            return []
        inner = [f for f in self.read(node, TOP) if f.basis is not Basis.PRESENCE]
        if any(f.hit for f in inner):
            return inner
        texts = [n for n in unread if isinstance(n.value, str) and any(map(str.isalpha, n.value))]
        said = [n for n in texts if last_key(n.path) not in CHECKERS] or texts
        told = across(self._read_error(str(n.value), n.path) for n in said[:_MAX_TEXTS])
        mark(node, Use.BOOKKEEPING)
        failed = [Finding("error", None, None, failed=True)]
        return [f for f in told if f.hit] or told[:1] or failed


def _not_denied(findings: Sequence[Finding], beside: Sequence[Finding]) -> list[Finding]:
    """Findings without names whose basis is presence and that are judged clean elsewhere."""
    clean = {f.name for f in beside if f.hit is False and not f.whole}
    return [f for f in findings if f.basis is not Basis.PRESENCE or f.name not in clean]


def _prose(node: Node) -> bool:
    return isinstance(node, list) and all(isinstance(n, Leaf) for n in node)

"""Applies declared formats to a decoded value.

In: a detector and a node. Out: the findings of a format, by scope, and the nested contents. The
leaves that the format covers are marked, all others stay unread. Never raises; the work grows with
the size of the node.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fallback.reading.declared.classes import highest, together
from fallback.reading.declared.entries import entries, found
from fallback.reading.declared.statements import Statements, Vocabulary, inverted
from fallback.reading.finding import Basis, Finding
from fallback.reading.formats import Format, load_envelopes
from fallback.reading.generic.record import FAILED
from fallback.reading.judge import Judged, Outcome
from fallback.reading.paths import Path
from fallback.reading.tree import Leaf, Node, Use, mark, place_of
from fallback.rules.catalog import Detector
from schemas.text import normalise

#: The most characters of a text for a pattern; longer texts are not documented verdicts.
MAX_PATTERN_TEXT = 65_536
#: The most matches of a repeated pattern in one text; a text with more has another format.
MAX_MATCHES = 2_048

#: Entries of a list that recognise its format; further ones have the same format.
MAX_ENTRIES = 64


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of an output with its own decisions, and the findings inside it."""

    node: Node
    decisions: tuple[Finding, ...]
    inside: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """The reading of a value by one format.

    contents: nodes that are read as outputs of their own. verdicts: the same, but their prose is
    quoted, and only a format, a structure or a closed verdict in them counts. errors: the same, but
    their prose is that of an error.
    """

    format: Format
    scopes: tuple[Scope, ...]
    contents: tuple[Node, ...]
    verdicts: tuple[Node, ...] = ()
    errors: tuple[Node, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether anything was found or decided, clean findings included."""
        return any(scope.decisions or scope.inside for scope in self.scopes)

    @property
    def judges(self) -> bool:
        """Whether the format has places of findings, or found a decision with a meaning."""
        return bool(self.format.findings) or any(scope.decisions for scope in self.scopes)


class Declared:
    """The declared formats that the outputs of one detector may have, its own before envelopes.

    Created once per detector, with its compiled vocabulary. None is an unknown detector.
    """

    def __init__(
        self, detector: Detector | None, envelopes: Iterable[Format] | None = None
    ) -> None:
        own = detector.outputs if detector else ()
        vocabulary = Vocabulary(detector)
        self.own = [_Reader(form, vocabulary) for form in own]
        shared = load_envelopes() if envelopes is None else envelopes
        self.envelopes = [_Reader(form, vocabulary) for form in shared]

    def read(self, node: Node, *, envelopes: bool = True, repeated: bool = True) -> Applied | None:
        """The reading by the first format that recognises the node; marks the leaves.

        repeated: whether formats are tried whose pattern may match at any place of a text.
        """
        readers = [*self.own, *self.envelopes] if envelopes else self.own
        if not repeated:
            readers = [reader for reader in readers if not reader.repeats]
        return next(filter(None, (reader.apply(node) for reader in readers)), None)


def apply(form: Format, node: Node, detector: Detector | None = None) -> Applied | None:
    """The reading of the node by one format; None if the node has another format."""
    return _Reader(form, Vocabulary(detector)).apply(node)


class _Reader:
    """Reads with one format for one detector."""

    def __init__(self, form: Format, vocabulary: Vocabulary) -> None:
        self._form = form
        self.repeats = form.repeat
        self._statements = Statements(form.words, vocabulary)

    def apply(self, node: Node) -> Applied | None:
        root = _recognised(self._form, node)
        if root is None:
            return None
        form = self._form
        items = [root] if form.of is None else form.of.all(root)
        places = items if form.of is None else [root, *items]
        contents, verdicts, errors = (
            tuple(
                x for path in paths for place in places for y in path.all(place) for x in _texts(y)
            )
            for paths in (form.contents, form.verdicts, form.errors)
        )
        base = place_of(root)
        whole = form.of is not None and all(item is not root for item in items)
        scopes = [Scope(root, tuple(self._decisions(root, base)), ())] if whole else []
        for i in items:
            scopes.append(Scope(i, tuple(self._decisions(i, base)), tuple(self._findings(i))))
        for paths, use in ((form.quoted, Use.QUOTED), (form.ignored, Use.BOOKKEEPING)):
            for path in paths:
                for place in places:
                    for selected in path.all(place):
                        mark(selected, use)
        return Applied(form, tuple(scopes), contents, verdicts, errors)

    def _decisions(self, item: Node, base: str) -> Iterator[Finding]:
        """The tool's own decisions in the item; unknown words stay unread.

        base: path of the whole output; the keys in it have no meaning.
        """
        for paths, basis, opposite in (
            (self._form.decision, Basis.DECISION, False),
            (self._form.passed, Basis.DECISION, True),
            (self._form.action, Basis.ACTION, False),
        ):
            for leaf in found(paths, item):
                if leaf.use is Use.UNREAD and (
                    finding := self._decision(leaf, basis, opposite, base)
                ):
                    leaf.use = Use.SIGNAL
                    yield finding
        for leaf in found(self._form.failed, item):
            if leaf.use is Use.UNREAD and leaf.value not in (None, "", False):
                leaf.use = Use.SIGNAL
                name = (
                    leaf.value if isinstance(leaf.value, str) else _key(leaf.path, base) or "error"
                )
                yield Finding(name, None, None, Basis.DECISION, leaf.path, failed=True)

    def _decision(self, leaf: Leaf, basis: Basis, opposite: bool, base: str) -> Finding | None:
        value = leaf.value
        judged = self._statements.decision(value, basis)
        nothing = judged.hit is None and judged.outcome is not Outcome.FAILED
        if value is None or value == "" or (judged.known and nothing):
            leaf.use = Use.BOOKKEEPING
        if nothing:
            return None
        name = value.strip() if isinstance(value, str) else _key(leaf.path, base) or "flagged"
        if opposite:
            judged = inverted(judged, value)
            name = name if isinstance(value, str) else _negated(_key(leaf.path, base))
        standing = judged.basis if judged.basis.general else basis
        failed, low = judged.outcome is Outcome.FAILED, judged.outcome is Outcome.LOW
        return Finding(name, judged.hit, judged.score, standing, leaf.path, failed, low)

    def _findings(self, item: Node) -> Iterator[Finding]:
        """The findings of the format's extractions in the item."""
        for extraction in self._form.findings:
            paths = (path for path in extraction.score if path.text != "@")
            beside = [node for path in paths if (node := path.find(item)) is not None]
            for selected in together(extraction, extraction.each.all(item)):
                read = list(entries(extraction, selected))
                top = highest(extraction, read)
                for entry in read:
                    for name, judged in self._statements.about(extraction, entry, beside, top):
                        yield _finding(name, judged, entry.path)


def _texts(node: Node) -> list[Node]:
    """The texts of a list of texts one by one, any other content unchanged."""
    if (
        isinstance(node, list)
        and node
        and all(isinstance(x, Leaf) and isinstance(x.value, str) for x in node)
    ):
        return node
    return [node]


def _finding(name: str, judged: Judged, path: str) -> Finding:
    failed, low = judged.outcome is Outcome.FAILED, judged.outcome is Outcome.LOW
    return Finding(name, judged.hit, judged.score, judged.basis, path, failed, low)


def _recognised(form: Format, node: Node) -> Node | None:
    """The node for the paths: itself, or the named groups of the pattern's match.

    A list of them if the matches repeat; None if the node has another format.
    """
    if form.pattern is None:
        if isinstance(node, Leaf) or not all(path.may_hold(node) for path in form.when):
            return None
        holds = Path.true if form.truth else Path.there
        looked_at = node[:MAX_ENTRIES] if isinstance(node, list) else node
        return node if all(holds(path, looked_at) for path in form.when) else None
    if not isinstance(node, Leaf) or not isinstance(node.value, str):
        return None
    if len(node.value) > MAX_PATTERN_TEXT:
        return None
    root: Node | None = None
    if form.repeat:
        matches = list(islice(form.pattern.finditer(node.value), MAX_MATCHES + 1))
        if 0 < len(matches) <= MAX_MATCHES:
            root = [_groups(match, node.path) for match in matches]
    elif (match := form.pattern.fullmatch(node.value)) is not None:
        root = _groups(match, node.path)
    if root is not None:
        node.use = Use.SIGNAL
    return root


def _groups(match: Any, path: str) -> Node:
    """The named groups of a match that are set."""
    return {name: Leaf(text, path) for name, text in match.groupdict().items() if text is not None}


#: The name of the finding if a check of that name is not true.
_NEGATED = {"safe": "unsafe", "pass": FAILED, "passed": FAILED, "valid": FAILED}


def _negated(key: str) -> str:
    words = normalise(key).removeprefix("is ").removeprefix("validation ")
    return _NEGATED.get(words, f"not {words}" if words else FAILED)


def _key(path: str, base: str) -> str:
    """The last key of a path: `flagged` of `results[0].flagged`; empty for an index alone."""
    path = path.removeprefix(base)
    if path.endswith('"]'):
        return path[:-2].rpartition('["')[2]
    return path.rpartition(".")[2].partition("[")[0]

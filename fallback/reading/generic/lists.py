"""Reads lists: names, pairs, scores of one category, findings of which one may be the top class.

In: a list of nodes. Out: findings. The walker reads the inside of entries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fallback.reading.finding import Basis, Finding, across
from fallback.reading.generic import shapes
from fallback.reading.generic.exclusive import exclusive
from fallback.reading.generic.objects import Objects
from fallback.reading.generic.record import kind_of
from fallback.reading.generic.roles import Kind
from fallback.reading.generic.vocabulary.goals import forbidden, forbids
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.generic.vocabulary.scales import Scales
from fallback.reading.tree import Leaf, Node, Use, mark
from fallback.reading.values import is_moment

ReadText = Callable[[Leaf], list[Finding]]
ReadError = Callable[[str, str], list[Finding]]
_ENTRY = 4
#: Endings of the general labels of a family.
_BROAD = ("Other", "Unspecified")
_LONG = 64
_PASSED = frozenset({"pass", "passed"})
#: Cells of a row with a label, and texts among them.
_LONGEST_ROW = 5
_MOST_TEXTS = 2


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a node.

    heading: the category of the node, from the keys above; empty for none.
    mapping: whether unknown keys here are names of categories.
    flagged: whether names here are declared as found.
    depth: number of levels above.
    limits: thresholds of single categories, by their names in the normal form.
    """

    heading: str = ""
    mapping: bool = False
    flagged: bool = False
    depth: int = 0
    limits: Mapping[str, float] = field(default_factory=dict)


#: The place of a whole output.
TOP = Place()


class Lists:
    """Reads lists of one output."""

    def __init__(
        self, names: Names, scales: Scales, read_names: ReadText, read_error: ReadError
    ) -> None:
        """read_names: the findings of a text in the place of names. read_error: those of the text
        of an error, at a path."""
        self._names = names
        self._scales = scales
        self._read_names = read_names
        self._read_error = read_error
        self._categories = Objects(names, scales)

    def _passed(self, form: str, found: list[Finding]) -> list[Finding]:
        """`PASS: SQL injection`: known names of checks that passed."""
        if form not in _PASSED or not all(
            self._names.is_harm(f.name.partition(" (")[0]) for f in found
        ):
            return found
        return [replace(f, hit=False, basis=Basis.FLAG) for f in found]

    def read(self, node: Node, place: Place = TOP) -> list[Finding]:
        """The findings of a node."""
        raise NotImplementedError

    def _list(self, nodes: list[Node], place: Place) -> list[Finding]:
        if (pairs := shapes.pairs(nodes)) is not None:
            return exclusive(
                [f for name, value in pairs for f in self._pair(name, value)], self._names
            )
        if (labels := self._labelled(nodes)) is not None:
            return self._names_of(labels, place)
        plain = [n for n in nodes if isinstance(n, Leaf)]
        if nodes and len(plain) == len(nodes):
            return self._plain(plain, place)
        if (validity := shapes.validity(nodes)) is not None:
            return [
                self._categories.finding(name, not valid.value, score, valid.path)
                for name, valid, score in validity
            ]
        inner = replace(place, depth=place.depth + 1)
        if len(nodes) > _LONG:
            nodes = list(shapes.different(nodes))
        scopes = [self.read(n, inner) for n in nodes if not isinstance(n, Leaf)]
        texts = self._plain(plain, place) if plain else []
        if all(len(scope) == 1 for scope in scopes):
            scopes = [exclusive([f for scope in scopes for f in scope], self._names)]
        return across([*scopes, texts])

    def _labelled(self, nodes: list[Node]) -> list[Leaf] | None:
        """The labels of `[["Anna", "PER"], ["Berlin", "LOC"]]`; the texts beside them are quoted.

        A row has the label, one text at most, and places or scores.
        """
        rows = [n for n in nodes if isinstance(n, list)]
        if not rows or len(rows) != len(nodes) or not 1 < len(rows[0]) <= _LONGEST_ROW:
            return None
        at = next((i for i in reversed(range(len(rows[0]))) if self._is_label(rows[0][i])), None)
        if at is None:
            return None
        labels: list[Leaf] = []
        for row in rows:
            leaves = [n for n in row if isinstance(n, Leaf)]
            texts = [n for n in leaves if isinstance(n.value, str)]
            if len(leaves) != len(row) or len(row) != len(rows[0]) or len(texts) > _MOST_TEXTS:
                return None
            if not isinstance(leaves[at].value, str):
                return None
            labels.append(leaves[at])
        for row, label in zip(rows, labels, strict=True):
            for leaf in row:
                if leaf is not label and isinstance(leaf, Leaf):
                    leaf.use = Use.QUOTED
        return labels

    def _is_label(self, node: Node) -> bool:
        """Whether a text looks like a label and not like labelled text."""
        value = node.value if isinstance(node, Leaf) else None
        if not isinstance(value, str) or "@" in value:
            return False
        return self._names.own(value) or (value.isupper() and self._names.known(value))

    def _plain(self, nodes: Sequence[Leaf], place: Place) -> list[Finding]:
        """A list of scalars: names, or scores and flags of the heading."""
        texts = [n for n in nodes if n.use is Use.UNREAD and self._names_something(n, place)]
        if texts:
            return self._names_of(texts, place)
        if place.heading:
            return self._categories.highest(place.heading, nodes)
        return []

    def _names_something(self, leaf: Leaf, place: Place) -> bool:
        """Whether a scalar in a list is a text, or a number that is an own word: `["600"]`."""
        kind = kind_of(leaf)
        own = kind is Kind.NUMBER and not place.heading and self._names.own(str(leaf.value))
        return kind is Kind.TEXT or own

    def _pair(self, name: Leaf, value: Leaf) -> list[Finding]:
        if not self._names.take_steps(_ENTRY):
            return []
        name.use = Use.SIGNAL
        found = self._names.resolve(str(name.value))
        if self._names.clean(found):
            found = str(name.value)
        return self._categories.judged(found, value)

    def _names_of(self, texts: Sequence[Leaf], place: Place) -> list[Finding]:
        """The findings of texts in the place of names."""
        found: list[list[Finding]] = []
        for leaf in texts:
            if is_moment(str(leaf.value)) and not self._names.own(str(leaf.value)):
                leaf.use = Use.BOOKKEEPING
                continue
            if place.heading and self._names.known(place.heading) and _is_address(str(leaf.value)):
                leaf.use = Use.QUOTED
                continue
            if not self._names.take_steps(_ENTRY):
                break
            read = self._read_names(leaf)
            if place.flagged:
                read = [self._confirmed(f) for f in read]
            found.append(read)
        return across(found)

    def _confirmed(self, finding: Finding) -> Finding:
        """A name in a list of violations."""
        if finding.basis is not Basis.PRESENCE or finding.failed:
            return finding
        if finding.category or forbids(finding.name):
            name = finding.name if self._names.own(finding.name) else forbidden(finding.name)
            resolved = self._names.resolve(name)
            return replace(finding, name=resolved, hit=True, basis=Basis.FLAG, whole=False)
        return finding

    def _under(self, heading: str, nodes: list[Node], place: Place) -> list[Finding]:
        """A list of scalars under a category: its scores, or the texts with the finding."""
        plain = [n for n in nodes if isinstance(n, Leaf)]
        texts = [n for n in plain if kind_of(n) is Kind.TEXT or _is_digits(n.value)]
        if not texts:
            return self._categories.highest(heading, plain)
        broad = all(label.endswith(_BROAD) for label in self._names.labels(heading))
        if broad and all(self._names.narrower(heading, str(n.value)) for n in texts):
            return self._names_of(texts, TOP)
        for leaf in plain:
            leaf.use = Use.QUOTED
        return [self._categories.finding(heading, True, None, plain[0].path, Basis.PRESENCE)]

    def _matches(self, nodes: Node) -> list[Finding]:
        """Matched texts: quoted, unless all are known names."""
        assert isinstance(nodes, list)
        found = self._only_known(nodes)
        mark(nodes, Use.QUOTED)
        return found

    def _only_known(self, nodes: list[Node]) -> list[Finding]:
        """A list of texts under an unknown key: names if all are known."""
        texts = [n for n in nodes if isinstance(n, Leaf) and isinstance(n.value, str)]
        if not texts or not all(self._names.known(str(n.value)) for n in texts[:20]):
            return []
        return self._names_of(texts, TOP)


def _is_digits(value: object) -> bool:
    """Whether a value is a text of digits, such as a telephone number, and not a score."""
    return isinstance(value, str) and len(value) > 2 and value.isdecimal()


def _is_address(text: str) -> bool:
    """Whether a text is an e-mail address, which is the place of a finding and not its name."""
    return "@" in text.strip("@") and " " not in text and "." in text.rpartition("@")[2]

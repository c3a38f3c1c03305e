"""Reads lists: names, pairs, scores of one category, findings of which one may be the top class.

In: a list of nodes. Out: findings. What is inside an entry is read by the walker.
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
from fallback.reading.judge import Scales
from fallback.reading.tree import Leaf, Node, Use

ReadText = Callable[[Leaf], list[Finding]]
_ENTRY = 4
_LONG = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands.

    heading: the category that the node is about, from the keys above; empty for none.
    mapping: whether unknown keys here are names of categories.
    flagged: whether names here are said to be found.
    depth: how many levels down.
    limits: thresholds of single categories, by their names in the normal form.
    """

    heading: str = ""
    mapping: bool = False
    flagged: bool = False
    depth: int = 0
    limits: Mapping[str, float] = field(default_factory=dict)


#: Where an output begins.
TOP = Place()


class Lists:
    """Reads lists of one output."""

    def __init__(self, names: Names, scales: Scales, read_names: ReadText) -> None:
        """read_names: the findings of a text that stands where names stand."""
        self._names = names
        self._scales = scales
        self._read_names = read_names
        self._categories = Objects(names, scales)

    def read(self, node: Node, place: Place = TOP) -> list[Finding]:
        """The findings of a node."""
        raise NotImplementedError

    def _list(self, nodes: list[Node], place: Place) -> list[Finding]:
        if (pairs := shapes.pairs(nodes)) is not None:
            return exclusive(
                [f for name, value in pairs for f in self._pair(name, value)], self._names
            )
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

    def _plain(self, nodes: Sequence[Leaf], place: Place) -> list[Finding]:
        """A list of scalars: names, or scores and flags of the heading."""
        texts = [n for n in nodes if kind_of(n) is Kind.TEXT and n.use is Use.UNREAD]
        if texts:
            return self._names_of(texts, place)
        if place.heading:
            return self._categories.highest(place.heading, nodes)
        return []

    def _pair(self, name: Leaf, value: Leaf) -> list[Finding]:
        name.use = Use.SIGNAL
        found = self._names.resolve(str(name.value))
        if self._names.clean(found):
            found = str(name.value)
        return self._categories.judged(found, value)

    def _names_of(self, texts: Sequence[Leaf], place: Place) -> list[Finding]:
        """Texts that stand where names stand."""
        found: list[list[Finding]] = []
        for leaf in texts:
            if not self._names.take_steps(_ENTRY):
                break
            read = self._read_names(leaf)
            if place.flagged:
                read = [self._confirmed(f) for f in read]
            found.append(read)
        return across(found)

    def _confirmed(self, finding: Finding) -> Finding:
        """A name in a list of what was violated."""
        if finding.basis is not Basis.PRESENCE or finding.failed:
            return finding
        if finding.category or forbids(finding.name):
            name = finding.name if self._names.own(finding.name) else forbidden(finding.name)
            resolved = self._names.resolve(name)
            return replace(finding, name=resolved, hit=True, basis=Basis.FLAG, whole=False)
        return finding

    def _only_known(self, nodes: list[Node]) -> list[Finding]:
        """A list of texts under an unknown key: names where a vocabulary knows them all."""
        texts = [n for n in nodes if isinstance(n, Leaf) and isinstance(n.value, str)]
        if not texts or not all(self._names.known(str(n.value)) for n in texts[:20]):
            return []
        return self._names_of(texts, TOP)

"""One output being read: its parts by declared formats, else by their structure or as text.

In: a decoded output. Out: findings, and the data for the account: nodes, formats, limits.
"""

from collections.abc import Callable, Sequence

from fallback.reading import nested, tree
from fallback.reading.declared import Applied
from fallback.reading.declared.own_words import known_part, own_pair
from fallback.reading.decode import MARK, Decoded, decode, entry_of
from fallback.reading.finding import Finding, across, settle
from fallback.reading.generic.texts import cut
from fallback.reading.generic.texts.whole import Texts
from fallback.reading.generic.vocabulary.budget import Lookups
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.generic.walk import Walker
from fallback.reading.guards import Guard
from fallback.reading.tree import MAX_LEAVES, Leaf, Node, Planter, Use, leaves, mark, plain
from fallback.signal import MAX_NAME

Running = Callable[[str], list[Finding]]
#: The deepest text inside texts; deeper ones stay unread.
MAX_DEPTH = 6
#: The most values of one output for the declared formats; the rest is read generically.
_MAX_TRIES = 100
#: The most entries of a list for the declared formats one by one.
_MAX_ENTRIES = 64
#: The cost of decoding a text in a text, in steps of `Lookups`.
_OPENING = 12
#: The depth at which the content of an opened text begins: 16 levels are left in it.
_INNER = tree.MAX_DEPTH - 16
_MAX_COPY = 2000
#: Notations without text outside of structure.
_STRUCTURED = frozenset({"json", "json-lines", "sse"})
#: Notations of logs, in which a logged text may hold pairs of its own.
_LOGGED = frozenset({"logfmt", "cef", "leef"})
_LOOSE = " \t\n\"'`:-\u2013\u2014|>([,"


class Item:
    """Reads one output.

    nodes: all decoded values. thoughts: reasoning before the answer. formats, envelopes: names of
    the declared formats that recognised something, outermost first. judged: whether one of the
    detector's own formats with places of findings was among them. knows: whether a text is harm.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._lookups = Lookups()
        self._names = Names(guard.memory, self._lookups)
        self._texts = Texts(self._names, lambda node: self._walker.read(node))
        self._walker = Walker(self._names, guard.scales, self._texts.in_list, self._texts.of_error)
        self._tries = _MAX_TRIES
        self._left = MAX_LEAVES
        self._bounded = False
        self.nodes: list[Node] = []
        self.thoughts: list[str] = []
        self.formats: list[str] = []
        self.envelopes: list[str] = []
        self.judged = False
        self.knows = self._names.is_harm

    @property
    def cut(self) -> bool:
        """Whether a limit was reached."""
        return self._bounded or self._lookups.cut

    @property
    def is_vacant(self) -> bool:
        """Whether the decoded output has no value."""
        return bool(self.nodes) and not any(True for node in self.nodes for _ in leaves(node))

    def telling(self, name: str) -> int:
        """The rank of a decision's word: an own word of a category is first."""
        if self._names.own(name):
            return 0 if not self._names.vague(name) else 1
        return 2 if self._names.known(name) else 3

    def is_strange_flag(self, findings: Sequence[Finding]) -> bool:
        """Whether an output is a single `false` under an unknown name."""
        values = [leaf.value for node in self.nodes for leaf in leaves(node)]
        strange = [f for f in findings if not (f.general or self._names.known(f.name))]
        return values == [False] and len(findings) == len(strange) == 1

    def read(self, decoded: Decoded, path: str = "", depth: int = 0) -> list[Finding]:
        """The findings of a text that is alone at its place; the whole output first."""
        self.thoughts += [t for part in decoded.parts if (t := nested.thought(part)) is not None]
        self._bounded = self._bounded or decoded.truncated
        text = decoded.text.strip()
        plain = len(decoded.parts) == 1 and isinstance(decoded.parts[0], str)
        own = len(text) <= MAX_NAME and self._names.own(text)
        lined = "\n" in text
        if own and plain and not lined:
            return self._texts.whole(text)
        if plain and (inner := nested.unquoted(decoded)) is not None and depth < MAX_DEPTH:
            return self.read(inner, path, depth + 1)
        if cut.after_arrow(text) is not None:
            return self._texts.whole(text)
        leaf = Leaf(text, path)
        applied = self._declared(leaf, decoded.format) if text and (lined or not own) else None
        if applied is not None:
            findings = self._apply(applied, leaf, depth)
            return self._as_whole(text, findings) if own else findings
        if plain and self._guard.formats and (pair := entry_of(text)) is not None:
            node = self._bounded_tree(pair, path)
            applied = self._guard.declared.read(node, envelopes=False)
            if applied and applied.tells:
                self.nodes.append(node)
                return self._apply(applied, node, depth)
        heads = {"logfmt": self._texts.quoted_head, "key-value": self._texts.open_quote}
        if decoded.format in heads and (head := heads[decoded.format](text)):
            return head
        findings = self._parts(decoded, path, depth)
        if own:
            return self._as_whole(text, findings)
        told = [f for f in findings if f.hit and (f.basis or self._names.known(f.name))]
        if not told and self._texts.is_failure(text):
            return [Finding(text[:MAX_NAME], None, failed=True)]
        return findings

    def _as_whole(self, text: str, findings: list[Finding]) -> list[Finding]:
        """An output that is an own entry: the findings in it if they have the same meaning."""
        hits = [f for f in findings if f.hit]
        found = [f for f in hits if f.category] or hits
        if self.judged and len(found) == 1 and self._names.same(found[0].name, text):
            return findings
        return self._texts.as_whole(text, findings)

    # --- parts ----------------------------------------------------------------------------

    def _parts(self, decoded: Decoded, path: str, depth: int) -> list[Finding]:
        """The parts of a decoded text: structures, and the running text around them."""
        parts = [part for part in nested.different(decoded.parts) if nested.thought(part) is None]
        structured = any(not isinstance(part, str) for part in parts)
        if len(parts) > 1 and all(isinstance(part, dict) for part in parts):
            node = self._plant(list(parts), path)
            if (applied := self._declared(node)) is not None:
                return self._apply(applied, node, depth)
            self.nodes.pop()
        scopes: list[list[Finding]] = []
        many: list[object] = []
        seen = False
        for index, part in enumerate(parts):
            if isinstance(part, str):
                quotes = structured and not seen and parts[index + 1 : index + 2] != [{}]
                if quotes and (head := self._texts.quoted_head(part)):
                    return head
                scopes.append(self._beside(part, after=seen) if structured else self._text(part))
            elif self._tries > 0:
                seen = True
                if decoded.format in _LOGGED and isinstance(part, dict):
                    part = nested.trusted(part)
                at = path if len(parts) == 1 else f"{path}[{index}]"
                scopes.append(self._value(self._plant(part, at), depth))
            else:
                many.append(part)
        if many:
            scopes.append(self._value(self._plant(many, path), depth))
        return across(scopes)

    def _plant(self, value: object, path: str) -> Node:
        node = self._bounded_tree(nested.merged(value), path)
        self.nodes.append(node)
        return node

    def _bounded_tree(self, value: object, path: str, depth: int = 0) -> Node:
        planter = Planter(max(self._left, 1))
        node = planter.plant(value, path, depth)
        self._left -= sum(1 for _ in leaves(node))
        self._bounded = self._bounded or planter.cut
        return node

    def _text(self, text: str) -> list[Finding]:
        """Running text without structure; text after a mark in it is quoted."""
        head, marked, _ = text.partition(MARK)
        if not marked or not head.strip():
            return self._texts.whole(text)
        return self._texts.quoted_head(head) or self._texts.whole(head.strip(_LOOSE))

    def _beside(self, text: str, *, after: bool) -> list[Finding]:
        """Running text before or after structure."""
        return self._texts.beside(text.partition(MARK)[0], after=after)

    # --- values ---------------------------------------------------------------------------

    def _declared(self, node: Node, notation: str = "") -> Applied | None:
        """The reading of a node by a declared format, if tries are left.

        notation: of a whole text; one that is all structure is not searched for lines.
        """
        self._tries -= 1
        if self._tries < 0:
            return None
        return self._guard.declared.read(node, repeated=notation not in _STRUCTURED)

    def _value(self, node: Node, depth: int) -> list[Finding]:
        """A value by its declared format, else by its structure."""
        if (applied := self._declared(node)) is not None:
            return self._apply(applied, node, depth)
        self._open(node, depth)
        if isinstance(node, Leaf):
            return self._scalar(node)
        if isinstance(node, list) and depth < MAX_DEPTH and self._declared_inside(node):
            return across(self._value(inner, depth + 1) for inner in node)
        kept, texts = nested.spoken(node, self._walker.read(node))
        return [*kept, *self._said(texts, node, depth)]

    def _declared_inside(self, nodes: list[Node]) -> bool:
        """Whether each entry of a list is an output of a declared format."""
        first = next((n for n in nodes if isinstance(n, dict)), None)
        if first is None or len(nodes) > _MAX_ENTRIES:
            return False
        return self._declared(Planter(_MAX_COPY).plant(plain(first))) is not None

    def _scalar(self, leaf: Leaf) -> list[Finding]:
        """A text, a number or a flag that is the whole output; a bare flag has no meaning."""
        if isinstance(leaf.value, bool) or leaf.value is None:
            return []
        leaf.use = Use.SIGNAL
        return self._text(str(leaf.value))

    def _said(self, texts: Sequence[Leaf], node: Node, depth: int) -> list[Finding]:
        """Texts that may be replies of the judged model: read if there is no other statement."""
        scopes: list[list[Finding]] = []
        for leaf in texts:
            leaf.use = Use.UNREAD
            scopes.append(self._content(leaf, depth + 1))
        return nested.answered(node, across(scopes))

    # --- declared formats -----------------------------------------------------------------

    def _apply(self, applied: Applied, node: Node, depth: int) -> list[Finding]:
        """The scopes of a declared format; values that it does not cover are read generically."""
        name = applied.format.name
        own = name in self._guard.formats
        (self.formats if own else self.envelopes).append(name)
        self.judged = self.judged or (own and applied.judges)
        scopes: list[list[Finding]] = []
        for inner, running in (
            (applied.contents, None),
            (applied.verdicts, self._texts.verdict),
            (applied.errors, self._texts.of_error),
        ):
            scopes += (self._content(node, depth + 1, running) for node in inner)
        nested.set_aside(node)
        for scope in reversed(applied.scopes):
            rest: list[Finding] = []
            if any(leaf.use is Use.UNREAD for leaf in leaves(scope.node)):
                self._open(scope.node, depth)
                rest = self._walker.read(scope.node)
                rest = [f for f in rest if f.hit or f.failed or (f.clears and not own)]
            decisions = [own_pair(d, scope.node, self._names) for d in scope.decisions]
            settled = settle(decisions, [*scope.inside, *rest])
            if any(d.clears for d in scope.decisions) and not any(f.hit for f in settled):
                mark(scope.node, Use.BOOKKEEPING)
            scopes.append([known_part(f, self._names) for f in settled])
        return nested.beside_failure(across(reversed(scopes)))

    def _content(self, node: Node, depth: int, running: Running | None = None) -> list[Finding]:
        """A value that is read as an output of its own; running: the reading of its text if that is
        not a verdict of the tool, but quoted or the text of an error."""
        if depth > MAX_DEPTH or not self._lookups.take_steps(_OPENING):
            self._bounded = True
            return []
        if not node and running is None:
            return [Finding("nothing", False)]
        if not isinstance(node, Leaf) or not isinstance(node.value, str):
            return self._value(node, depth)
        text = node.value
        node.use = Use.SIGNAL if running is None else Use.QUOTED
        if not text.strip():
            return []
        decoded = decode(text)
        if running is None:
            return self.read(decoded, node.path, depth)
        leaf = Leaf(decoded.text.strip(), node.path)
        applied = self._declared(leaf, decoded.format) if leaf.value else None
        if applied is not None:
            return self._apply(applied, leaf, depth)
        if all(isinstance(p, str) or nested.thought(p) is not None for p in decoded.parts):
            return running(decoded.text)
        return self._parts(decoded, node.path, depth)

    def _open(self, node: Node, depth: int) -> None:
        if depth < MAX_DEPTH:
            nested.open_texts(node, self._structure)

    def _structure(self, text: str, path: str) -> Node | None:
        """The structure in a text of a value."""
        if not self._lookups.take_steps(_OPENING):
            return None
        decoded = decode(text)
        parts = [part for part in decoded.parts if isinstance(part, dict | list)]
        if not parts:
            return None
        self._bounded = self._bounded or decoded.truncated
        return self._bounded_tree(parts[0] if len(parts) == 1 else parts, path, _INNER)

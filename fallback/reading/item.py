"""One output being read: its parts by declared formats, else by their structure or as text.

In: a decoded output. Out: findings, and what the account needs: nodes, formats, bounds.
"""

from dataclasses import replace

from fallback.reading import tree
from fallback.reading.account import last_key
from fallback.reading.declared import Applied
from fallback.reading.decode import MARK, Decoded, decode
from fallback.reading.finding import Finding, across, settle
from fallback.reading.generic.record import decision_word
from fallback.reading.generic.roles import Kind, Role, key_form, key_role
from fallback.reading.generic.texts import closed
from fallback.reading.generic.texts.whole import Texts
from fallback.reading.generic.vocabulary.budget import Lookups
from fallback.reading.generic.vocabulary.names import Names
from fallback.reading.generic.walk import Walker
from fallback.reading.guards import Guard
from fallback.reading.nested import different, merged, open_texts, thought
from fallback.reading.tree import MAX_LEAVES, Leaf, Node, Planter, Use, leaves, mark, plain
from fallback.signal import MAX_NAME

#: Texts inside texts inside texts; deeper ones stay unread.
MAX_DEPTH = 6
#: Values of one output that are compared with the declared formats; the rest is read generically.
_MAX_TRIES = 160
#: Entries of a list that are compared with the declared formats one by one.
_MAX_ENTRIES = 64
#: What opening a text in a text costs, in the steps of `Lookups`.
_OPENING = 12
#: What is in an opened text may be this much nearer to the bound of depth.
_INNER = tree.MAX_DEPTH - 16
_QUOTED = frozenset({Role.QUOTED, Role.SAID, Role.WHY})
_MAX_SAID = 16
_MAX_COPY = 2000
_LOOSE = " \t\n\"'`:-\u2013\u2014|>([,"


class Item:
    """Reads one output.

    nodes: everything that was decoded. thoughts: reasoning before the answer. formats, envelopes:
    names of the declared formats that recognised something, outermost first. judged: whether one of
    the detector's own formats that say what a finding is was among them.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._lookups = Lookups()
        self._names = Names(guard.memory, self._lookups)
        self._texts = Texts(self._names, lambda node: self._walker.read(node))
        self._walker = Walker(self._names, guard.scales, self._texts.in_list)
        self._tries = _MAX_TRIES
        self._left = MAX_LEAVES
        self._bounded = False
        self.nodes: list[Node] = []
        self.thoughts: list[str] = []
        self.formats: list[str] = []
        self.envelopes: list[str] = []
        self.judged = False

    @property
    def cut(self) -> bool:
        """Whether a bound was reached."""
        return self._bounded or self._lookups.cut

    @property
    def is_vacant(self) -> bool:
        """Whether there is no value at all in what was decoded."""
        return not any(True for node in self.nodes for _ in leaves(node))

    def telling(self, name: str) -> int:
        """How little a decision's word says: an own word of a category first."""
        if self._names.own(name):
            return 0 if not self._names.vague(name) else 1
        return 2 if self._names.known(name) else 3

    def read(self, decoded: Decoded) -> list[Finding]:
        """The findings of the whole output."""
        text = decoded.text.strip()
        self.thoughts = [t for part in decoded.parts if (t := thought(part)) is not None]
        own = len(text) <= MAX_NAME and self._names.own(text)
        if own and len(decoded.parts) == 1 and isinstance(decoded.parts[0], str):
            return self._texts.whole(text)
        leaf = Leaf(text, "")
        applied = self._declared(leaf) if text and not own else None
        if applied is not None:
            return self._apply(applied, leaf, 0)
        if decoded.format == "logfmt" and (head := self._texts.quoted_head(text)):
            return head
        findings = self._parts(decoded, "", 0)
        if own:
            return self._as_whole(text, findings)
        if not any(f.hit for f in findings) and closed.is_failure(text):
            return [Finding(text[:MAX_NAME], None, failed=True)]
        return findings

    def _as_whole(self, text: str, findings: list[Finding]) -> list[Finding]:
        """An output that is an own entry: what was read in it where that means the same."""
        found = [f for f in findings if f.category]
        if self.judged and len(found) == 1 and self._names.same(found[0].name, text):
            return findings
        return self._texts.as_whole(text, findings)

    # --- parts ----------------------------------------------------------------------------

    def _parts(self, decoded: Decoded, path: str, depth: int) -> list[Finding]:
        """The parts of a decoded text: structures, and the running text around them."""
        parts = [part for part in different(decoded.parts) if thought(part) is None]
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
                if structured and not seen and (head := self._texts.quoted_head(part)):
                    return head
                scopes.append(self._beside(part, after=seen) if structured else self._text(part))
            elif self._tries > 0:
                seen = True
                if decoded.format == "logfmt" and isinstance(part, dict):
                    part = self._trusted(part)
                at = path if len(parts) == 1 else f"{path}[{index}]"
                scopes.append(self._value(self._plant(part, at), depth))
            else:
                many.append(part)
        if many:
            scopes.append(self._value(self._plant(many, path), depth))
        return across(scopes)

    def _trusted(self, pairs: dict[str, object]) -> dict[str, object]:
        """Pairs of a line, without those that follow quoted text where a name stands before it.

        Who wrote the text may have written them too.
        """
        roles = [key_role(key_form(key), Kind.TEXT).role for key in pairs]
        at = next((i for i, r in enumerate(roles) if r in _QUOTED), len(roles))
        if Role.NAME not in roles[:at] and Role.BROAD not in roles[:at]:
            return pairs
        first = {k: v[0] if isinstance(v, list) and v else v for k, v in pairs.items()}
        return dict(list(first.items())[: at + 1])

    def _plant(self, value: object, path: str) -> Node:
        node = self._bounded_tree(merged(value), path)
        self.nodes.append(node)
        return node

    def _bounded_tree(self, value: object, path: str, depth: int = 0) -> Node:
        planter = Planter(max(self._left, 1))
        node = planter.plant(value, path, depth)
        self._left -= sum(1 for _ in leaves(node))
        self._bounded = self._bounded or planter.cut
        return node

    def _text(self, text: str) -> list[Finding]:
        """Running text that is all there is; what follows a mark in it is quoted."""
        head, marked, _ = text.partition(MARK)
        if not marked or not head.strip():
            return self._texts.whole(text)
        return self._texts.quoted_head(head) or self._texts.whole(head.strip(_LOOSE))

    def _beside(self, text: str, *, after: bool) -> list[Finding]:
        """Running text before or after structure."""
        return self._texts.beside(text.partition(MARK)[0], after=after)

    # --- values ---------------------------------------------------------------------------

    def _declared(self, node: Node) -> Applied | None:
        """What a declared format reads in a node, as long as there are tries left."""
        self._tries -= 1
        return self._guard.declared.read(node) if self._tries >= 0 else None

    def _value(self, node: Node, depth: int) -> list[Finding]:
        """A value by its declared format, else by its structure."""
        applied = self._declared(node)
        if applied is not None:
            return self._apply(applied, node, depth)
        self._open(node, depth)
        if isinstance(node, Leaf):
            return self._scalar(node)
        if isinstance(node, list) and depth < MAX_DEPTH and self._declared_inside(node):
            return across(self._value(inner, depth + 1) for inner in node)
        findings = self._walker.read(node)
        if any(f.hit is not None or f.failed for f in findings):
            return findings
        return [*findings, *self._said(node, depth)]

    def _declared_inside(self, nodes: list[Node]) -> bool:
        """Whether the entries of a list are outputs of a declared format by themselves."""
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

    def _said(self, node: Node, depth: int) -> list[Finding]:
        """Texts that the judged model may have said as well: read where nothing else was said."""
        scopes: list[list[Finding]] = []
        for leaf in list(leaves(node)):
            if leaf.use is Use.SIGNAL or not isinstance(leaf.value, str) or not leaf.value.strip():
                continue
            if key_role(last_key(leaf.path), Kind.TEXT).role is Role.SAID:
                leaf.use = Use.UNREAD
                scopes.append(self._content(leaf, depth + 1, quoted=False))
            if len(scopes) >= _MAX_SAID:
                break
        return across(scopes)

    # --- declared formats -----------------------------------------------------------------

    def _apply(self, applied: Applied, node: Node, depth: int) -> list[Finding]:
        """The scopes of a declared format, with what it leaves open read generically."""
        name = applied.format.name
        own = name in self._guard.formats
        (self.formats if own else self.envelopes).append(name)
        self.judged = self.judged or (own and _judges(applied))
        scopes: list[list[Finding]] = []
        for content in applied.contents:
            scopes.append(self._content(content, depth + 1, quoted=False))
        for verdict in applied.verdicts:
            scopes.append(self._content(verdict, depth + 1, quoted=True))
        for scope in reversed(applied.scopes):
            rest: list[Finding] = []
            if any(leaf.use is Use.UNREAD for leaf in leaves(scope.node)):
                self._open(scope.node, depth)
                rest = [f for f in self._walker.read(scope.node) if f.hit or f.failed]
            settled = settle(scope.decisions, [*scope.inside, *rest])
            if any(d.clears for d in scope.decisions) and not any(f.hit for f in settled):
                mark(scope.node, Use.BOOKKEEPING)
            scopes.append([self._known_part(f) for f in settled])
        return across(reversed(scopes))

    def _known_part(self, finding: Finding) -> Finding:
        """A finding of a declared format by the part of its name that is known."""
        if self._names.own(finding.name) or not finding.hit:
            return finding
        if finding.general:
            return replace(finding, name=decision_word(finding.name, finding.name))
        return replace(finding, name=self._names.resolve(finding.name))

    def _content(self, node: Node, depth: int, *, quoted: bool) -> list[Finding]:
        """A value that is read on by itself; quoted: its running text may be anybody's words."""
        if depth > MAX_DEPTH:
            self._bounded = True
            return []
        if not isinstance(node, Leaf) or not isinstance(node.value, str):
            return self._value(node, depth)
        text = node.value
        node.use = Use.QUOTED if quoted else Use.SIGNAL
        if not text.strip():
            return []
        decoded = decode(text)
        leaf = Leaf(decoded.text.strip(), node.path)
        applied = self._declared(leaf) if leaf.value else None
        if applied is not None:
            return self._apply(applied, leaf, depth)
        running = all(isinstance(p, str) or thought(p) is not None for p in decoded.parts)
        if running and quoted:
            return self._texts.verdict(decoded.text)
        return self._parts(decoded, node.path, depth)

    # --- texts in texts -------------------------------------------------------------------

    def _open(self, node: Node, depth: int) -> None:
        if depth < MAX_DEPTH:
            open_texts(node, self._structure)

    def _structure(self, text: str, path: str) -> Node | None:
        """The structure in a text that stands in a value."""
        if not self._lookups.take_steps(_OPENING):
            return None
        decoded = decode(text)
        parts = [part for part in decoded.parts if isinstance(part, dict | list)]
        if not parts:
            return None
        self._bounded = self._bounded or decoded.truncated
        return self._bounded_tree(parts[0] if len(parts) == 1 else parts, path, _INNER)


def _judges(applied: Applied) -> bool:
    """Whether a format says where findings or decisions stand."""
    form = applied.format
    return bool(form.findings or form.decision or form.passed or form.action)

"""The reader: a detector's raw output in, signals and the account of the reading out.

In: the detector's name, its output as text, hints. Out: a `Reading`. Never raises on any text; the
work is linear in its length. Knows the order of the stages; each stage has its own module.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fallback.reading import account
from fallback.reading.declared import Applied, Declared
from fallback.reading.decode import MARK, REASONING, Decoded, decode
from fallback.reading.finding import Finding, across, settle
from fallback.reading.generic import closed
from fallback.reading.generic.names import Lookups, Memory, Names
from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.generic.text import Texts
from fallback.reading.generic.walk import Walker
from fallback.reading.judge import Outcome, Scales, word_key
from fallback.reading.tree import MAX_LEAVES, Leaf, Node, Planter, Use, leaves, mark
from fallback.rules import RuleMapper
from fallback.signal import MAX_NAME, How, Reading, Signal, Verdict
from schemas.requests import Metadata

#: Texts inside texts inside texts; deeper ones stay unread.
MAX_DEPTH = 6
#: Values of one output that are compared with the declared formats; the rest is read generically.
_MAX_TRIES = 160
#: What opening a text in a text costs, in the steps of `Lookups`.
_OPENING = 12
#: Lists longer than this are looked through for equal entries, so many levels down.
_LONG = 64
_MAX_MERGED = 8
#: Vocabularies that are held ready.
_MAX_DETECTORS = 256


class Reader:
    """Reads outputs of any detector, known to the rules or not. Safe to share between threads."""

    def __init__(self, rules: RuleMapper) -> None:
        self._rules = rules
        self._guards: dict[tuple[str, ...], _Guard] = {}

    def read(self, detector_name: str, output: str, metadata: Metadata | None = None) -> Reading:
        """What one output says: at least one signal, deduplicated, flagged and highest first."""
        contributing = metadata.contributing_detectors if metadata else ()
        scores: Mapping[str, float] = metadata.normalized_scores if metadata else {}
        guard = self._guard(detector_name, contributing)
        reading = _Item(guard).read(output, scores)
        return replace(
            reading, signals=tuple(self._with_legend(detector_name, s) for s in reading.signals)
        )

    def _with_legend(self, detector_name: str, signal: Signal) -> Signal:
        legend = self._rules.legend(detector_name, signal.name)
        return signal if legend is None else replace(signal, legend=legend)

    def _guard(self, detector_name: str, contributing: tuple[str, ...]) -> "_Guard":
        """What is held ready for a detector; unknown ones share it."""
        known = (self._rules.resolve(name) for name in (detector_name, *contributing))
        key = tuple(detector.name if detector else "" for detector in known)
        if (guard := self._guards.get(key)) is None:
            if len(self._guards) >= _MAX_DETECTORS:
                self._guards.clear()
            guard = self._guards[key] = _Guard(self._rules, key[0], key[1:])
        guard.memory.trim()
        return guard


class _Guard:
    """One detector's vocabulary, declared formats and scales."""

    def __init__(self, rules: RuleMapper, name: str, contributing: Sequence[str]) -> None:
        self.memory = Memory(rules, name, contributing)
        detector = self.memory.detector
        self.declared = Declared(detector)
        words: dict[str, Outcome] = {}
        for form in detector.outputs if detector else ():
            for listed, outcome in (
                (form.words.bare, Outcome.NONE), (form.words.failed, Outcome.FAILED),
                (form.words.clean, Outcome.CLEAN), (form.words.found, Outcome.FOUND),
            ):  # fmt: skip
                words.update((word_key(word), outcome) for word in listed)
        self.scales = Scales(detector, words)


@dataclass(slots=True)
class _Part:
    """What was read in one value, and whether a declared format knew it."""

    findings: list[Finding] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    envelopes: list[str] = field(default_factory=list)


class _Item:
    """One output being read."""

    def __init__(self, guard: _Guard) -> None:
        self._guard = guard
        self._lookups = Lookups()
        self._names = Names(guard.memory, self._lookups)
        self._tries = _MAX_TRIES
        self._texts = Texts(self._names, lambda node: self._walker.read(node))
        self._walker = Walker(self._names, guard.scales, self._texts.in_list)
        self._left = MAX_LEAVES
        self._nodes: list[Node] = []
        self._thoughts: list[str] = []
        self._cut = False
        self._part = _Part()

    def read(self, output: str, scores: Mapping[str, float]) -> Reading:
        """The whole reading."""
        decoded = decode(output)
        text = decoded.text.strip()
        if (verdict := _empty(decoded)) is not None:
            return Reading((verdict,), How.TEXT, decoded.format)
        findings = self._whole(decoded, text)
        unread = account.unread(self._nodes)
        cut = self._cut or decoded.truncated or self._lookups.cut
        found = account.signals(
            findings,
            scores,
            prefer=self._prefer,
            why=account.reason(self._nodes, self._thoughts),
            complete=not cut and not unread and self._stated(findings),
        )
        part = self._part
        how = How.DECLARED if part.formats else How.TEXT if decoded.format == "text" else How.GENERIC
        return Reading(
            found, how, part.formats[0] if part.formats else decoded.format,
            tuple(dict.fromkeys(part.envelopes)), tuple(unread[: account.MAX_PATHS]), cut,
        )  # fmt: skip

    def _whole(self, decoded: Decoded, text: str) -> list[Finding]:
        self._thoughts = [str(p[REASONING]) for p in decoded.parts if _is_thought(p)]  # type: ignore[index,call-overload]
        own = len(text) <= MAX_NAME and self._names.own(text)
        if own and len(decoded.parts) == 1 and isinstance(decoded.parts[0], str):
            return self._texts.whole(text)
        leaf = Leaf(text, "")
        applied = self._guard.declared.read(leaf) if text else None
        if applied is not None and not own:
            return self._apply(applied, leaf, 0)
        findings = self._parts(decoded, "", 0)
        if own:
            return self._texts.as_whole(text, findings)
        if not any(f.hit for f in findings) and closed.is_failure(text):
            return [Finding(text[:MAX_NAME], None, failed=True)]
        return findings

    def _parts(self, decoded: Decoded, path: str, depth: int) -> list[Finding]:
        """The parts of a decoded text: structures, and the running text around them."""
        structured = any(not isinstance(part, str) and not _is_thought(part) for part in decoded.parts)
        scopes: list[list[Finding]] = []
        many: list[object] = []
        seen = False
        for index, part in enumerate(_different(decoded.parts)):
            if _is_thought(part):
                continue
            if isinstance(part, str):
                scopes.append(self._beside(part, after=seen) if structured else self._text(part))
            elif self._tries > 0:
                seen = True
                at = path if len(decoded.parts) == 1 else f"{path}[{index}]"
                scopes.append(self._value(self._plant(part, at), depth))
            else:
                many.append(part)
        if many:
            scopes.append(self._value(self._plant(many, path), depth))
        return across(scopes)

    def _declared(self, node: Node) -> Applied | None:
        """What a declared format reads in a node, as long as there are tries left."""
        self._tries -= 1
        return self._guard.declared.read(node) if self._tries >= 0 else None

    def _plant(self, value: object, path: str) -> Node:
        planter = Planter(max(self._left, 1))
        node = planter.plant(_merged(value), path)
        self._left -= sum(1 for _ in leaves(node))
        self._cut = self._cut or planter.cut
        self._nodes.append(node)
        return node

    def _text(self, text: str) -> list[Finding]:
        """Running text that is all there is; what follows a mark in it is quoted."""
        head, marked, _ = text.partition(MARK)
        if marked and head.strip():
            text = head.strip(" \t\n\"'`:-–—|>=([,")
        return self._texts.whole(text)

    def _beside(self, text: str, *, after: bool) -> list[Finding]:
        """Running text before or after structure: a known label or a verdict counts."""
        return self._texts.beside(text.partition(MARK)[0], after=after)

    def _value(self, node: Node, depth: int) -> list[Finding]:
        """A value by its declared format, else by its structure; said texts where it says nothing."""
        applied = self._declared(node)
        if applied is not None:
            return self._apply(applied, node, depth)
        self._open(node, depth)
        if isinstance(node, list) and depth < MAX_DEPTH and self._declared_inside(node):
            return across(self._value(inner, depth + 1) for inner in node)
        if isinstance(node, Leaf) and isinstance(node.value, str):
            node.use = Use.SIGNAL
            return self._text(node.value)
        if isinstance(node, Leaf):
            return self._scalar(node)
        findings = self._walker.read(node)
        if not any(f.hit is not None or f.failed for f in findings):
            findings = [*findings, *self._said(node, depth)]
        return findings

    def _declared_inside(self, nodes: list[Node]) -> bool:
        """Whether the entries of a list are outputs by themselves."""
        first = next((n for n in nodes if isinstance(n, dict)), None)
        if first is None or len(nodes) > 64:
            return False
        planter = Planter(2000)
        from fallback.reading.tree import plain

        return self._guard.declared.read(planter.plant(plain(first))) is not None

    def _scalar(self, leaf: Leaf) -> list[Finding]:
        """A number or a flag that is the whole output."""
        if isinstance(leaf.value, bool):
            return []
        leaf.use = Use.SIGNAL
        return self._texts.whole(str(leaf.value))

    def _apply(self, applied: Applied, node: Node, depth: int) -> list[Finding]:
        """The scopes of a declared format, with what it leaves open read generically."""
        name = applied.format.name
        own = any(reading.form is applied.format for reading in ())
        (self._part.formats if self._is_own(applied) or own else self._part.envelopes).append(name)
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
            scopes.append([self._named(f) for f in settled])
        return across(reversed(scopes))

    def _is_own(self, applied: Applied) -> bool:
        detector = self._guard.memory.detector
        return detector is not None and any(f is applied.format for f in detector.outputs)

    def _content(self, node: Node, depth: int, *, quoted: bool) -> list[Finding]:
        """A value that is read on by itself."""
        if depth > MAX_DEPTH:
            self._cut = True
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
        if all(isinstance(part, str) or _is_thought(part) for part in decoded.parts) and quoted:
            return self._texts.verdict(decoded.text)
        return self._parts(decoded, node.path, depth)

    def _open(self, node: Node, depth: int) -> None:
        """Replace texts that hold structure by it, where no judged text stands."""
        if depth >= MAX_DEPTH or isinstance(node, Leaf):
            return
        stack: list[Node] = [node]
        while stack:
            top = stack.pop()
            entries = list(top.items()) if isinstance(top, dict) else list(enumerate(top)) if isinstance(top, list) else []
            for key, inner in entries:
                if not isinstance(inner, Leaf):
                    stack.append(inner)
                    continue
                value = inner.value
                if not isinstance(value, str) or inner.use is not Use.UNREAD or len(value) < 8:
                    continue
                if "{" not in value and "[" not in value:
                    continue
                role = key_role(account.last_key(inner.path), Kind.TEXT).role
                if role in (Role.QUOTED, Role.SAID, Role.WHY) and not _in_error(inner.path):
                    continue
                if not self._lookups.take_steps(_OPENING):
                    return
                opened = self._structure(value, inner.path)
                if opened is not None:
                    top[key] = opened  # type: ignore[index,call-overload]

    def _structure(self, text: str, path: str) -> Node | None:
        decoded = decode(text)
        parts = [part for part in decoded.parts if isinstance(part, dict | list)]
        if not parts:
            return None
        self._cut = self._cut or decoded.truncated
        node = Planter(max(self._left, 1)).plant(parts[0] if len(parts) == 1 else parts, path)
        self._left -= sum(1 for _ in leaves(node))
        return node

    def _said(self, node: Node, depth: int) -> list[Finding]:
        """Texts that the judged model may have said as well: read where nothing else was said."""
        scopes = []
        for leaf in list(leaves(node)):
            if leaf.use is Use.SIGNAL or not isinstance(leaf.value, str) or not leaf.value.strip():
                continue
            role = key_role(account.last_key(leaf.path), Kind.TEXT).role
            if role is Role.SAID and len(scopes) < 16:
                leaf.use = Use.UNREAD
                scopes.append(self._content(leaf, depth + 1, quoted=False))
        return across(scopes)

    def _named(self, finding: Finding) -> Finding:
        """A finding of a declared format by the part of its name that is known."""
        if not finding.category or self._names.own(finding.name):
            return finding
        return replace(finding, name=self._names.resolve(finding.name))

    def _stated(self, findings: Sequence[Finding]) -> bool:
        """Whether an output says that nothing was found, or is empty.

        So does an output of a declared format without a finding. Quotes and bookkeeping do not.
        """
        if self._part.formats or any(f.hit is False for f in findings):
            return True
        return not findings and not any(True for node in self._nodes for _ in leaves(node))

    def _prefer(self, name: str) -> int:
        """How little a decision's word says: an own word of a category first."""
        if self._names.own(name):
            return 0 if not self._names.vague(name) else 1
        return 2 if self._names.known(name) else 3


def _empty(decoded: Decoded) -> Signal | None:
    """An output that says nothing at all."""
    parts = decoded.parts
    if len(parts) == 1 and (
        parts[0] is None or (isinstance(parts[0], str) and closed.is_empty(parts[0]))
    ):
        name = parts[0] if isinstance(parts[0], str) else ""
        return Signal(name, verdict=Verdict.EMPTY)
    return None


def _merged(value: object, depth: int = 0) -> object:
    """A value whose long lists have equal entries once: repetition costs no room."""
    if depth > _MAX_MERGED:
        return value
    if isinstance(value, dict):
        return {key: _merged(inner, depth + 1) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) > _LONG:
        value = list({repr(entry): entry for entry in value}.values())
    return [_merged(entry, depth + 1) for entry in value]


def _different(parts: Sequence[object]) -> Iterator[object]:
    """The parts of an output, equal ones once."""
    seen: set[str] = set()
    for part in parts:
        written = repr(part) if len(parts) > 1 else ""
        if written not in seen or not written:
            seen.add(written)
            yield part


def _is_thought(part: object) -> bool:
    return isinstance(part, dict) and list(part) == [REASONING]


def _in_error(path: str) -> bool:
    return any(word in path.casefold() for word in ("error", "exception", "body"))

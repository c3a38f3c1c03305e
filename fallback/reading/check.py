"""Runs the examples of declared formats: `python -m fallback.reading.check FILE.yaml ...`.

In: files of detectors, envelopes or shared formats. Out: one line per example, the expected and the
actual reading if they differ, and notes on values that a format does not read.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fallback.reading.declared import Declared
from fallback.reading.decode import decode
from fallback.reading.finding import Basis, Finding, across, settle
from fallback.reading.formats import Example, Format, load_envelopes, read_envelopes, read_shared
from fallback.reading.generic.texts.errors import denies
from fallback.reading.tree import Leaf, Node, Planter, Use, leaves, mark
from fallback.rules.catalog import DETECTORS_DIR, Detector, load_detector
from fallback.rules.normalise import match_key
from schemas.config.config_file import read_yaml
from schemas.config.errors import ConfigError

USAGE = "usage: python -m fallback.reading.check FILE.yaml [FILE.yaml ...]"
#: Contents inside contents; deeper ones stay unread.
MAX_DEPTH = 6


def main(arguments: list[str]) -> int:
    """The exit status: 0 if every example of the files has its stated reading; 1 if one has not, or
    a file cannot be used; 2 without a file.
    """
    if not arguments or any(argument.startswith("-") for argument in arguments):
        print(USAGE, file=sys.stderr)
        return 2
    wrong = total = 0
    for path in map(Path, arguments):
        try:
            outcomes = list(_outcomes(path))
        except ConfigError as error:
            print(f"WRONG  {error}")
            wrong += 1
            continue
        for title, outcome in outcomes:
            print("ok    " if outcome.right else "WRONG ", title)
            for line in outcome.lines:
                print(f"       {line}")
        total += sum(outcome.tested for _, outcome in outcomes)
        wrong += sum(not outcome.right for _, outcome in outcomes)
    print(f"{total} examples, {wrong} wrong")
    return 1 if wrong else 0


def _outcomes(path: Path) -> Iterator[tuple[str, "Outcome"]]:
    """The outcome of every example of a file, and a note for a format without one."""
    detector, formats = _load(path)
    for form in formats:
        title = f"{path.stem} / {form.name}"
        if not form.examples:
            yield title, Outcome(True, ["note: has no example"], tested=False)
        for example in form.examples:
            guard = _guard(example.detector) if example.detector else detector
            yield f"{title} / {example.about}", examine(form, example, guard)


@cache
def _guard(name: str) -> Detector:
    """A detector of the project, by its name."""
    return load_detector(DETECTORS_DIR / f"{name}.yaml")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The comparison of one example with its reading. lines: differences and notes."""

    right: bool
    lines: list[str]
    tested: bool = True


def examine(form: Format, example: Example, detector: Detector | None) -> Outcome:
    """Read an example by the declared formats alone and compare the reading with its `says`."""
    own = detector is not None and form in detector.outputs
    envelopes = load_envelopes()
    reader = _Stages(
        Declared(detector, envelopes if own or form in envelopes else (form, *envelopes))
    )
    root, findings = _read(reader, example.text)
    said = _said(findings, example.text, recognised=bool(reader.used))
    expected = example.says if isinstance(example.says, str) else sorted(example.says)
    lines = []
    if said != expected:
        lines += [f"expected {expected}", f"read     {said}"]
    if reader.used[:1] != [form.name]:
        lines.append(f"note: read by {reader.used[:1] or 'no format'}, not by {form.name}")
    unread = [
        leaf.path or "(text)"
        for leaf in leaves(root)
        if leaf.use is Use.UNREAD and leaf.value not in (None, "")
    ]
    if unread:
        lines.append(f"note: left to the generic reader: {', '.join(unread[:8])}")
    if detector is not None and isinstance(example.says, tuple):
        known = {match_key(word) for word in detector.maps}
        missing = [name for name in example.says if match_key(name) not in known]
        if missing:
            lines.append(f"note: not in maps: {', '.join(missing)}")
    return Outcome(said == expected, lines)


def names_read(text: str, detector: Detector | None) -> str | list[str]:
    """The names that the declared formats alone read in an output, or a word as in examples."""
    reader = _Stages(Declared(detector))
    _, findings = _read(reader, text)
    return _said(findings, text, recognised=bool(reader.used))


class _Stages:
    """Formats and envelopes, one inside the other."""

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self.used: list[str] = []

    def read(self, node: Node, depth: int) -> list[Finding]:
        applied = self._declared.read(node)
        if applied is None:
            if isinstance(node, list) and depth < MAX_DEPTH:
                return across([self._content(inner, depth + 1) for inner in node])
            return []
        self.used.append(applied.format.name)
        scopes = [settle(s.decisions, s.inside) for s in applied.scopes]
        if depth < MAX_DEPTH:
            scopes += [self._content(content, depth + 1) for content in applied.contents]
            for verdict in applied.verdicts:
                scopes.append(self._content(verdict, depth + 1))
                mark(verdict, Use.QUOTED)
            for error in applied.errors:
                scopes.append(self._content(error, depth + 1) or list(_error(error)))
                mark(error, Use.QUOTED)
        return across(scopes)

    def _content(self, node: Node, depth: int) -> list[Finding]:
        if not isinstance(node, Leaf) or not isinstance(node.value, str):
            return self.read(node, depth)
        value = _decoded(node.value)
        inner = node if isinstance(value, str) else Planter().plant(value, node.path)
        found = self.read(inner, depth)
        if found and all(leaf.use is not Use.UNREAD for leaf in leaves(inner)):
            node.use = Use.SIGNAL
        return found


def _error(node: Node) -> Iterator[Finding]:
    """A finding if the text of an error reports a block, else a failure; without its names."""
    if isinstance(node, Leaf) and isinstance(node.value, str) and node.value:
        blocked = True if denies(node.value) else None
        yield Finding(node.value, blocked, None, Basis.DECISION, failed=not blocked)


def _read(reader: _Stages, text: str) -> tuple[Node, list[Finding]]:
    """Read the whole text first, for patterns; else its decoded value."""
    root: Node = Leaf(decode(text).text.strip(), "")
    findings = reader.read(root, 0)
    if not reader.used:
        root = Planter().plant(_decoded(text))
        findings = reader.read(root, 0)
    return root, findings


def _decoded(text: str) -> object:
    """The value of a text; the list of its parts if it has several."""
    parts = decode(text).parts
    return parts[0] if len(parts) == 1 else list(parts)


def _said(findings: list[Finding], text: str, *, recognised: bool) -> str | list[str]:
    names = sorted({f.name for f in findings if f.category})
    if names:
        return names
    if any(f.accuses for f in findings):
        return "review"
    if any(f.failed for f in findings):
        return "failed"
    if text.strip() in ("", "null", '""'):
        return "empty"
    return "clean" if recognised or _decoded(text) in ({}, []) else "nothing read"


def _load(path: Path) -> tuple[Detector | None, tuple[Format, ...]]:
    data = read_yaml(path)
    if "envelopes" in data:
        return None, read_envelopes(path)
    if "formats" in data:
        return None, read_shared(path)
    detector = load_detector(path)
    return detector, detector.outputs


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

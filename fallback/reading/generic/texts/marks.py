"""Marks in lines: checks with signs (`✅ pii`, `❌ jailbreak`), rules and code.

In: lines. Out: the check of each line, and whether it passed; or the lines without their frame.
Independent of vocabularies.
"""

import re
from collections.abc import Sequence

from fallback.reading.generic.roles import Kind, Role, key_role
from fallback.reading.generic.texts import contrast, cut
from fallback.reading.generic.vocabulary.counting import counts
from schemas.text import normalise

_PASSED = "✅✓✔☑🟢"
_FAILED = "❌✗✘🚫🔴⛔"
_LOOSE = " \t\ufe0f:|-*"
_MAX_NAME = 120
#: Signs of a rule between lines, and their least number.
_RULE = "-=─═━*_#"
_SHORTEST_RULE = 4
#: Endings of a heading in rules that has no meaning itself.
_HEADINGS = frozenset({"summary", "result", "results", "report", "table"})
_WORDS = {"PASS": "pass", "PASSED": "pass", "FAIL": "fail", "FAILED": "fail"}
_OUTCOMES = {
    "pass": "pass", "passed": "pass", "ok": "pass", "fail": "fail", "failed": "fail",
}  # fmt: skip
_STEPS = frozenset({"step", "check", "test", "case"})
#: How far a run is, after its line: `[ 50%]`, `(0.12s)`.
_PROGRESS = re.compile(r"(?<! ) ++(?:\[ *\d{1,3}%\]|\(\d{1,6}(?:\.\d{1,6})?m?s\))$")
_TALLY = re.compile(r"\d{1,6} passed(?: in [\d.]{1,9}+s)?$")
_BOX = re.compile(r"\[[ xX]\] *\w")
_LONGEST_NUMBER = 9
#: The most words of a name; more are a sentence.
_MOST_WORDS = 4


def checks(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """The checks and `pass` or `fail`; None if a line has no mark, or none failed.

    If all have the same mark, it may mean that something was found.
    """
    for form in (_ticked, _worded, _ended):
        if (told := form(lines)) is not None:
            return told
    found: list[tuple[str, str]] = []
    for line in lines:
        bare = line.strip(_LOOSE)
        if not bare or len(bare) > _MAX_NAME:
            return None
        mark = next((c for c in (bare[0], bare[-1]) if c in _PASSED or c in _FAILED), "")
        name = bare.strip(_LOOSE + _PASSED + _FAILED)
        if not mark or not name:
            return None
        found.append((name, "pass" if mark in _PASSED else "fail"))
    said = {value for _, value in found}
    return found if said == {"pass", "fail"} else None


def apart(line: str) -> list[str]:
    """The checks of a line, each with its mark before it: `✓ toxicity  ✗ bias`."""
    starts = [at for at, char in enumerate(line) if char in _PASSED or char in _FAILED]
    starts = starts or [at for at in range(len(line)) if _BOX.match(line, at)]
    if len(starts) < 2 or line[: starts[0]].strip(_LOOSE):
        return [line]
    return [line[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


def _worded(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """`PASS  pii`, `FAIL  no_weapons`, perhaps with their count in a last line."""
    if len(lines) > 2 and any(map(str.isdigit, lines[-1])) and _worded(lines[-1:]) is None:
        lines = lines[:-1]
    found: list[tuple[str, str]] = []
    for line in lines:
        word, _, name = line.partition(" ")
        name = name.strip(_LOOSE)
        if word.strip("[]:") not in _WORDS or not name or len(name.split()) > _MOST_WORDS:
            return None
        if name[0] == "(" or contrast.turns(name):  # `PASS (but flagged for bias)`
            return None
        found.append((name, _WORDS[word.strip("[]:")]))
    return found


def _ended(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """`toxicity ... ok`, `test_guard.py::test_pii FAILED [ 50%]`, perhaps with their count."""
    found: list[tuple[str, str]] = []
    for at, line in enumerate(lines):
        bare = _PROGRESS.sub("", line.strip(_RULE + " ."))
        head, _, word = bare.rpartition(" ")
        name = head.rstrip(_LOOSE + ".").rpartition("::")[2].removeprefix("test_")
        told = [w for w in name.split() if w.isalpha() or "_" in w or "-" in w]
        told = [w for w in told if w.casefold() not in _STEPS]
        led = head.rstrip().endswith("..") or "::" in head
        if led and told and word.casefold() in _OUTCOMES and len(told) <= _MOST_WORDS:
            found.append((" ".join(told), _OUTCOMES[word.casefold()]))
        elif not at or at < len(lines) - 1 or not _is_tally(bare):
            return None
    return found


def _is_tally(line: str) -> bool:
    """Whether a line counts checks: `2 passed in 1.20s`, `All checks passed`."""
    return _TALLY.match(line) is not None or counts(line) is not None


def _ticked(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """`[x] weapons` and `[ ] drugs`: ticked names were found, if the marks differ."""
    found: list[tuple[str, str]] = []
    for line in lines:
        bare = line.strip(_LOOSE)
        mark, closed, name = bare[1:].partition("]")
        if not bare.startswith("[") or not closed or mark.strip().casefold() not in ("", "x"):
            return None
        if not 0 < len(name.strip()) <= _MAX_NAME:
            return None
        found.append((name.strip(), "yes" if mark.strip() else "no"))
    return found if {value for _, value in found} == {"yes", "no"} else None


def unframed(lines: list[str]) -> list[str]:
    """Lines without rules and headings in rules; below a rule, without paths and numbered code.

    `──────`, `--- SUMMARY ---`; `/src/a.py:73 (added by x)` and the lines with numbers after it.
    """
    ruled = [_is_rule(line) for line in lines]
    if not any(ruled) or all(ruled):
        return lines
    kept: list[str] = []
    for at, line in enumerate(lines):
        if ruled[at] or (True in ruled[:at] and (_is_source(line) or _is_code(lines, at))):
            continue
        kept.append(line)
    return kept or lines


def _is_rule(line: str) -> bool:
    bare = line.strip()
    if not bare.strip(_RULE):
        return len(bare) >= _SHORTEST_RULE
    ruled = bare[:_SHORTEST_RULE].strip(_RULE) == "" == bare[-_SHORTEST_RULE:].strip(_RULE)
    return ruled and bare.strip(_RULE + " ").casefold().rpartition(" ")[2] in _HEADINGS


def _is_source(line: str) -> bool:
    """Whether a line begins with a path and a number of a line in it."""
    path, _, number = line.split(" ", 1)[0].rpartition(":")
    return "/" in path and number.isdigit()


def _is_code(lines: list[str], at: int) -> bool:
    """Whether a line has the number after that of the line before, or before that of the next."""
    number = lines[at].partition(" ")[0]
    if not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        return False
    near = {line.partition(" ")[0] for line in lines[max(at - 1, 0) : at + 2]}
    return str(int(number) + 1) in near or str(int(number) - 1) in near


def before_quoted(lines: list[str]) -> list[str]:
    """The lines before `Text: ...`, if none of them is a key with a value.

    The judged text may have further lines, so no line after its first is the tool's own.
    """
    for at, line in enumerate(lines):
        pair = cut.keyed(line)
        if pair is not None:
            quoted = at > 0 and key_role(normalise(pair[0]), Kind.TEXT).role is Role.QUOTED
            return lines[:at] if quoted else lines
    return lines

"""Lists of checks that are marked by signs: `✅ pii`, `❌ jailbreak`.

In: lines. Out: what each line checks, and whether it passed. Knows no vocabularies.
"""

from collections.abc import Sequence

_PASSED = "✅✓✔☑🟢"
_FAILED = "❌✗✘🚫🔴⛔"
_LOOSE = " \t\ufe0f:|-*"
_MAX_NAME = 120


def checks(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """The checks and `pass` or `fail`; None where a line has no mark or none failed.

    A list in which all passed is none: there the mark may say that something was found.
    """
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

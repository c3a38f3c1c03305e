"""Masks that replace personal data in a text: `<PERSON>`, `[PHONE NUMBER]`, `{EMAIL}`."""

from fallback.reading.finding import Basis, Finding
from fallback.reading.generic.vocabulary.names import Names

_MAX_MASKS = 200


def masks_in(text: str) -> list[str]:
    """`<PERSON>`, `[PHONE NUMBER]`, `{EMAIL}` in the order of the text, each once."""
    found: dict[str, None] = {}
    for opening, closing in ("<>", "[]", "{}"):
        at = text.find(opening)
        while at >= 0 and len(found) < _MAX_MASKS:
            end = text.find(closing, at, at + 64)
            inner = text[at + 1 : end] if end > 0 else ""
            at = text.find(opening, at + 1)
            if _is_mask(inner):
                found[f"{opening}{inner}{closing}"] = None
    return list(found)


def _is_mask(text: str) -> bool:
    """Whether a text is the inside of a mask: capitals, digits and few signs."""
    if not 1 < len(text) <= 60 or not text[0].isalpha() or text != text.upper():
        return False
    return all(char.isalnum() or char in "_ /-" for char in text)


def found(names: Names, text: str) -> list[Finding]:
    """Known names in masks: `<PERSON>`, `[PHONE NUMBER]`, `[REDACTED_PERSON_1]`, `{EMAIL}`."""
    masked: list[Finding] = []
    for mark in masks_in(text):
        core = mark[1:-1].removeprefix("REDACTED_").removesuffix("_REDACTED")
        name = next((n for n in (mark, core) if names.own(n)), None)
        if name is None:
            for part in (core, core.rstrip("0123456789_")):
                resolved = names.resolve(part)
                if names.known(resolved) and not names.clean(resolved):
                    name = resolved
                    break
        if name is not None and not names.vague(name):
            masked.append(Finding(name, True, None, Basis.FLAG))
    return masked

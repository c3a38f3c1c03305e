"""Masks that stand for personal data in a text: `<PERSON>`, `[PHONE NUMBER]`, `{EMAIL}`."""

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

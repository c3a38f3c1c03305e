"""How words of detectors and names of detectors are compared.

In: any text. Out: a form in which texts that only differ in spelling are equal. Knows no
vocabulary. `normalise` is the project's one normal form; the others are built on it.
"""

from schemas.text import normalise

__all__ = ["detector_key", "match_key", "normalise"]


def detector_key(text: str) -> str:
    """Letters and digits only, case folded: `OpenAI Moderation` becomes `openaimoderation`."""
    return "".join(filter(str.isalnum, text.casefold()))


def match_key(text: str) -> str:
    """The normal form without its spaces: `PHONE_NUMBER`, `PhoneNumber`, `PHONENUMBER` are one.

    Signs other than separators stay, so `!toxic` is not `toxic`.
    """
    return normalise(text).replace(" ", "")

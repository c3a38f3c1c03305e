"""Normal forms for comparing detectors' words and names.

In: any text. Out: a form that is equal for texts that differ in spelling only. Independent of the
vocabularies. `normalise` is the project's normal form; the other forms are built on it.
"""

import re
from typing import Final

from schemas.text import normalise

__all__ = ["detector_key", "is_name", "is_opaque", "match_key", "normalise"]

_OPAQUE = re.compile(r"(?i)([a-z]{1,2}\d{0,3}|(label|category|class|level|type)[ _-]?\d+|\d+)")
_PERSONAL = re.compile(r"@|\d{5}|://")
#: Characters and parts of a name.
_MAX_NAME: Final = 80
_MAX_PARTS: Final = 8


def detector_key(text: str) -> str:
    """Letters and digits only, case folded: `OpenAI Moderation` becomes `openaimoderation`."""
    return "".join(filter(str.isalnum, text.casefold()))


def is_name(text: str) -> bool:
    """Whether a text looks like a word of a vocabulary or a detector's name, and not like content
    or personal data. Only such texts may be stored, or shown to others than their sender.
    """
    return (
        0 < len(text) <= _MAX_NAME
        and text.isprintable()
        and len(text.split()) <= _MAX_PARTS
        and not _PERSONAL.search(text)
    )


def is_opaque(text: str) -> bool:
    """Whether a text is a code without a meaning outside its detector: `S5`, `LABEL_1`, `42`."""
    return bool(_OPAQUE.fullmatch(text))


def match_key(text: str) -> str:
    """The normal form without its spaces: `PHONE_NUMBER`, `PhoneNumber`, `PHONENUMBER` are one.

    Signs other than separators stay, so `!toxic` is not `toxic`.
    """
    return normalise(text).replace(" ", "")

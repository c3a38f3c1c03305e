"""Prompt injection: texts that tell the mapper what to answer.

A text that names one of our labels and addresses a reader is treated as prompt injection; other
attempts are left to the model.
"""

import re
from functools import cache

from schemas.taxonomy import load_taxonomy

_MOST = 2000  # characters that are looked at; a finding is a few words
_ADDRESSING = re.compile(
    r"\b(?:you|your|please|must|always|never|whatever|instead|ignore|disregard|forget|pretend"
    r"|reply|respond|answer(?!\s*:)|say|tell|print|write|return|classify|override|instructions?"
    r"|expected|order|antworte|ignoriere|réponds|ignore[zr]|responde|responda|rispondi|antwoord)\b"
    r"|\b(?:label|map|mark|correct|call|set|treat)\s+(?:this|that|it|everything|as|to|the|label)\b"
    r"|回答|答えて|отвечай"
    r"|^\s*</\w+>",  # a closing tag without an opening one addresses the reader of the prompt
    re.IGNORECASE,
)


@cache
def _label() -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in load_taxonomy().names)
    return re.compile(rf"(?<![\w.])(?:{names})(?![\w])", re.IGNORECASE)


def is_injection(text: str) -> bool:
    """Whether a text names a label of the taxonomy and addresses a reader."""
    text = text[:_MOST]
    return bool(_ADDRESSING.search(text)) and bool(_label().search(text))

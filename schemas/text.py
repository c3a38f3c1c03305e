"""How names are compared: one normal form for labels, aliases and detector vocabularies.

In: any text. Out: its normal form. Knows nothing of labels or detectors.
"""

import re

# A capital opens a word after a small letter or digit (`selfHarm`, `IPv4Address`), and as the last
# capital of a run when a real word follows (`USPassport`, but neither `IPv4` nor `URLs`).
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_SEPARATORS = re.compile(r"[\s_\-/.:]+")


def normalise(text: str) -> str:
    """`selfHarm`, `SELF-HARM` and `self/harm` all become `self harm`.

    camelCase is split, separators (`_ - / . :` and white space) become single spaces, and case
    is folded. Linear in the length of the text.
    """
    return _SEPARATORS.sub(" ", _WORD_START.sub(" ", text)).strip().casefold()

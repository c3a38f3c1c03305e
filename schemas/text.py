"""The normal forms of texts.

`normalise` is the form in which labels, aliases and detector vocabularies are compared;
`one_line` is the form in which a signal reaches the model, its retrieval and its cache.
"""

import re
import unicodedata

# A capital opens a word after a small letter or digit (`selfHarm`, `IPv4Address`), and as the last
# capital of a run when a real word follows (`USPassport`, but neither `IPv4` nor `URLs`).
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_SEPARATORS = re.compile(r"[\s_\-/.:]+")
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = frozenset({"Cf", "Cs", "Co", "Cn"})


def normalise(text: str) -> str:
    """`selfHarm`, `SELF-HARM` and `self/harm` all become `self harm`.

    camelCase is split, separators (`_ - / . :` and white space) become single spaces, and case
    is folded. Linear in the length of the text.
    """
    return _SEPARATORS.sub(" ", _WORD_START.sub(" ", text)).strip().casefold()


def one_line(text: str) -> str:
    """One line of visible text: breaks and controls become a space, invisible characters go.

    Idempotent and linear in the length of the text.
    """
    if not text.isascii():
        text = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE)
    return _BREAKS.sub(" ", text).strip()

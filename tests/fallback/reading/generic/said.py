"""What a reading says, in one word or in names: the form in which the tests compare it."""

import json
from typing import Any

from fallback.reading import Reader
from fallback.rules.lookup import load_rules
from fallback.signal import Verdict
from schemas.text import normalise

NOBODY = "a-vendor-nobody-knows"
_WORDS = {
    Verdict.NOTHING_FOUND: "clean",
    Verdict.EMPTY: "empty",
    Verdict.FAILURE: "failed",
    Verdict.UNREAD: "unread",
}
_READER = Reader(load_rules())


def said(output: Any, detector: str = NOBODY) -> list[str] | str:
    """Names in their normal form, or `clean`, `empty`, `failed`, `unread`."""
    text = output if isinstance(output, str) else json.dumps(output)
    signals = _READER.read(detector, text).signals
    if signals[0].verdict is not None:
        return _WORDS[signals[0].verdict]
    return sorted(normalise(signal.name) for signal in signals)

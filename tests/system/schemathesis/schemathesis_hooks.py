"""What Schemathesis cannot know of the API.

An `Idempotency-Key` that comes back with another body is refused, as it must be, although each of
the two requests is a valid one. So each case has a key of its own.

The views of the taxonomy change while the service runs, so the document lists none. Each case asks
for a known one.
"""

import itertools
from typing import Any

import schemathesis

_numbers = itertools.count()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    key = (case.headers or {}).get("Idempotency-Key", "")
    # A bad one stays as it is: it is to be refused.
    if isinstance(key, str) and 0 < len(key) < 200 and key.isascii() and key.isprintable():
        case.headers["Idempotency-Key"] = f"{key}-{next(_numbers)}"
    if "taxonomy" in (case.query or {}):
        case.query["taxonomy"] = "2025.09"

"""Reads the raw output of a detector into signals, and reports unread parts.

`Reader` is the entry point. It is imported on first use: the detectors' files are loaded with
`fallback.reading.formats`, and the reader needs the detectors.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fallback.reading.reader import Reader

__all__ = ["Reader"]


def __getattr__(name: str) -> Any:
    if name == "Reader":
        from fallback.reading.reader import Reader

        return Reader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""JMESPath on nodes."""

from fallback.reading.paths.path import Path

__all__ = ["Path"]

"""A labelled line that is right, and what writes a file of lines."""

from collections.abc import Callable
from pathlib import Path

GOOD = '{"detector": "presidio", "output": "US_SSN", "gold": ["PII.Identifier.SSN"], "note": 1}'

Write = Callable[..., Path]

"""Declared formats: their models and their files."""

from fallback.reading.formats.files import (
    ENVELOPES_DIR,
    Formats,
    Outputs,
    load_envelopes,
    read_envelopes,
    read_shared,
)
from fallback.reading.formats.models import SAYS, Example, Extraction, Format, Words

__all__ = [
    "ENVELOPES_DIR",
    "SAYS",
    "Example",
    "Extraction",
    "Format",
    "Formats",
    "Outputs",
    "Words",
    "load_envelopes",
    "read_envelopes",
    "read_shared",
]

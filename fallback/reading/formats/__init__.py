"""Declared formats: their models, and the files that they stand in."""

from fallback.reading.formats.files import ENVELOPES_DIR, load_envelopes, read_formats
from fallback.reading.formats.models import SAYS, Example, Extraction, Format, Words

__all__ = [
    "ENVELOPES_DIR",
    "SAYS",
    "Example",
    "Extraction",
    "Format",
    "Words",
    "load_envelopes",
    "read_formats",
]

"""What the service says and hears: the taxonomy, the canonical event, requests, frameworks.

The lowest package: it imports no other of the project.
"""

from schemas.config.errors import ConfigError
from schemas.contract import ErrorCode, FallbackReason, Mode, Source
from schemas.event import (
    MAX_CANDIDATE_LABELS,
    MAX_NOTES,
    candidate_errors,
    decoding_schema,
    event_errors,
    event_schema,
)
from schemas.frameworks import Frameworks, load_frameworks
from schemas.requests import (
    Metadata,
    Options,
    batch_request_errors,
    map_request_errors,
    parse_metadata,
    parse_options,
    read_metadata,
)
from schemas.taxonomy import Label, Taxonomy, load_taxonomy
from schemas.text import normalise

__all__ = [
    "MAX_CANDIDATE_LABELS",
    "MAX_NOTES",
    "ConfigError",
    "ErrorCode",
    "FallbackReason",
    "Frameworks",
    "Label",
    "Metadata",
    "Mode",
    "Options",
    "Source",
    "Taxonomy",
    "batch_request_errors",
    "candidate_errors",
    "decoding_schema",
    "event_errors",
    "event_schema",
    "load_frameworks",
    "load_taxonomy",
    "map_request_errors",
    "normalise",
    "parse_metadata",
    "parse_options",
    "read_metadata",
]

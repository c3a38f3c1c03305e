"""The closed sets of the public contract that several packages share, as enums, and the labels that
code decides by; all other labels are data (`schemas/taxonomy.yaml`)."""

from enum import IntEnum, StrEnum
from typing import Final

SAFE: Final = "OTHER.Safe"
LOW_RISK: Final = "OTHER.LowRisk"
UNKNOWN: Final = "OTHER.Unknown"
NEEDS_REVIEW: Final = "OTHER.NeedsReview"
MODEL_ERROR: Final = "OTHER.ModelError"
#: Prefix of the labels that name no harm.
OTHER_PREFIX: Final = "OTHER."
#: Labels for no finding, or for a finding without importance.
CLEAN: Final = frozenset({SAFE, LOW_RISK})


class Mode(StrEnum):
    """How answers are made: with the model, or by curated rules alone (the kill switch)."""

    HYBRID = "hybrid"
    RULES_ONLY = "rules_only"


class Kind(StrEnum):
    """What a detector is about: `metadata.kind` of an item, `kind:` of a detector's file."""

    PII = "pii"
    SECRETS = "secrets"
    TOXICITY = "toxicity"
    BIAS = "bias"
    INJECTION = "injection"
    GROUNDING = "grounding"
    AGENTS = "agents"


class Source(StrEnum):
    """The source of an answer.

    `curated`: an entry of the detector's own vocabulary replaced the model's answer. `rules`: the
    rules answered instead of the model. `mixed`: several signals, answered by different sources.
    """

    MODEL = "model"
    CURATED = "curated"
    RULES = "rules"
    MIXED = "mixed"


class FallbackReason(StrEnum):
    """Why the model's answer did not stand.

    The most severe reason for the operator comes first; an item reports the first one of all its
    signals.
    """

    RULES_ONLY = "rules_only"
    OVERLOADED = "overloaded"
    MODEL_ERROR = "model_error"
    TIMEOUT = "timeout"
    INVALID_JSON = "invalid_json"
    SCHEMA_INVALID = "schema_invalid"
    UNKNOWN_LABEL = "unknown_label"
    INJECTION = "injection"
    UNSAFE_DOWNGRADE = "unsafe_downgrade"
    UNREAD = "unread"
    LOW_CONFIDENCE = "low_confidence"

    @property
    def has_candidate(self) -> bool:
        """Whether the model delivered a candidate that could be validated."""
        return self not in _NO_CANDIDATE


_NO_CANDIDATE = frozenset(
    {
        FallbackReason.RULES_ONLY,
        FallbackReason.OVERLOADED,
        FallbackReason.MODEL_ERROR,
        FallbackReason.TIMEOUT,
        FallbackReason.UNREAD,
    }
)


class ErrorCode(StrEnum):
    """`error_code` of a problem body."""

    INVALID_REQUEST = "INVALID_REQUEST"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    RAW_CONTENT_REJECTED = "RAW_CONTENT_REJECTED"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    OVERLOADED = "OVERLOADED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class RawContent(StrEnum):
    """The treatment of an output that quotes much content: setting `MAPPER_RAW_CONTENT`."""

    ACCEPT = "accept"
    REFUSE = "refuse"


class CircuitState(IntEnum):
    """Whether the model is asked: `closed` asks, `open` does not, `half_open` tries."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class SharedUse(StrEnum):
    """The data that pods share through Redis."""

    RATE_LIMITS = "rate_limits"
    IDEMPOTENCY = "idempotency"


class OnTimeout(StrEnum):
    """The result of an item that the model did not answer within its budget."""

    RULES = "rules"
    ERROR = "error"

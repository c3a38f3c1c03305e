"""The closed sets of the service's contract. A newer service may know more members."""

from enum import StrEnum


class Mode(StrEnum):
    """The mode of the service: with the model, or with curated rules alone."""

    HYBRID = "hybrid"
    RULES_ONLY = "rules_only"


class Source(StrEnum):
    """The source of an answer; `mixed`: several signals, answered by different sources."""

    MODEL = "model"
    CURATED = "curated"
    RULES = "rules"
    MIXED = "mixed"


class FallbackReason(StrEnum):
    """The reason why the model's answer was not used."""

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


class ErrorCode(StrEnum):
    """`error_code` of an error answer."""

    INVALID_REQUEST = "INVALID_REQUEST"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    RAW_CONTENT_REJECTED = "RAW_CONTENT_REJECTED"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    OVERLOADED = "OVERLOADED"
    INTERNAL_ERROR = "INTERNAL_ERROR"

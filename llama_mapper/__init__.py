"""The Python client of the service.

    from llama_mapper import MapperClient, MapRequest

The names of `__all__` are the whole public surface of the client; `llama_mapper.cli` is the command
`mapper`. The other modules are private.
"""

from llama_mapper._calls import NO_RETRY, RetryPolicy
from llama_mapper._client import (
    DEFAULT_RETRY,
    DEFAULT_TIMEOUT,
    DEFAULT_URL,
    AsyncMapperClient,
    MapperClient,
)
from llama_mapper._errors import (
    AccessError,
    ApiError,
    InvalidRequestError,
    MapperError,
    RateLimitedError,
    RawContentError,
    TransportError,
    UnavailableError,
)
from llama_mapper._types import BatchResult, ItemError, MappedEvent, MapRequest
from llama_mapper.contract import ErrorCode, FallbackReason, Mode, Source

__all__ = [
    "DEFAULT_RETRY",
    "DEFAULT_TIMEOUT",
    "DEFAULT_URL",
    "NO_RETRY",
    "AccessError",
    "ApiError",
    "AsyncMapperClient",
    "BatchResult",
    "ErrorCode",
    "FallbackReason",
    "InvalidRequestError",
    "ItemError",
    "MapRequest",
    "MappedEvent",
    "MapperClient",
    "MapperError",
    "Mode",
    "RateLimitedError",
    "RawContentError",
    "RetryPolicy",
    "Source",
    "TransportError",
    "UnavailableError",
]

"""The Python client of the service.

    from client_api.client import MapperClient, MapRequest

The names of `__all__` are its whole public surface; the modules beside this one are private.
"""

from client_api.client._calls import NO_RETRY, RetryPolicy
from client_api.client._client import (
    DEFAULT_RETRY,
    DEFAULT_TIMEOUT,
    DEFAULT_URL,
    AsyncMapperClient,
    MapperClient,
)
from client_api.client._errors import (
    AccessError,
    ApiError,
    InvalidRequestError,
    MapperError,
    RateLimitedError,
    RawContentError,
    TransportError,
    UnavailableError,
)
from client_api.client._types import BatchResult, ItemError, MappedEvent, MapRequest

__all__ = [
    "DEFAULT_RETRY",
    "DEFAULT_TIMEOUT",
    "DEFAULT_URL",
    "NO_RETRY",
    "AccessError",
    "ApiError",
    "AsyncMapperClient",
    "BatchResult",
    "InvalidRequestError",
    "ItemError",
    "MapRequest",
    "MappedEvent",
    "MapperClient",
    "MapperError",
    "RateLimitedError",
    "RawContentError",
    "RetryPolicy",
    "TransportError",
    "UnavailableError",
]

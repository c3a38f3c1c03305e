"""The errors of calls to the service.

MapperError
├── TransportError            no answer: refused, interrupted, too slow
└── ApiError                  an error answer
    ├── InvalidRequestError   400, 413, 422: change the request
    │   └── RawContentError   the scanned text was sent instead of the detector's result
    ├── AccessError           401, 403: use another key, tenant or detector
    ├── RateLimitedError      429: retry later
    └── UnavailableError      408, 5xx: the service cannot answer now
"""

from llama_mapper.contract import ErrorCode


class MapperError(Exception):
    """Any failure of a call."""


class TransportError(MapperError):
    """No answer came."""


class ApiError(MapperError):
    """The service, or something in front of it, answered with an error.

    status: of HTTP. error_code: None if the answer is not from the service; a plain text for a code
    that is unknown to this client.
    retryable: whether the same request may succeed later; retry_after_s: seconds to wait.
    request_id: the id for questions to the service's operators.
    """

    def __init__(
        self,
        status: int,
        error_code: ErrorCode | str | None,
        detail: str,
        *,
        retryable: bool,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        self.status, self.error_code, self.detail = status, error_code, detail
        self.retryable, self.request_id = retryable, request_id
        self.retry_after_s = retry_after_s
        super().__init__(f"{status} {error_code or 'without an error code'}: {detail}")


class InvalidRequestError(ApiError):
    """The request is malformed or too large."""


class RawContentError(InvalidRequestError):
    """The request holds raw customer content."""


class AccessError(ApiError):
    """The key is missing or wrong, or does not allow this."""


class RateLimitedError(ApiError):
    """Too many requests."""


class UnavailableError(ApiError):
    """The service could not answer now."""


def error_class(status: int, code: ErrorCode | str | None) -> type[ApiError]:
    """The class of an error answer."""
    if code is ErrorCode.RAW_CONTENT_REJECTED:
        return RawContentError
    if status in (401, 403):
        return AccessError
    if status == 429:
        return RateLimitedError
    if status == 408 or status >= 500:
        return UnavailableError
    return InvalidRequestError if status in (400, 413, 422) else ApiError

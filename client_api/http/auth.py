"""Authentication: checks host, key, scope and rate limit before a byte of the body is read.

In: a request's headers and path. Out: a `Caller` in the scope for the handlers, or an ApiError;
the tenant of the request. Paths that are not listed here require a key.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn, Protocol, TypedDict

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from client_api.access.addresses import Network, client_address, is_address
from client_api.access.keys import KeyStore, Principal
from client_api.access.keys import Scope as KeyScope
from client_api.access.rate_limits import LimitOutcome, RateLimits
from client_api.console.reference import ASSETS
from client_api.http.errors import ApiError, is_mapping
from client_api.telemetry import context
from schemas.contract import ErrorCode

_CALLER = "mapper.caller"
_PROBES = frozenset({"/health", "/health/live", "/health/ready", "/health/model"})
_PUBLIC = _PROBES | {"/", "/docs", "/openapi.json"} | {f"/docs/{name}" for name in ASSETS}
_DETECTORS = ("/detectors/draft", "/detectors/check", "/detectors/add")
# Pages for browsers and paths that change state. Another site must not reach them by DNS
# rebinding: a name of its own that resolves to this service.
_OWN_HOST_ONLY = frozenset({"/", "/docs", "/openapi.json", "/admin", "/review", *_DETECTORS})
_UNLIMITED = _PROBES | {"/metrics", "/admin"}
_SCOPES = {
    "/map": KeyScope.MAP_WRITE,
    "/metrics": KeyScope.METRICS_READ,
    "/review": KeyScope.REVIEW,
    "/admin": KeyScope.ADMIN,
    **dict.fromkeys(_DETECTORS, KeyScope.ADMIN),
}


class AmbiguousKeyError(ValueError):
    """A request presents two different keys."""


class TenantMismatchError(ValueError):
    """A request names a tenant that it may not act for. The message contains no tenant name."""


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key in `X-API-Key` or `Authorization: Bearer`; None without one.

    headers: as ASGI gives them, names in lower case. The same key in both places is one key.

    Raises AmbiguousKeyError for different keys: if this service chose one, a proxy might choose
    the other and identify another caller.
    """
    found = set()
    for name, value in headers:
        if name == b"x-api-key":
            found.add(value.strip())
        elif name == b"authorization":
            scheme, _, token = value.strip().partition(b" ")
            if scheme.lower() == b"bearer":
                found.add(token.strip())
    if len(found) > 1:
        raise AmbiguousKeyError("several API keys: send one")
    return found.pop().decode("latin-1") if found else None


def acting_tenant(principal: Principal | None, *claims: str | None) -> str | None:
    """The tenant a request acts for: the key's tenant, or without keys the claimed one.

    claims: the tenants that headers and body name; None for an absent one.

    Raises TenantMismatchError when a claim contradicts the key or another claim, or is not a valid
    name.
    """
    said = {claim for claim in claims if claim is not None}
    if not all(claim.isprintable() and claim == claim.strip() for claim in said):
        raise TenantMismatchError("a tenant's name must be printable, without surrounding spaces")
    if principal is not None:
        said.add(principal.tenant)
    if len(said) > 1:
        raise TenantMismatchError("the request names another tenant than the one it acts for")
    return said.pop() if said else None


@dataclass(slots=True)
class Caller:
    """principal: None without keys; address: the client's; limit_headers: `RateLimit-*`;
    charged: whether the limits have counted the request, or refused it.
    """

    principal: Principal | None
    address: str
    limit_headers: tuple[tuple[str, str], ...] = field(default=())
    charged: bool = False


def get_caller(request: Request) -> Caller:
    """The caller of a request that passed the AuthMiddleware."""
    caller: Caller = request.scope[_CALLER]
    return caller


class RateLimiter:
    """Charges callers, and refuses those over their limit."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits

    async def test(self, caller: Caller) -> None:
        """Raises ApiError for a caller with nothing left; counts nothing."""
        self._take(caller, await self._limits.test(**_who(caller)))

    async def charge(self, caller: Caller, items: int) -> None:
        """Count items, or raise ApiError and count nothing when they exceed a limit. Sets the
        caller's `limit_headers` to the remaining quota."""
        caller.charged = True
        self._take(caller, await self._limits.charge(**_who(caller), cost=items))

    async def settle(self, caller: Caller) -> None:
        """Charge one item for a request that was not charged because it was not valid."""
        if not caller.charged:
            with suppress(ApiError):
                await self.charge(caller, 1)

    def _take(self, caller: Caller, outcome: LimitOutcome) -> None:
        caller.limit_headers = outcome.headers
        _raise_if_refused(outcome)

    async def charge_unauthenticated(self, address: str) -> None:
        """Charge an address for a wrong key. Raises ApiError after too many of them."""
        _raise_if_refused(
            await self._limits.charge(key_id=None, tenant=None, address=address, cost=1)
        )


class Changeable(Protocol):
    """A file or a folder that may change while the service runs."""

    @property
    def changed(self) -> bool:
        """Whether the next `current` reads the file."""
        ...

    def current(self) -> object:
        """The content as it is now; reads a changed file."""
        ...


class AuthMiddleware:
    """Checks `Host`, authenticates, and checks the scope of the path."""

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyStore | None,
        files: Sequence[Changeable],
        limiter: RateLimiter,
        trusted_proxies: tuple[Network, ...],
        allowed_hosts: tuple[str, ...],
    ) -> None:
        """keys: None disables authentication, as on loopback. files: watched besides the keys."""
        self._app = app
        self._keys = keys
        self._files: tuple[Changeable, ...] = (*files, *([keys] if keys else []))
        self._limiter = limiter
        self._trusted = trusted_proxies
        self._hosts = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # Read a changed file before it is used, in a thread that delays no other request.
            for file in self._files:
                if file.changed:
                    await asyncio.to_thread(file.current)
            headers = Headers(scope=scope)
            self._check_host(scope["path"], headers.get("host", ""))
            peer = scope["client"][0] if scope.get("client") else None
            address = client_address(peer, headers.getlist("x-forwarded-for"), self._trusted)
            principal = await self._authenticate(scope, address)
            scope[_CALLER] = Caller(principal, address)
        await self._app(scope, receive, send)

    def _check_host(self, path: str, host: str) -> None:
        if path in _PROBES or "*" in self._hosts:
            return
        # A port follows the last colon, unless that is inside the brackets of an IPv6 address.
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() in self._hosts:
            return
        # With keys, a page of another site cannot authenticate. Without keys, it could call this
        # service by any name that resolves to it. Addresses need no check, nor requests without
        # Host: a browser always sends it.
        foreign = self._keys is None and host != "" and not is_address(name)
        if foreign or _belongs(path, _OWN_HOST_ONLY):
            detail = "this path is not for this Host; MAPPER_ALLOWED_HOSTS lists the allowed ones"
            raise ApiError(ErrorCode.INVALID_REQUEST, detail, status=421)

    async def _authenticate(self, scope: Scope, address: str) -> Principal | None:
        path: str = scope["path"]
        if self._keys is None or path in _PUBLIC:
            return None
        try:
            key = presented_key(scope["headers"])
        except AmbiguousKeyError:
            await self._unauthenticated(address, "several different keys were sent; send one")
        else:
            if key is None:
                await self._unauthenticated(address, "send a key as X-API-Key or Bearer token")
            elif (principal := self._keys.authenticate(key)) is None:
                await self._unauthenticated(address, "the key is unknown, revoked or expired")
            else:
                context.current().facts.update(tenant=principal.tenant, key_id=principal.key_id)
                _check_scope(path, principal)
                return principal

    async def _unauthenticated(self, address: str, detail: str) -> NoReturn:
        await self._limiter.charge_unauthenticated(address)
        raise ApiError(ErrorCode.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


class RateLimitMiddleware:
    """Refuses callers with nothing left, and adds `RateLimit-*` to every response that counts.

    A mapping handler charges its items; a mapping request that does not reach its handler costs
    one item. Other pages cost one. Probes, metrics and the kill switch are not limited, since they
    must work under any load.
    """

    def __init__(self, app: ASGIApp, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _belongs(scope["path"], _UNLIMITED):
            await self._app(scope, receive, send)
            return
        caller: Caller = scope[_CALLER]

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._limiter.settle(caller)
                MutableHeaders(scope=message).update(dict(caller.limit_headers))
            await send(message)

        if is_mapping(scope):
            await self._limiter.test(caller)
        else:
            await self._limiter.charge(caller, 1)
        try:
            await self._app(scope, receive, send_with_limits)
        except ApiError as refusal:
            await self._limiter.settle(caller)
            refusal.headers.update(caller.limit_headers)
            raise
        finally:
            await self._limiter.settle(caller)


class _Who(TypedDict):
    key_id: str | None
    tenant: str | None
    address: str


def _who(caller: Caller) -> _Who:
    known = caller.principal
    return {
        "key_id": known.key_id if known else None,
        "tenant": known.tenant if known else None,
        "address": caller.address,
    }


def _belongs(path: str, places: frozenset[str]) -> bool:
    """Whether the path is one of the places, or below one of them other than `/`."""
    return path in places or any(p != "/" and path.startswith(f"{p}/") for p in places)


def _check_scope(path: str, principal: Principal) -> None:
    for place, needed in _SCOPES.items():
        if _belongs(path, frozenset({place})) and needed not in principal.scopes:
            raise ApiError(ErrorCode.FORBIDDEN, f"this needs a key with the scope {needed}")


def _raise_if_refused(outcome: LimitOutcome) -> None:
    if outcome.allowed:
        return
    if outcome.retry_after_s is None:
        detail, extra = (
            "the request has more items than the whole limit",
            {"retryable": False},
        )
    else:
        detail, extra = "the limit on items is used up; see Retry-After", {}
    raise ApiError(ErrorCode.RATE_LIMITED, detail, headers=dict(outcome.headers), extra=extra)

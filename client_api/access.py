"""What a caller's headers claim, and whether it holds.

In: raw headers, a principal, what header and body say of the tenant. Out: the key presented, the
tenant a request acts for. Knows no file, no route and no status code.
"""

import ipaddress
from collections.abc import Iterable

from client_api.keys import Principal


class AmbiguousKeyError(ValueError):
    """A request presents two different keys."""


class TenantMismatchError(ValueError):
    """A request names another tenant than it may act for. The message names none."""


def presented_key(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key in `X-API-Key` or `Authorization: Bearer`; None without one.

    headers: as ASGI gives them, names in lower case. The same key in both places is one key.

    Raises AmbiguousKeyError when there are several: to choose one would let a proxy and this
    service disagree on who is calling.
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
    """The tenant a request acts for: the key's, or without keys the one it claims.

    claims: what the header and the body say; None where they say nothing.

    Raises TenantMismatchError when a claim contradicts the key or another claim.
    """
    said = {claim for claim in claims if claim is not None}
    if principal is not None:
        said.add(principal.tenant)
    if len(said) > 1:
        raise TenantMismatchError("the request names another tenant than the one it acts for")
    return said.pop() if said else None


def is_loopback(host: str) -> bool:
    """Whether a bind address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # A name may resolve to anything.
        return False

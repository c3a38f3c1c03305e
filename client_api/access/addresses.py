"""Finds the client's address of a request.

In: the peer of the connection and its `X-Forwarded-For`. Out: one address, and the subject of its
rate limit. Independent of limits and routes.

A client can send any `X-Forwarded-For`; each proxy appends its own peer. So the list is read from
its end while the hop that wrote an entry is a trusted proxy. The first address that is not a
trusted proxy is the client. The server must not rewrite the peer itself (uvicorn:
`proxy_headers=False`), because this module trusts the peer.
"""

import ipaddress
from collections.abc import Iterable, Sequence

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# An IPv6 customer gets at least a /64, so 2**64 addresses count as one client.
_CLIENT_PREFIX_V6 = 64


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks such as `10.0.0.0/8`; raises ValueError with the text that is not a network."""
    return tuple(ipaddress.ip_network(text.strip()) for text in texts)


def client_address(
    peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]
) -> str:
    """The address of the client.

    peer: the address of the connection's peer; None without an address, as on a Unix socket.
    forwarded_for: the values of all `X-Forwarded-For` headers, in order.
    trusted: the proxies whose entries are trusted.

    At an entry that is not an address, the hop that sent it is the client.
    """
    found = _parse(peer or "")
    if found is None:
        return peer or "local"
    hops = [entry for value in forwarded_for for entry in value.split(",")]
    while hops and _is_trusted(found, trusted):
        before = _parse(hops.pop())
        if before is None:
            break
        found = before
    return str(found)


def limit_subject(address: str) -> str:
    """The subject that an address counts for: the address, or in IPv6 its /64."""
    found = _parse(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, _CLIENT_PREFIX_V6), strict=False))
    return address


def is_address(host: str) -> bool:
    """Whether a Host header, without its port, is an IP address."""
    return _parse(host) is not None


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Whether the peer of a connection is one of the proxies."""
    found = _parse(peer)
    return found is not None and _is_trusted(found, trusted)


def _parse(text: str) -> _Address | None:
    """`1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]:80`; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # One client must not count as two by writing its IPv4 address as IPv6.
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _is_trusted(address: _Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def is_loopback(host: str) -> bool:
    """Whether a bind address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # A name may resolve to anything.
        return False

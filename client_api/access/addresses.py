"""Which address a request really comes from.

In: the peer of the connection and the `X-Forwarded-For` it sent. Out: one address, and the
subject it is limited as. Knows no limits and no routes.

Anyone can write anything into `X-Forwarded-For`; each proxy only appends the peer that it saw. So
the list is read from its end, as long as the hop that wrote an entry is one we trust. The first
address beyond is the client. The server in front must not rewrite the peer by itself (uvicorn:
`proxy_headers=False`), for that would be believed here.
"""

import ipaddress
from collections.abc import Iterable, Sequence

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A customer of IPv6 is given a /64 at least, so 2**64 addresses are one client.
_CLIENT_PREFIX_V6 = 64


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """`10.0.0.0/8` and the like; raises ValueError naming the text that is no network."""
    return tuple(ipaddress.ip_network(text.strip()) for text in texts)


def client_address(
    peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]
) -> str:
    """The address of the client.

    peer: who holds the connection; None when it has no address, as on a Unix socket.
    forwarded_for: the values of all `X-Forwarded-For` headers, in order.
    trusted: the proxies whose entries are believed.

    An entry that is no address ends the reading: the hop that sent it is then the client.
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
    """Whom an address is counted as: itself, or in IPv6 its /64."""
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

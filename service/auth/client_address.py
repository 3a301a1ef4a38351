"""The network of the caller, also behind proxies."""

import ipaddress
from collections.abc import Sequence

from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
V6_BITS = 64  # a subscriber has a whole network of this size
UNKNOWN = "unknown"


def networks(listed: str) -> list[Network]:
    """Return the addresses and networks that a comma separates."""
    return [ipaddress.ip_network(network.strip()) for network in listed.split(",")]


def client_network(scope: Scope, proxies: Sequence[Network]) -> str:
    """Return the address of the caller of a request, of IPv6 its network of 64 bits.

    Behind proxies it is the last address of X-Forwarded-For that is none of theirs: what stands before it, the caller
    may have made up.
    """
    address = _address((scope.get("client") or ("",))[0])
    forwarded = [
        part.strip()
        for name, value in scope["headers"]
        if name == b"x-forwarded-for"
        for part in value.decode("latin-1").split(",")
    ]
    while address is not None and forwarded and any(address in network for network in proxies):
        address = _address(forwarded.pop())
    if address is None:
        return UNKNOWN
    bits = V6_BITS if address.version == 6 else 32
    return str(ipaddress.ip_network((address, bits), strict=False))


def _address(text: str) -> Address | None:
    """Return an address, of which a proxy may give the port, too; None if it is none."""
    host = (
        text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0] if text.count(":") == 1 else text
    )
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address

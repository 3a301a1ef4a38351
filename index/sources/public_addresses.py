"""Addresses of hosts, and which of them are in private networks, which callers must not reach through this service."""

import ipaddress
import socket
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IPv6 networks whose addresses contain an IPv4 address, with the number of bits to its right: packets end there.
_CARRIERS: tuple[tuple[Network, int], ...] = (
    (ipaddress.ip_network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (ipaddress.ip_network("::ffff:0:0:0/96"), 0),  # IPv4-translated
    (ipaddress.ip_network("::/96"), 0),  # IPv4-compatible
    (ipaddress.ip_network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.ip_network("2002::/16"), 80),  # 6to4
)
# Global according to `ipaddress`, at least in some releases, but they lead to private services.
_INNER: tuple[Network, ...] = (
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's platform services, as seen from a machine there
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments, and Oracle's metadata
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.ip_network("64:ff9b:1::/48"),  # NAT64 inside a network
    ipaddress.ip_network("2001::/23"),  # protocol assignments, and Teredo
    ipaddress.ip_network("3fff::/20"),  # documentation
    ipaddress.ip_network("5f00::/16"),  # segment routing
)
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: Address, *, trusted: Sequence[Network] = ()) -> bool:
    """Return whether an address is public; addresses of `trusted` networks count as public."""
    if any(address in network for network in trusted):
        return True
    for network, right in _CARRIERS:
        if address in network:
            return is_public(ipaddress.IPv4Address(int(address) >> right & 0xFFFFFFFF), trusted=trusted)
    if isinstance(address, ipaddress.IPv6Address) and (
        address.scope_id or address.is_site_local or int(address) >> 32 & 0xFFFFFFFF in _ISATAP
    ):
        return False
    if any(address in network for network in _INNER):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def resolve(host: str, port: int) -> list[str]:
    """Look a name up with the system's resolver; blocks, and raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError("it is not a valid host name") from error
    return list(dict.fromkeys(str(address[4][0]) for address in found))

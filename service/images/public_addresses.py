"""Which addresses of the network are public: what lies behind any other is ours, and no caller's to reach."""

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Forms of IPv6 that carry an IPv4 address, each with the bits to its right: the packet ends at that address.
_CARRIERS: tuple[tuple[Network, int], ...] = (
    (ipaddress.ip_network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (ipaddress.ip_network("::ffff:0:0:0/96"), 0),  # IPv4-translated
    (ipaddress.ip_network("::/96"), 0),  # IPv4-compatible
    (ipaddress.ip_network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.ip_network("2002::/16"), 80),  # 6to4
)
# Public to `ipaddress`, to some releases of it at least, but not in what they lead to.
_INNER: tuple[Network, ...] = (
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's own services, from inside a machine there
    ipaddress.ip_network("192.0.0.0/24"),  # protocols' own, and Oracle's metadata
    ipaddress.ip_network("192.88.99.0/24"),  # relays of 6to4
    ipaddress.ip_network("64:ff9b:1::/48"),  # NAT64 of one's own network
    ipaddress.ip_network("2001::/23"),  # protocols' own, and Teredo
    ipaddress.ip_network("3fff::/20"),  # documentation
    ipaddress.ip_network("5f00::/16"),  # segment routing
)
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: Address, *, trusted: Sequence[Network] = ()) -> bool:
    """Whether an address may be anybody's to reach; `trusted` networks are taken for public."""
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

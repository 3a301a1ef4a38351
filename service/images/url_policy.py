"""Which URLs a caller may name: their scheme, host and port, told by the text alone."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from service.images.public_addresses import Address

PORTS = {"http": 80, "https": 443}
MAX_CHARS = 4096
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PATTERN = re.compile(r"(?P<host>\*|(\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Host:
    """Hosts that may be asked: one name, all names below one (`*.shop.example`), or any (`*`)."""

    name: str
    port: int | None  # None: 80 and 443

    def allows(self, host: str, port: int) -> bool:
        """Whether the host at that port is one of these."""
        if port != self.port if self.port is not None else port not in PORTS.values():
            return False
        if self.name.startswith("*"):
            return host.endswith(self.name[1:])  # with its dot, so that evil-shop.example is no sub-domain
        return host == self.name


@dataclass(frozen=True, slots=True)
class Location:
    """Where a URL leads: what to ask, of whom."""

    scheme: str
    host: str  # as the request names it, in lower case; an IPv6 address in brackets
    address: Address | None  # of a host that is written as an address
    port: int
    target: str  # path and query

    @property
    def authority(self) -> str:
        """What the header Host says."""
        return self.host if self.port == PORTS[self.scheme] else f"{self.host}:{self.port}"


def patterns(text: str) -> tuple[Host, ...]:
    """The hosts of a comma-separated list; raises ValueError for what is no host."""
    found = []
    for each in filter(None, (part.strip().lower() for part in text.split(","))):
        match = _PATTERN.fullmatch(each)
        if match is None or int(match["port"] or 1) not in range(1, 65536):
            raise ValueError(f"{each!r} is no host: write cdn.example.com, *.example.com, cdn.example.com:8443 or *")
        found.append(Host(match["host"], int(match["port"]) if match["port"] else None))
    return tuple(found)


def located(url: str, hosts: Sequence[Host], *, http: bool) -> Location:
    """Where a URL leads; raises ValueError, saying why, for one that is not written plainly or not allowed.

    What two readers of URLs could read differently is refused, so that what is checked is what is asked.
    """
    if len(url) > MAX_CHARS:
        raise ValueError(f"it has more than {MAX_CHARS} characters")
    if not url.isascii() or not url.isprintable() or any(letter in url for letter in ' "\\<>^`{|}'):
        raise ValueError("percent-encode what is no plain letter of a URL, and write the host in ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"it is no URL ({error})") from error
    if parts.scheme not in (("https", "http") if http else ("https",)):
        raise ValueError(f"only {'https and http' if http else 'https'} URLs are fetched")
    if "@" in parts.netloc:
        raise ValueError("a URL with a user's name is not fetched")
    host, address = _host(parts.netloc)
    port = PORTS[parts.scheme] if port is None else port
    if not any(each.allows(host, port) for each in hosts):
        raise ValueError("its host and port are none of those that this service may ask")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Location(parts.scheme, host, address, port, target)


def _host(netloc: str) -> tuple[str, Address | None]:
    """The host as it is matched, and its address where it is written as one; raises ValueError."""
    match = re.fullmatch(r"(?P<host>\[[^\[\]%]*\]|[^:\[\]]*)(:[0-9]*)?", netloc)
    host = match["host"].lower() if match else ""
    if host.startswith("["):
        try:
            return host, ipaddress.IPv6Address(host[1:-1])
        except ValueError as error:
            raise ValueError("its host is no IPv6 address") from error
    if not _NAME.fullmatch(host):
        raise ValueError("its host is no name of one")
    if not _NUMBER.fullmatch(host.rpartition(".")[2]):
        return host, None
    try:  # 127.1, 0x7f000001 and 2130706433 are addresses, too, to some
        return host, ipaddress.IPv4Address(host)
    except ValueError as error:
        raise ValueError("write an IPv4 address as four decimal numbers") from error

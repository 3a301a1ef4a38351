"""Policy for the URLs that callers may name: allowed scheme, host and port, and public addresses only."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from index.sources import public_addresses
from index.sources.download import PORTS, Location, printable
from index.sources.public_addresses import Network, is_public

MAX_CHARS = 4096
MAX_REDIRECTS = 3
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PATTERN = re.compile(r"(?P<host>\*|(\*\.)?[a-z0-9_.-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class HostPattern:
    """Allowed hosts: one name, all names below one (`*.shop.example`), or any (`*`)."""

    name: str
    port: int | None  # None: 80 and 443

    def allows(self, host: str, port: int) -> bool:
        """Return whether the host matches at that port."""
        if port != self.port if self.port is not None else port not in PORTS.values():
            return False
        if self.name.startswith("*"):
            return host.endswith(self.name[1:])  # with its dot, so that evil-shop.example is no sub-domain
        return host == self.name


def parse_hosts(text: str) -> tuple[HostPattern, ...]:
    """Parse a comma-separated list of hosts; raises ValueError for an invalid one."""
    hosts = []
    for part in filter(None, (part.strip().lower() for part in text.split(","))):
        match = _PATTERN.fullmatch(part)
        if match is None or int(match["port"] or 1) not in range(1, 65536):
            raise ValueError(f"{part!r} is no host: write cdn.example.com, *.example.com, cdn.example.com:8443 or *")
        hosts.append(HostPattern(match["host"], int(match["port"]) if match["port"] else None))
    return tuple(hosts)


class CallerPolicy:
    """Policy against server-side request forgery (SSRF): only allowed hosts, and none of them at a private address.

    A URL that two parsers could read differently is refused, so that the checked URL is the requested one.
    """

    max_redirects = MAX_REDIRECTS

    def __init__(
        self,
        hosts: Sequence[HostPattern],
        *,
        http: bool,
        resolve: Resolve = public_addresses.resolve,
        trusted: Sequence[Network] = (),
    ) -> None:
        """`http` allows http beside https; `resolve` and `trusted` networks serve hosts of one's own, as in tests."""
        self._hosts = tuple(hosts)
        self._schemes = ("https", "http") if http else ("https",)
        self._resolve = resolve
        self._trusted = tuple(trusted)

    def locate(self, url: str) -> Location:
        """Split a URL; raises ValueError with the reason if it is not plainly written or not allowed."""
        if len(url) > MAX_CHARS:
            raise ValueError(f"it has more than {MAX_CHARS} characters")
        if not url.isascii() or not url.isprintable() or any(letter in url for letter in ' "\\<>^`{|}'):
            raise ValueError("percent-encode all letters that are not allowed in a URL, and write the host in ASCII")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"it is not a valid URL ({error})") from error
        if parts.scheme not in self._schemes:
            raise ValueError(f"only {' and '.join(self._schemes)} URLs are downloaded")
        if "@" in parts.netloc:
            raise ValueError("a URL with a user name is not downloaded")
        host = _host(parts.netloc)
        port = PORTS[parts.scheme] if port is None else port
        if not any(pattern.allows(host, port) for pattern in self._hosts):
            raise ValueError("its host and port are not among those that this service allows")
        return Location(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))

    def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host; raises ValueError unless every address is public."""
        try:
            addresses = [ipaddress.ip_address(host)]
        except ValueError:
            addresses = [ipaddress.ip_address(address) for address in dict.fromkeys(self._resolve(host, port))]
        if not all(is_public(address, trusted=self._trusted) for address in addresses):
            raise ValueError("its host is not a public one")
        return [str(address) for address in addresses]

    def check(self, headers: Mapping[str, str]) -> None:
        """Refuse a response that is not declared as an image, or is compressed."""
        kind = headers.get("content-type") or "nothing"
        if not kind.lower().startswith("image/"):
            raise ValueError(f"its host declares it as {printable(kind)}, not as an image")
        encoding = headers.get("content-encoding") or "identity"
        if encoding.lower() != "identity":
            raise ValueError(f"its host compressed it ({printable(encoding)}), although the request did not allow that")


def host_name(url: str) -> str:
    """Return what the host of a URL is called in a sentence."""
    try:
        return f"the host {printable(urlsplit(url).hostname or '')}"
    except ValueError:
        return "an invalid host"


def _host(netloc: str) -> str:
    """Return the host as patterns match it, an IPv6 address in brackets; raises ValueError."""
    match = re.fullmatch(r"(?P<host>\[[^\[\]%]*\]|[^:\[\]]*)(:[0-9]*)?", netloc)
    host = match["host"].lower() if match else ""
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError as error:
            raise ValueError("its host is not a valid IPv6 address") from error
        return host
    if not _NAME.fullmatch(host):
        raise ValueError("its host is not a valid name")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):  # some resolvers read 127.1, 0x7f000001 and 2130706433 as addresses
        try:
            ipaddress.IPv4Address(host)
        except ValueError as error:
            raise ValueError("write an IPv4 address as four decimal numbers") from error
    return host

"""Further hosts on this machine: network namespaces on a bridge, each with an address of its own."""

import subprocess
from collections.abc import Sequence

NETWORK, BRIDGE = "10.77.0", "likebut0"


class Hosts:
    """Namespaces as long as the `with` block lasts; needs root and iproute2."""

    own = f"{NETWORK}.1"  # the address of this process's own host

    def __init__(self, names: Sequence[str]) -> None:
        self.addresses = {name: f"{NETWORK}.{number}" for number, name in enumerate(names, start=2)}

    def __enter__(self) -> "Hosts":
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{self.own}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for name, address in self.addresses.items():
            _ip("netns", "add", _namespace(name))
            self._in(name, "link", "set", "lo", "up")
            wire = "type", "veth", "peer", "name", "eth0", "netns", _namespace(name)
            _ip("link", "add", _namespace(name), *wire)
            _ip("link", "set", _namespace(name), "master", BRIDGE, "up")
            self._in(name, "addr", "add", f"{address}/24", "dev", "eth0")
            self.join(name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.addresses:
            _ip("netns", "del", _namespace(name))
        _ip("link", "del", BRIDGE)

    def words(self, name: str, command: Sequence[str]) -> list[str]:
        """The command line that runs a command on a host."""
        return ["ip", "netns", "exec", _namespace(name), *command]

    def cut(self, name: str) -> None:
        """Takes a host off the network."""
        self._in(name, "link", "set", "eth0", "down")

    def join(self, name: str) -> None:
        """Puts it on the network again."""
        self._in(name, "link", "set", "eth0", "up")

    def _in(self, name: str, *words: str) -> None:
        _ip("-n", _namespace(name), *words)


def _namespace(name: str) -> str:
    return f"likebut-{name}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)

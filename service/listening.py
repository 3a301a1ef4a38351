"""The sockets at which the service listens."""

import ipaddress
import socket
import sys

from models.errors import ConfigError
from service.settings import Settings

BUFFERED_BYTES = 128 * 1024  # of an answer, in the kernel: so that the service notices who reads slowly


def sockets(settings: Settings, port: int, *, option: str) -> list[socket.socket]:
    """Return a listening socket for each worker, all of one port; raises ConfigError, which names the option.

    On Linux the kernel divides new connections among them. Elsewhere all workers share one socket.
    """
    first = _guarded(settings, port, option=option)  # alone first: it fails if another service has the port
    if settings.workers == 1:
        return [first]
    if sys.platform != "linux":
        return [first] * settings.workers
    port = first.getsockname()[1]
    first.close()
    return [listen(settings.host, port, option=option, shared=True) for _ in range(settings.workers)]


def listen(host: str, port: int, *, option: str = "--port", shared: bool = False) -> socket.socket:
    """Return a socket that listens there; raises ConfigError, which names the option, if the address is unusable.

    Several sockets may listen at one address if each is `shared`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with IPPROTO_TCP, asyncio sets TCP_NODELAY; otherwise the end of a response could wait 40 ms for a delayed ACK
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, BUFFERED_BYTES)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(2048)
        return listening
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"cannot listen on {host} port {port} ({error.strerror}): choose another with {option}"
        ) from error


def _guarded(settings: Settings, port: int, *, option: str) -> socket.socket:
    host = settings.host
    listening = listen(host, port, option=option)
    # only the socket knows the address that a name resolves to
    if settings.keys is None and not ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
        listening.close()
        raise ConfigError(
            f"without keys the service must not be reachable from other machines, and {host} is: give --keys FILE"
            " (likebut keys add FILE --name NAME --role admin creates one), or --host 127.0.0.1"
        )
    return listening


def address(listening: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

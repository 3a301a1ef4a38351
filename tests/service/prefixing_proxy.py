"""A proxy that serves the service below a path, which it strips or leaves."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server"}


@contextmanager
def proxy(upstream: str, *, below: str, strip: bool, header: bool = False) -> Iterator[str]:
    """Serves `upstream` below a path and gives the address with it; `header` sends X-Forwarded-Prefix."""
    host = urlsplit(upstream).netloc

    class PrefixingProxy(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Writes no log."""

        def forward(self) -> None:
            """Forwards one request; every path elsewhere belongs to another site."""
            if self.path != below and not self.path.startswith((f"{below}/", f"{below}?")):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
            if header:
                headers["X-Forwarded-Prefix"] = below
            with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
                connection.request(self.command, self.path.removeprefix(below) if strip else self.path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {*HOP, "content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            with suppress(ConnectionError):  # a browser leaves when its page does
                self.end_headers()
                self.wfile.write(data)

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(PrefixingProxy, f"do_{method}", PrefixingProxy.forward)

    with ThreadingHTTPServer(("127.0.0.1", 0), PrefixingProxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{below}"
        finally:
            server.shutdown()
            thread.join()

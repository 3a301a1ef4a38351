"""A real HTTP server that answers chat completions by a script: well, busy, broken, garbled or late."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A response of the server."""

    body: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    dropped: bool = False  # the connection ends after half of the body


@dataclass
class Asked:
    """A request that the server received."""

    body: dict[str, Any]
    key: str  # of the authorization
    at: float  # seconds, monotonic

    @property
    def text(self) -> str:
        content = self.body["messages"][0]["content"]
        return str(content if isinstance(content, str) else content[1]["text"])

    @property
    def picture(self) -> str:
        """The data URL, or nothing."""
        content = self.body["messages"][0]["content"]
        return "" if isinstance(content, str) else str(content[0]["image_url"]["url"])


@dataclass
class Server:
    """The server's address, and all requests so far."""

    url: str
    asked: list[Asked]


Script = Callable[[int, Asked], Answer]


def says(text: object, *, delay_s: float = 0.0, finish_reason: object = "stop", **message: object) -> Answer:
    """Return a chat completion of 10 + 3 tokens; `message` has more fields of the message."""
    choices = [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}]
    usage = {"prompt_tokens": 10, "completion_tokens": 3}
    return Answer(json.dumps({"choices": choices, "usage": usage}), delay_s=delay_s)


def model(number: int, asked: Asked) -> Answer:
    """A model with fixed answers: a caption of an image, a short text of two captions."""
    word = hashlib.sha256((asked.text + asked.picture).encode()).hexdigest()[:8]
    if asked.picture:
        return says(f"The image shows {word}. It has a collar,\n\nand {word} sleeves.", delay_s=0.01)
    return says(f"Difference: Made it {word}, without sleeves.", delay_s=0.01)


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """Run the server inside the block; `script` is called with the request's number from 0."""
    asked: list[Asked] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            one = Asked(body, self.headers.get("authorization", ""), time.monotonic())
            with lock:
                number = len(asked)
                asked.append(one)
            answer = script(number, one) if self.path == "/v1/chat/completions" else Answer("unknown", 404)
            time.sleep(answer.delay_s)
            data = answer.body.encode()
            try:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2] if answer.dropped else data)
                self.close_connection = answer.dropped
            except OSError:
                self.close_connection = True  # the client has been killed, or waits no longer

        def log_message(self, *words: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *words: object) -> None:
            pass  # a connection of a killed process

    with Listener(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Server(f"http://127.0.0.1:{listener.server_port}/v1", asked)
        finally:
            listener.shutdown()
            thread.join()

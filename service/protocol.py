"""HTTP protocol of uvicorn with httptools, plus a limit for the head of a request, which httptools lacks."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024  # the limit of h11


class BoundedHead(HttpToolsProtocol):
    """Refuses a request if its head, or the trailers after its body, are too long.

    The chunk in which a head begins is not counted: the chunk itself is limited, and it may hold other requests too.
    """

    _reading = False  # a request has started and not ended
    _bytes = 0  # received since the request started or since the last part of its body

    def data_received(self, data: bytes) -> None:
        """Parses the data; refuses the request if it has too many bytes without a body or an end."""
        self._bytes += len(data)
        super().data_received(data)
        if self._reading and self._bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The head or the trailers of the request have more than {HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """Starts to count a head."""
        super().on_message_begin()
        self._reading, self._bytes = True, 0

    def on_body(self, body: bytes) -> None:
        """Starts the count again; bytes after the last part of the body are trailers."""
        self._bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stops the count."""
        self._reading = False
        super().on_message_complete()

"""HTTP as httptools reads it, with an end to a request's fields: by itself it would hold any number of them."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024  # as h11 takes


class BoundedHead(HttpToolsProtocol):
    """Refuses a request whose head goes on and on, or the trailers after its body.

    What comes in the piece in which they begin is bounded by that piece, and not counted: the rest of it is of others.
    """

    _reading = False  # a request has begun and not ended
    _bytes = 0  # of the pieces since it began or its body went on

    def data_received(self, data: bytes) -> None:
        """Reads on, unless neither body nor end has come by then."""
        self._bytes += len(data)
        super().data_received(data)
        if self._reading and self._bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The head or the trailers of the request have more than {HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._reading, self._bytes = True, 0

    def on_body(self, body: bytes) -> None:
        """The body goes on; what comes after its last part are trailers."""
        self._bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request has ended."""
        self._reading = False
        super().on_message_complete()

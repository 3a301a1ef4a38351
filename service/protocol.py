"""HTTP as httptools reads it, with an end to a request's head: by itself it would hold one of any size in memory."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024  # as h11 takes


class BoundedHead(HttpToolsProtocol):
    """Refuses a request whose head goes on and on; what comes in one piece is bounded by the piece."""

    _in_head = False
    _head_bytes = 0  # of the head that is being read

    def data_received(self, data: bytes) -> None:
        """Reads on, unless the head has not ended by then."""
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The head of the request has more than {HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """A head has ended."""
        self._in_head = False
        super().on_headers_complete()

"""Undoes the compression of a response that did not ask for any, as some servers of images send it."""

import zlib
from collections.abc import Mapping

PACKED = frozenset({"gzip", "x-gzip", "deflate"})


def unpacked(data: bytes, headers: Mapping[str, str], *, max_bytes: int) -> bytes:
    """Return the bytes as they were before compression, or as they are if they are not compressed, at most `max_bytes`.

    One byte more comes if there are more. The names of the headers are in lower case, and may claim what is not so.
    Raises EOFError if the end is missing.
    """
    if headers.get("content-encoding", "").lower() not in PACKED:
        return data
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, as the first bytes say
    try:
        found = unpacking.decompress(data, max_bytes + 1)
    except zlib.error:
        return data
    if not unpacking.eof and len(found) <= max_bytes:
        raise EOFError("its compressed body is cut short")
    return found

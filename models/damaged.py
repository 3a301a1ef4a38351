"""Files that are damaged beside their pixels: browsers show them, and Pillow refuses them."""

import struct
import zlib

PNG_MARK = b"\x89PNG\r\n\x1a\n"
CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
USED = frozenset({b"tRNS", b"eXIf"})  # of the ancillary chunks: transparency and orientation
ORIENTED = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")  # texts that may hold the orientation
JPEG_END = b"\xff\xd9"
JPEG_NOISE = bytes(range(1, 255)) * 16  # decodes to something, if a decoder still needs bits


def essential_png(data: bytes) -> bytes:
    """Return a PNG without the chunks that its pixels do not depend on; any other file as it is.

    They may be damaged, or many, or unpack to gigabytes. Ancillary chunks with a wrong checksum do not count.
    """
    if not data.startswith(PNG_MARK):
        return data
    whole, parts, at, kind = memoryview(data), [memoryview(PNG_MARK)], len(PNG_MARK), b""
    while at + 8 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind in CRITICAL or (_is_used(kind, data, at) and _is_intact(whole[at:end])):
            parts.append(whole[at:end])
        at = end
    return b"".join(parts)


def _is_used(kind: bytes, data: bytes, at: int) -> bool:
    return kind in USED or (kind in (b"tEXt", b"zTXt", b"iTXt") and data.startswith(ORIENTED, at + 8))


def _is_intact(chunk: memoryview) -> bool:
    return len(chunk) >= 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")

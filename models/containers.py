"""The parts of PNG, WebP and JPEG files around their pixels: damaged ones are passed over, and too many are refused.

Browsers show an image that is damaged beside its pixels; Pillow refuses it, and reads millions of parts in Python.
"""

import struct
import zlib

from models.errors import ImageTooCostly

PNG_MARK, JPEG_MARK, JPEG_END = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"\xff\xd9"
MAX_CHUNKS = 100_000  # of a PNG; encoders make one for 8 KB or more of the file
MAX_SEGMENTS = 5_000  # of a JPEG before its first scan; cameras make less than a hundred
CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
USED = frozenset({b"tRNS", b"eXIf"})  # of the ancillary chunks: transparency and orientation
ORIENTED = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")  # texts that may hold the orientation
START_OF_SCAN, FILL = 0xDA, 0xFF
ALONE = frozenset({0x01, *range(0xD0, 0xDA)})  # markers without a length
WEBP_PIXELS = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
JPEG_NOISE = bytes(range(1, 255)) * 16  # decodes to something, if a decoder still needs bits


def essential(data: bytes) -> bytes:
    """Return a PNG, and a WebP of a wrong length, without what its pixels do not depend on; any other file as it is.

    Raises ImageTooCostly for a PNG or a JPEG of too many parts.
    """
    if data.startswith(PNG_MARK):
        return _essential_png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 != len(data):
        return _essential_webp(data)
    if data.startswith(JPEG_MARK):
        _check_segments(data)
    return data


def _essential_png(data: bytes) -> bytes:
    """Keeps the critical chunks, and of the ancillary ones those that are used and have a right checksum."""
    whole, parts, at, kind = memoryview(data), [memoryview(PNG_MARK)], len(PNG_MARK), b""
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data) or kind == b"IEND":
            return b"".join(parts)
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind in CRITICAL or (_is_used(kind, data, at) and _is_intact(whole[at:end])):
            parts.append(whole[at:end])
        at = end
    raise ImageTooCostly(f"the PNG has more than {MAX_CHUNKS} chunks: save it anew")


def _is_used(kind: bytes, data: bytes, at: int) -> bool:
    return kind in USED or (kind in (b"tEXt", b"zTXt", b"iTXt") and data.startswith(ORIENTED, at + 8))


def _is_intact(chunk: memoryview) -> bool:
    return len(chunk) >= 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _essential_webp(data: bytes) -> bytes:
    """Keeps the chunks of pixels, and EXIF if it is whole; if pixels are cut, the decoder still notices."""
    parts, at = [b"WEBP"], 12
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            body = b"".join(parts)
            return b"RIFF" + struct.pack("<I", len(body)) + body
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        if kind in WEBP_PIXELS or (kind == b"EXIF" and end <= len(data)):
            parts.append(data[at:end])
        at = end
    raise ImageTooCostly(f"the WebP has more than {MAX_CHUNKS} chunks: save it anew")


def _check_segments(data: bytes) -> None:
    at = len(JPEG_MARK)
    for _ in range(MAX_SEGMENTS):
        marker = data[at : at + 2]
        if len(marker) < 2 or marker[0] != FILL or marker[1] == START_OF_SCAN:
            return  # damage is for Pillow to report
        if marker[1] == FILL:
            at += 1
        elif marker[1] in ALONE:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise ImageTooCostly(f"the JPEG has more than {MAX_SEGMENTS} segments before its pixels: save it anew")

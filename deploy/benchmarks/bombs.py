"""Images that cost far more to decode than to send: `bombs()` draws them, each below 10 MB.

    python deploy/benchmarks/bombs.py               # decodes each within the limits of a service
    python deploy/benchmarks/bombs.py --write DIR   # writes them as files

CPU time, memory and wall time are those of one process that decodes nothing else, less what a red square takes.
"""

import argparse
import io
import re
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from PIL import Image

from models import preprocess
from models.errors import InputError
from models.image_decoders import ImageDecoders
from models.preprocess import MAX_IMAGE_PIXELS, Resize
from service.errors import status_of

Draw = Callable[[], bytes]


def bombs() -> dict[str, bytes]:
    """Return all bombs by name."""
    return {name: draw() for name, draw in DRAWN.items()}


def progressive_jpeg(*, side: int = 7000, scans: int = 10_000) -> bytes:
    """Return a progressive JPEG that refines every coefficient of a large image again and again, by nothing."""
    file = io.BytesIO()
    Image.new("L", (side, side), 128).save(file, "JPEG", progressive=True, quality=50)
    data = file.getvalue()
    first = data.index(b"\xff\xda")
    following = data.index(b"\xff\xda", first + 2) if data.count(b"\xff\xda") > 1 else len(data) - 2
    table = data[data.index(b"\xff\xc4") : first]
    blocks = ((side + 7) // 8) ** 2
    runs, rest = divmod(blocks, 32767)
    # each scan of one band of AC coefficients says "the next 32 767 blocks have none" until all blocks are passed
    huffman = b"\xff\xc4" + struct.pack(">H", 2 + 1 + 16 + 2) + b"\x10" + bytes([0, 2] + [0] * 14) + b"\xe0\x00"
    bits = "".join("00" + f"{32767 - 16384:014b}" for _ in range(runs)) + "01" * min(rest, 2)
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    scan = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 63, 0) + coded
    head = data[: data.index(b"\xff\xc4")]
    return head + table + data[first:following] + huffman + scan * scans + b"\xff\xd9"


def rle_bmp(*, width: int = 250_000) -> bytes:
    """Return a BMP of 1 KB whose run lengths end each long line after one pixel: Pillow fills it value by value."""
    lines = MAX_IMAGE_PIXELS // width
    pixels = b"\1\0\0\0" * lines + b"\0\1"
    head = struct.pack("<IiiHHIIiiII", 40, width, lines, 1, 8, 1, len(pixels), 0, 0, 2, 0) + b"\0\0\0\0\xff\xff\xff\0"
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(pixels), 0, 0, 14 + len(head)) + head + pixels


def striped_tiff(*, strips: int = 4_800_000) -> bytes:
    """Return a TIFF of as many strips as rows, whose places and lengths are one list."""
    entries = [(256, 4, 1, 8), (257, 4, 1, strips), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 3, strips, 0), (277, 3, 1, 1), (278, 4, 1, 1), (279, 3, strips, 0)]
    at = 8 + 2 + 12 * len(entries) + 4
    rows = b"".join(struct.pack("<HHII", tag, kind, n, at if n == strips else value) for tag, kind, n, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + rows + bytes(4) + struct.pack("<H", 8) * strips


def chunked_png(*, chunks: int = 800_000) -> bytes:
    """Return a PNG with so many empty chunks before its pixels."""
    empty = _chunk(b"tEXt", b"")
    return PNG_MARK + _header(9, 9, colour=2) + empty * chunks + _chunk(b"IDAT", zlib.compress(bytes(28 * 9))) + END


def split_png(*, chunks: int = 800_000) -> bytes:
    """Return a PNG whose pixels come in so many empty pieces."""
    empty = _chunk(b"IDAT", b"")
    return PNG_MARK + _header(9, 9, colour=2) + empty * chunks + _chunk(b"IDAT", zlib.compress(bytes(28 * 9))) + END


def rgba_png(*, side: int = 7070) -> bytes:
    """Return a lawful PNG of half-transparent red: 50 megapixels of four bytes, of which a second copy is made."""
    row = b"\0" + b"\xff\0\0\x80" * side
    return PNG_MARK + _header(side, side, colour=6) + _chunk(b"IDAT", zlib.compress(row * side, 9)) + END


def commented_jpeg(*, comments: int = 2_400_000) -> bytes:
    """Return a JPEG with so many empty comments."""
    data = _jpeg()
    return data[:2] + b"\xff\xfe\0\2" * comments + data[2:]


def exif_jpeg(*, segments: int = 180_000) -> bytes:
    """Return a JPEG whose EXIF comes in so many segments: Pillow copies all that it has for each of them."""
    data = _jpeg()
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 50) + b"Exif\0\0" + bytes(44)
    return data[:2] + segment * segments + data[2:]


def odd_pgm(*, side: int = 2200, top: int = 65534) -> bytes:
    """Return a PGM whose white is no power of two: Pillow scales each value in Python."""
    return b"P5 %d %d %d\n" % (side, side, top) + bytes(2 * side * side)


def plain_pgm(*, side: int = 2200) -> bytes:
    """Return a PGM whose values are written as digits."""
    return b"P2 %d %d 255\n" % (side, side) + b"7 " * (side * side)


def flat_webp(*, side: int = 7000) -> bytes:
    """Return a small WebP of one colour, for whose pixels its decoder needs 16 bytes each."""
    return _encoded(Image.new("RGB", (side, side), "red"), "WEBP", lossless=True, method=0)


def float_tiff(*, side: int = 7000) -> bytes:
    """Return a packed TIFF of numbers, four bytes each beside the four of the result."""
    return _encoded(Image.new("F", (side, side), 0.5), "TIFF", compression="tiff_adobe_deflate")


PNG_MARK = b"\x89PNG\r\n\x1a\n"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


END = _chunk(b"IEND", b"")


def _header(width: int, height: int, *, colour: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _jpeg() -> bytes:
    return _encoded(Image.new("RGB", (64, 64), "red"), "JPEG")


DRAWN: dict[str, Draw] = {
    "progressive JPEG, 10 000 scans": progressive_jpeg,
    "BMP, 200 lines of 250 000": rle_bmp,
    "TIFF, 4.8 million strips": striped_tiff,
    "PNG, 800 000 chunks": chunked_png,
    "PNG, 800 000 pieces": split_png,
    "RGBA PNG of 7 070²": rgba_png,
    "JPEG, 2.4 million comments": commented_jpeg,
    "JPEG, 180 000 segments of EXIF": exif_jpeg,
    "PGM, odd white": odd_pgm,
    "PGM of digits": plain_pgm,
    "WebP of 7 000²": flat_webp,
    "float TIFF of 7 000²": float_tiff,
}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="DIR", help="write the bombs there, and decode none")
    parser.add_argument("--one", action="store_true", help="decode standard input, and print its figures")
    arguments = parser.parse_args(argv)
    if arguments.one:
        print(*_decoded(sys.stdin.buffer.read()))
        return 0
    if arguments.write is not None:
        arguments.write.mkdir(parents=True, exist_ok=True)
        for name, data in bombs().items():
            (arguments.write / re.sub(r"\W+", "-", name)).write_bytes(data)
        return 0
    print("| image | bytes | CPU s | peak MiB | answer after s | answer |\n|---|---|---|---|---|---|")
    *base, _ = _measured(_jpeg())
    for name, data in bombs().items():
        *figures, status = _measured(data)
        cpu_s, peak_mib, wall_s = (figure - least for figure, least in zip(figures, base, strict=True))
        size = f"{len(data):,}".replace(",", " ")
        print(f"| {name} | {size} | {cpu_s:.2f} | {peak_mib:.0f} | {wall_s:.2f} | {status:.0f} |", flush=True)
    print("\n| ordinary JPEG | bytes | ms in a child | ms in this process |\n|---|---|---|---|")
    for width, height in ((256, 256), (4000, 3000)):
        _compare(width, height)
    return 0


def _compare(width: int, height: int) -> None:
    """Prints the median times of decoding a JPEG, in a child and in this process by turns."""
    data = _encoded(Image.effect_noise((width, height), 60).convert("RGB"), "JPEG", quality=90)
    with ImageDecoders(1, cpu_s=1.0) as decoders:
        ways = [decoders.pixels, preprocess.square]
        times_ms: list[list[float]] = [[], []]
        for _ in range(41):
            for way, times in zip(ways, times_ms, strict=True):
                began = time.perf_counter()
                way(data, resize=Resize(224), max_pixels=MAX_IMAGE_PIXELS)
                times.append(1000 * (time.perf_counter() - began))
    child_ms, here_ms = (median(times) for times in times_ms)
    print(f"| {width} × {height} | {len(data)} | {child_ms:.2f} | {here_ms:.2f} |")


def _measured(data: bytes) -> list[float]:
    """Return the figures of `_decoded`, from a small process: a child's peak of memory begins at its parent's."""
    command = [sys.executable, __file__, "--one"]
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True, timeout=60)
    return [float(word) for word in done.stdout.split()]


def _decoded(data: bytes) -> tuple[float, float, float, int]:
    """Return the CPU seconds, the peak MiB and the seconds of decoding an image, and the status that it gets."""
    status = 200
    with ImageDecoders(1, cpu_s=1.0) as decoders:
        decoders.start(1)
        began = time.monotonic()
        try:
            decoders.pixels(data, resize=Resize(224), max_pixels=MAX_IMAGE_PIXELS)
        except InputError as error:
            status = status_of(error)
        wall_s = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, wall_s, status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

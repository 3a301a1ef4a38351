"""Invalid and dangerous image files, each with a name and the status that it gets."""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, features

File = tuple[str, bytes, int]  # name, bytes, status
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(width: int = 90, height: int = 70) -> Image.Image:
    random = np.random.default_rng(width)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG with a valid checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + chunk(b"IEND", b"")


def tiff(*tags: tuple[int, int, int, int], after: int = 0) -> bytes:
    """Return a little-endian TIFF with these tags: id, type, count, value."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", after)


def truncated() -> Iterator[File]:
    """Each format cut at many offsets: 415 if the header is cut, 422 if the pixels are."""
    for form in FORMATS:
        data = encoded(noise(), form)
        yield f"{form} cut to its first letter", data[:1], 415
        for share in (0.2, 0.4, 0.6, 0.8, 0.95):
            yield f"{form} cut to {share}", data[: int(len(data) * share)], 422
        yield f"{form} without its middle", data[: len(data) // 3] + bytes(len(data) // 3)[:7], 422


def foreign() -> Iterator[File]:
    """Files of other types, some of which Pillow could read."""
    small = noise(16, 16)
    for form in (
        "ICO",
        "PCX",
        "SGI",
        "TGA",
        "DDS",
        "EPS",
        "MSP",
        "PDF",
        "XBM",
        "ICNS",
        "SPIDER",
    ):
        image_file = small.convert("1") if form in ("MSP", "XBM") else small.convert("F") if form == "SPIDER" else small
        try:
            yield f"a {form}", encoded(image_file, form), 415
        except (OSError, KeyError):  # this Pillow cannot write the format
            continue
    heads = {
        "text": b"hello, I am a text", "spaces": b" " * 1000, "zeros": bytes(1000), "0xff": b"\xff" * 1000,
        "one letter": b"\0",
        "HTML": b"<!doctype html><script>alert(1)</script>", "JSON": b'{"image": 1}',
        "XML": b"<?xml version='1.0'?><x/>",
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://169.254.169.254/'/></svg>",
        "SVG bomb": b"<!DOCTYPE s [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><svg>&b;</svg>",
        "ZIP": b"PK\3\4" + bytes(100),
        "gzip": zlib.compress(bytes(10**6)), "ELF": b"\x7fELF" + bytes(60), "EXE": b"MZ" + bytes(100),
        "MP4": b"\0\0\0 ftypisom",
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(60), "WAV": b"RIFF\x24\0\0\0WAVEfmt ",
        "pickle": b"\x80\x04cos\nsystem\n(S'id'\ntR.",
        "PSD": b"8BPS\0\1" + bytes(100), "MVG": b"push graphic-context\nfill 'url(https://127.0.0.1/)'",
        "NPY": b"\x93NUMPY\1\0",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file",
        "FITS": b"SIMPLE  =  T",
    }  # fmt: skip
    for name, data in heads.items():
        yield f"{name}", data, 415
    yield "nothing", b"", 422


def polyglots() -> Iterator[File]:
    """Files of two types: the first is not accepted, or has no valid image."""
    image_file = encoded(noise(), "PNG")
    yield "a PDF with a PNG in it", b"%PDF-1.7\n" + image_file, 415
    yield "a ZIP with a PNG after it", b"PK\3\4" + bytes(26) + image_file, 415
    yield "HTML with a PNG in it", b"<html>" + image_file, 415
    yield "a PNG behind a byte order mark", b"\xef\xbb\xbf" + image_file, 415
    yield "a PNG's mark before a JPEG", image_file[:8] + encoded(noise(), "JPEG"), 415
    yield "a script that is a GIF", b"GIF89a=1;alert(document.cookie)//" + bytes(20), 415
    yield "PHP that is a GIF", b"GIF89a\1\0\1\0\0\0\0<?php system('id'); ?>", 415
    yield "a JPEG's mark before a PNG", b"\xff\xd8\xff" + image_file, 415
    yield "a WebP that is a WAV inside", b"RIFF\x40\0\0\0WEBPfmt " + bytes(52), 415
    yield "a BMP that is a text", b"BM" + b" I am a text of no picture at all" * 4, 422
    yield "a PPM that is a program", b"P6\n#!/bin/sh\n/bin/id\n", 422
    yield "a TIFF that is a ZIP", b"II*\0PK\3\4" + bytes(100), 415


def huge() -> Iterator[File]:
    """More pixels than allowed, by the header or packed into few bytes; and no pixels."""
    row = chunk(b"IDAT", zlib.compress(bytes(10**6)))
    for side in (50_000, 65_535, 2**31 - 1):
        yield f"a PNG said to be {side} wide and high", png(side, side, row), 413
    yield "a PNG of one row of a thousand million", png(10**9, 1, row), 413
    yield "a PNG said to be wider than its format allows", png(2**32 - 1, 2, row), 413
    for width, height in ((0, 0), (0, 5), (5, 0)):
        yield f"a PNG of {width}×{height}", png(width, height, row), 415
    for side in (7_100, 12_000, 20_000):  # valid, a few kilobytes
        yield f"a PNG of {side}² white pixels", encoded(Image.new("1", (side, side)), "PNG"), 413
    blank = Image.new("1", (9_000, 9_000))
    for packed in ("group4", "tiff_lzw", "tiff_deflate", "packbits"):
        yield f"a TIFF of {packed}, packed flat", encoded(blank, "TIFF", compression=packed), 413
    yield "a GIF packed flat", encoded(Image.new("P", (8_000, 8_000)), "GIF"), 413
    yield "a GIF said to be large", b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x08\1\0\0;", 413
    yield (
        "a BMP said to be large",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 90, 0, 54, 40, 10**5, 10**5, 1, 24, 0, 0, 0, 0, 0, 0),
        413,
    )
    yield (
        "a BMP said to be large, upside down",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 90, 0, 54, 40, 10**5, -(10**5), 1, 24, 0, 0, 0, 0, 0, 0),
        413,
    )
    yield (
        "a BMP whose runs fill it",
        b"BM"
        + struct.pack("<IIIIiiHHIIiiII", 90, 0, 1078, 40, 30_000, 30_000, 1, 8, 1, 0, 0, 0, 256, 0)
        + bytes(1024)
        + b"\xff\0" * 9000,
        413,
    )
    for number in (3, 5, 6):
        yield f"a P{number} said to be large", b"P%d 90000 90000 255\n" % number + bytes(100), 413
    yield "a P6 without pixels", b"P6 0 0 255\n", 415
    yield "a P6 of a number without end", b"P6 " + b"9" * 100_000, 422
    yield "a P6 of a comment without end", b"P6 #" + b"x" * 100_000, 422
    yield (
        "a JPEG said to be large",
        b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x22\0\2\x11\1\3\x11\1\xff\xd9",
        413,
    )
    yield "a JPEG of no height", b"\xff\xd8\xff\xc0\0\x11\x08\0\0\0\x10\3\1\x22\0\2\x11\1\3\x11\1\xff\xd9", 415
    yield "a WebP said to be large", b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\x00\xff\xff\x00", 413
    shape = (
        (256, 4, 1, 10**5),
        (257, 4, 1, 10**5),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (279, 4, 1, 9),
    )
    yield "a TIFF said to be large", tiff(*shape), 413


def bombs() -> Iterator[File]:
    """Decompression bombs in metadata, and data without end."""
    row = chunk(b"IDAT", zlib.compress(bytes(4)))
    xmp = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(30_000_000), 9)
    yield "a PNG with a packed orientation", png(1, 1, chunk(b"iTXt", xmp), row), 422
    yield "a PNG with a chunk that is longer than the file", png(1, 1) + struct.pack(">I", 2**31 - 1) + b"zzzz", 422
    yield "a PNG whose pixels are packed rubbish", png(9, 9, chunk(b"IDAT", b"\0" * 500)), 422
    yield "a PNG without pixels", png(9, 9), 422
    yield "a PNG with a wrong sum", encoded(noise(), "PNG").replace(b"IHDR", b"IHdR", 1), 415
    yield "a PNG of depth 77", png(9, 9, row, depth=77), 415
    yield "a PNG of colour 9", png(9, 9, row, colour=9), 415
    shape = ((256, 3, 1, 9), (257, 3, 1, 9), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))
    yield "a TIFF that leads to itself", tiff(*shape, after=8), 415
    yield "a TIFF with a tag of four thousand million values", tiff(*shape, (700, 12, 2**32 - 1, 8)), 415
    yield "a TIFF whose pixels lie outside", tiff(*shape, (273, 4, 1, 2**31), (279, 4, 1, 81)), 422
    yield "a TIFF with no tags", tiff(), 415
    yield "a TIFF of an unknown packing", tiff((256, 3, 1, 9), (257, 3, 1, 9), (259, 3, 1, 7777), (273, 4, 1, 8)), 415
    yield "a big TIFF whose tags lie outside", b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63), 422
    yield "a GIF whose pixels never come", b"GIF89a\x09\0\x09\0\0\0\0" + b"!\xfe\xff" + b"x" * 255 + b"\0" * 100, 415
    yield "a GIF of comments only", b"GIF89a\x09\0\x09\0\0\0\0" + (b"!\xfe\x01x\0" * 20_000) + b";", 415
    yield "a JPEG of empty segments", b"\xff\xd8" + b"\xff\xe0\0\2" * 50_000, 413
    yield "a JPEG of comments only", b"\xff\xd8" + b"\xff\xfe\0\3x" * 50_000 + b"\xff\xd9", 413
    yield "a BMP of depth 99", b"BM" + struct.pack("<IIIIiiHHIIiiII", 90, 0, 54, 40, 9, 9, 1, 99, 0, 0, 0, 0, 0, 0), 422


def wary() -> Iterator[File]:
    """Unusual but valid images, which are answered with hits."""
    image = noise()
    frames = [noise(40 + n, 40) for n in range(30)]
    for form in ("GIF", "WEBP", "PNG", "TIFF"):
        yield (
            f"an animated {form}",
            encoded(frames[0], form, save_all=True, append_images=[f.resize((40, 40)) for f in frames]),
            200,
        )
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        yield f"a {form} with a broken colour profile", encoded(image, form, icc_profile=b"\xff" * 700), 200
    for form in ("JPEG", "PNG", "WEBP"):
        yield f"a {form} with a broken EXIF", encoded(image, form, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), 200
    yield "a PNG before a ZIP", encoded(image, "PNG") + b"PK\3\4" + bytes(100), 200
    yield "a JPEG before HTML", encoded(image, "JPEG") + b"<script>alert(1)</script>", 200
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
        yield (
            f"a PNG of mode {mode}",
            encoded(image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode), "PNG"),
            200,
        )
    yield "a CMYK JPEG", encoded(image.convert("CMYK"), "JPEG"), 200
    yield (
        "a float TIFF with what is no number",
        encoded(Image.fromarray(np.full((9, 9), np.nan, dtype=np.float32)), "TIFF"),
        200,
    )
    yield (
        "a float TIFF with what is without end",
        encoded(Image.fromarray(np.full((9, 9), np.inf, dtype=np.float32)), "TIFF"),
        200,
    )
    row, flat = chunk(b"IDAT", zlib.compress(bytes(4))), zlib.compress(bytes(30_000_000), 9)
    yield "a PNG with a packed text", png(1, 1, chunk(b"zTXt", b"x\0\0" + flat), row), 200
    yield "a PNG with a packed international text", png(1, 1, chunk(b"iTXt", b"x\0\1\0\0\0" + flat), row), 200
    yield "a PNG with a packed colour profile", png(1, 1, chunk(b"iCCP", b"x\0\0" + flat), row), 200
    many = b"".join(chunk(b"zTXt", b"x%d\0\0" % n + zlib.compress(bytes(900_000))) for n in range(200))
    yield "a PNG with many packed texts", png(1, 1, many, row), 200
    for form in ("AVIF", "JPEG2000"):
        if features.check({"AVIF": "avif", "JPEG2000": "jpg_2000"}[form]):
            yield f"a {form}", encoded(image, form), 200
    yield "a strip", encoded(Image.new("RGB", (30_000, 1)), "PNG"), 200
    yield "one pixel", encoded(Image.new("RGB", (1, 1)), "PNG"), 200


def files() -> list[File]:
    """All files that are refused."""
    return [*truncated(), *foreign(), *polyglots(), *huge(), *bombs()]

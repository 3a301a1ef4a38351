"""Images that are odd or damaged beside their pixels are read with the right values; cut ones are refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from models.containers import MAX_CHUNKS, MAX_SEGMENTS
from models.errors import ImageTooCostly, UnreadableImage
from models.preprocess import decode

RAMP = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    random = np.random.Generator(np.random.PCG64(width * 1000 + height))
    return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(chunk: bytes, image: Image.Image) -> bytes:
    """Return a PNG with a chunk behind its header."""
    data = encoded(image, "PNG")
    return data[:33] + chunk + data[33:]


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """Return a little-endian TIFF with another value of a tag."""
    at = data.index(struct.pack("<HHI", tag, 3, 1)) + 8
    return data[:at] + struct.pack("<H", value) + data[at + 2 :]


def difference(image: Image.Image, colour: tuple[int, int, int]) -> int:
    """Return by how much a value of the image differs at most from an even colour."""
    return int(np.abs(np.asarray(image, dtype=int) - colour).max())


def mean(data: bytes) -> float:
    return float(np.asarray(decode(data)).mean())


RED = Image.new("RGB", (64, 64), (255, 0, 0))
WEBP = encoded(RED, "WEBP", lossless=True)
DAMAGED = {
    "PNG, EXIF without a header": with_chunk(chunk(b"eXIf", b"garbage."), RED),
    "PNG, EXIF cut": with_chunk(chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff"), RED),
    "PNG, EXIF of a wrong checksum": with_chunk(chunk(b"eXIf", b"MM\0*")[:-1] + b"\0", RED),
    "PNG, text of a wrong checksum": with_chunk(struct.pack(">I", 4) + b"tEXta\0bc" + bytes(4), RED),
    "PNG, profile of a wrong checksum": with_chunk(chunk(b"iCCP", b"x\0\0rubbish")[:-1] + b"\0", RED),
    "PNG, profile that is not packed": with_chunk(chunk(b"iCCP", b"x\0\0rubbish"), RED),
    "PNG, profile that unpacks to 30 MB": with_chunk(chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(30_000_000))), RED),
    "PNG, text packed wrong": with_chunk(chunk(b"zTXt", b"x\0\0rubbish"), RED),
    "PNG, empty physical size": with_chunk(chunk(b"pHYs", b""), RED),
    "PNG, short gamma": with_chunk(chunk(b"gAMA", b"\0"), RED),
    "PNG, animation control cut": with_chunk(chunk(b"acTL", b"\0"), RED),
    "PNG without its end": encoded(RED, "PNG")[:-12],
    "PNG, rubbish behind": encoded(RED, "PNG") + b"\0garbage" * 9,
    "PNG, rubbish for its end": encoded(RED, "PNG")[:-12] + b"rubbish rubbish",
    "JPEG, EXIF without a header": encoded(RED, "JPEG", exif=b"Exif\0\0not a TIFF header", quality=100),
    "JPEG, rubbish behind": encoded(RED, "JPEG", quality=100) + b"\0garbage" * 9,
    "JPEG, broken profile": encoded(RED, "JPEG", icc_profile=b"\xff" * 700, quality=100),
    "WebP, EXIF without a header": encoded(RED, "WEBP", exif=b"Exif\0\0not a TIFF header", lossless=True),
    "WebP, broken profile": encoded(RED, "WEBP", icc_profile=b"\xff" * 700, lossless=True),
    "WebP, EXIF cut": encoded(RED, "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0", lossless=True)[:-6],
    "WebP, length too large": WEBP[:4] + struct.pack("<I", len(WEBP) + 50) + WEBP[8:],
    "WebP, length too small": WEBP[:4] + struct.pack("<I", len(WEBP) - 20) + WEBP[8:],
    "WebP, rubbish behind": WEBP + b"\0garbage" * 9,
    "TIFF, broken profile": encoded(RED, "TIFF", icc_profile=b"\xff" * 700),
    "GIF without its end": encoded(RED, "GIF")[:-1],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_beside_the_pixels_is_passed_over(name: str) -> None:
    image = decode(DAMAGED[name])
    assert image.size == (64, 64)
    assert difference(image, (255, 0, 0)) <= 2


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("behind", [b"", b"\0\0\0"])
def test_a_jpeg_may_lack_its_end_but_no_pixels(options: dict[str, object], mode: str, behind: bytes) -> None:
    data = encoded(noise(208, 160, mode), "JPEG", **options)  # whole blocks, or the last bytes would not be seen
    assert decode(data[:-2] + behind).tobytes() == decode(data).tobytes()
    for cut in (40, 300, len(data) // 2, len(data) * 9 // 10):
        with pytest.raises(UnreadableImage):
            decode(data[:-cut])


def test_a_large_jpeg_without_its_end_is_decoded_smaller_all_the_same() -> None:
    data = encoded(noise(1600, 800), "JPEG")
    assert decode(data[:-2], side=48).size == (400, 200)
    assert decode(data[:-2], side=48).tobytes() == decode(data, side=48).tobytes()
    with pytest.raises(UnreadableImage):
        decode(data[:-9000], side=48)


@pytest.mark.parametrize(
    ("values", "form", "expected"),
    [
        (RAMP, "TIFF", 127),
        (RAMP * 255, "TIFF", 127),
        (RAMP * 65535, "TIFF", 127),
        (RAMP * 1.5, "TIFF", 170),  # above white is white
        (RAMP - 0.5, "TIFF", 32),  # below black is black
        (np.where(RAMP > 0.9, np.inf, RAMP), "TIFF", 129),
        (np.where(RAMP > 0.9, np.nan, RAMP), "TIFF", 101),
        ((RAMP * 255).astype(np.int32), "TIFF", 127),
        ((RAMP * 65535).astype(np.int32), "TIFF", 127),
        ((RAMP * (2**31 - 129)).astype(np.int32), "TIFF", 127),
        ((RAMP * 65535).astype(np.uint16), "PNG", 127),
        ((RAMP * 65535).astype(np.uint16), "TIFF", 127),
        ((RAMP * 65535).astype(np.uint16), "PPM", 127),
        ((RAMP * 200).astype(np.uint16), "PNG", 0),  # nearly black, however dark the whole image is
        (np.full((64, 64), 200, np.uint16), "PPM", 1),
        (np.full((64, 64), 200 * 257, np.uint16), "PNG", 200),
        (np.full((64, 64), 200, np.uint8), "PNG", 200),
    ],
)
def test_values_of_more_than_8_bits_are_scaled_to_white(values: np.ndarray, form: str, expected: float) -> None:
    assert mean(encoded(Image.fromarray(values), form)) == pytest.approx(expected, abs=1.5)


def test_unsigned_32_bits_reach_the_upper_half() -> None:
    image = Image.fromarray((RAMP.astype(np.float64) * (2**32 - 1)).astype(np.uint32).view(np.int32))
    assert mean(with_tag(encoded(image, "TIFF"), 339, 1)) == pytest.approx(127, abs=1.5)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours", [1, 3])
def test_a_colour_that_is_named_transparent_is_white(bits: int, colours: int) -> None:
    values = [7] * colours
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, bits, {1: 0, 3: 2}[colours], 0, 0, 0))
    size = ">" + {8: "B", 16: "H"}[bits] * colours
    row = b"\0" + struct.pack(size, *values) + struct.pack(size, *[0] * colours)
    transparent = chunk(b"tRNS", struct.pack(">" + "H" * colours, *values))
    pixels = chunk(b"IDAT", zlib.compress(row))
    image = decode(b"\x89PNG\r\n\x1a\n" + header + transparent + pixels + chunk(b"IEND", b""))
    if (bits, colours) == (16, 3):  # Pillow has 8 bits of these, and so cannot compare
        assert image.getpixel((1, 0)) == (0, 0, 0)
    else:
        assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (0, 0, 0)]


def test_premultiplied_transparency_is_laid_on_white() -> None:
    data = encoded(Image.new("RGBA", (8, 8), (128, 0, 0, 128)), "TIFF")
    assert decode(data).getpixel((4, 4)) == (191, 127, 127)
    assert difference(decode(with_tag(data, 338, 1)), (255, 127, 127)) <= 2


@pytest.mark.parametrize("kind", ["eXIf", "XMP"])
def test_the_orientation_of_a_png_is_still_applied(kind: str) -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste((255, 0, 0), (0, 0, 10, 20))  # red at the left
    exif = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x112, 3, 1, 6, 0) + bytes(4)
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0" + b'<x tiff:Orientation="6"/>'
    upright = decode(with_chunk(chunk(b"eXIf", exif) if kind == "eXIf" else chunk(b"iTXt", xmp), image))
    assert upright.size == (20, 40) and upright.getpixel((10, 2)) == (255, 0, 0)


@pytest.mark.parametrize(("form", "feature"), [("AVIF", "avif"), ("JPEG2000", "jpg_2000")])
def test_avif_and_jpeg_2000_are_read_if_pillow_reads_them(form: str, feature: str) -> None:
    if not features.check(feature):
        pytest.skip(f"this Pillow has no {feature}")
    image = Image.new("RGBA", (1600, 800), (255, 0, 0, 128))
    data = encoded(image, form)
    for side in (None, 48):
        read = decode(data, side=side)
        assert difference(read, (255, 127, 127)) <= 4
        assert read.size == ((400, 200) if (form, side) == ("JPEG2000", 48) else (1600, 800))
    with pytest.raises(UnreadableImage):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_the_first_frame_of_an_animation_counts(form: str) -> None:
    data = encoded(RED, form, save_all=True, append_images=[Image.new("RGB", (64, 64), "blue")], duration=40)
    assert difference(decode(data), (255, 0, 0)) <= 3


def test_inks_are_read_as_colours() -> None:
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    assert difference(decode(data), (255, 0, 0)) <= 3


def test_files_of_too_many_parts_are_refused() -> None:
    with pytest.raises(ImageTooCostly):
        decode(with_chunk(chunk(b"tEXt", b"") * MAX_CHUNKS, RED))
    jpeg = encoded(RED, "JPEG")
    assert decode(jpeg[:2] + b"\xff\xfe\0\2" * (MAX_SEGMENTS - 99) + jpeg[2:]).size == (64, 64)
    with pytest.raises(ImageTooCostly):
        decode(jpeg[:2] + b"\xff\xfe\0\2" * MAX_SEGMENTS + jpeg[2:])

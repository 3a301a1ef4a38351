"""Our preprocessing against open_clip's own transform, and against damaged, huge and odd pictures."""

import io
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from open_clip.transform import image_transform
from PIL import Image, ImageFilter

from models.bundle import SHIPPED
from models.encoder import Encoder
from models.errors import ImageTooLarge, UnreadableImage
from models.preprocess import MAX_IMAGE_PIXELS, Filter, Mode, Resize, decode, pixels, rgb, square

SIZE = 96


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    random = np.random.Generator(np.random.PCG64(width * 1000 + height))
    return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("filter", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["crop", "squash", "pad"])
@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 400), height=st.integers(1, 400))
def test_pixels_are_those_of_open_clips_evaluation_transform(
    mode: Mode, filter: Filter, width: int, height: int
) -> None:
    if mode == "pad":
        assume(min(width, height) * SIZE > max(width, height))  # theirs fails at no pixels at all
    # softened, since on white noise the order of the two passes alone (each clips to 0…255) moves a pixel by 20
    image = noise(width, height).filter(ImageFilter.GaussianBlur(2))
    name = {"crop": "shortest", "squash": "squash", "pad": "longest"}[mode]
    plain = {"mean": (0, 0, 0), "std": (1, 1, 1), "fill_color": 200}
    theirs = image_transform(SIZE, is_train=False, resize_mode=name, interpolation=filter, **plain)(image).numpy() * 255
    difference = np.abs(pixels(image, Resize(SIZE, mode, filter, fill=200)).astype(float) - theirs.round())
    assert difference.max() <= 2
    assert difference.mean() < 0.15  # a rounded pixel here and there


def photograph(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Shapes of every size, with grain, as a camera would see them."""
    coarse = [noise(width >> step, height >> step).resize((width, height), Image.Resampling.BICUBIC) for step in (7, 5)]
    grain = np.random.Generator(np.random.PCG64(1)).normal(0, 10, (height, width, 1))
    mixed = 0.6 * np.asarray(coarse[0], dtype=np.float32) + 0.4 * np.asarray(coarse[1], dtype=np.float32) + grain
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8)).convert(mode)


@pytest.mark.parametrize(
    ("width", "height", "mode", "options", "times"),
    [
        (2400, 1600, "RGB", {}, 4),
        (1600, 2400, "RGB", {"progressive": True}, 4),
        (2400, 1600, "L", {}, 4),
        (2400, 1600, "CMYK", {}, 4),
        (2400, 1600, "RGB", {"subsampling": 0}, 4),
        (2401, 1607, "RGB", {}, 4),  # the last pixels of a quarter are partly beyond the image
        (1603, 2402, "L", {}, 4),
        (3200, 3200, "RGB", {}, 8),
        (1000, 760, "RGB", {}, 2),
        (760, 570, "RGB", {}, 1),  # too few would be left
    ],
)  # fmt: skip
def test_a_large_jpeg_is_decoded_smaller_and_gives_the_same_pixels(
    width: int, height: int, mode: str, options: dict[str, bool], times: int
) -> None:
    shown = photograph(width, height, mode)
    for orientation in range(1, 9) if width % 2 else (6,):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encoded(shown, "JPEG", quality=90, exif=exif, **options)
        whole, small = decode(data), decode(data, side=SIZE)
        upright = (width, height) if orientation < 5 else (height, width)
        assert whole.size == upright and small.size == tuple(-(-side // times) for side in upright)
        for resize in (Resize(SIZE), Resize(SIZE, "squash"), Resize(SIZE, "pad", fill=90)):
            seen = square(data, resize=resize, max_pixels=MAX_IMAGE_PIXELS)
            difference = np.abs(pixels(whole, resize).astype(float) - seen)
            assert difference.mean() < 0.6 and difference.max() <= 6, (orientation, resize)
    if times > 1:
        with pytest.raises(UnreadableImage):
            decode(data[: len(data) * 9 // 10], side=SIZE)  # what is cut is still found


def test_the_embedding_of_a_large_jpeg_stays_the_same() -> None:
    encoder = Encoder.open(SHIPPED)
    for size in ((2400, 1600), (3200, 3200), (4001, 3003)):
        data = encoded(photograph(*size), "JPEG", quality=90)
        whole = pixels(decode(data), encoder.manifest.resize)
        first, second = encoder.gallery(np.stack([whole, encoder.preprocess(data)]))
        assert float(first @ second) > 0.9999


@pytest.mark.parametrize("mode", ["crop", "squash", "pad"])
@pytest.mark.parametrize("size", [(1, 4_000), (4_000, 1)])
def test_a_strip_gives_its_middle(size: tuple[int, int], mode: Mode) -> None:
    square = pixels(Image.new("RGB", size, (10, 200, 30)), Resize(SIZE, mode))
    coloured = (square.reshape(3, -1).T == (10, 200, 30)).all(axis=1)
    assert coloured.sum() == (SIZE if mode == "pad" else SIZE**2)


PEAK = """
import re, sys
from pathlib import Path
import numpy as np
from PIL import Image
from models.preprocess import Resize, pixels, rgb
def peak():  # KiB, of this process alone: what getrusage says begins at that of its parent
    return int(re.search("VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])
"""


def grown(image: str, work: str) -> int:
    """KiB by which some work on an image raises the peak of a process that does nothing else."""
    code = f"{PEAK}image = {image}\nbefore = peak()\n{work}\nprint(peak() - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("mode", ["crop", "squash", "pad"])
@pytest.mark.parametrize("size", ["(1, 2_000_000)", "(2_000_000, 1)"])
def test_a_long_strip_is_never_widened_whole(size: str, mode: Mode) -> None:
    assert grown(f'Image.new("RGB", {size})', f"pixels(image, Resize({SIZE}, {mode!r}))") < 100_000  # else 600 MB


@pytest.mark.parametrize("shape", [(3000, 4000), (1, 12_000_000)])
@pytest.mark.parametrize("kind", ["uint16", "int32", "float32", "RGBA"])
def test_other_pixels_are_never_copied_whole(kind: str, shape: tuple[int, int]) -> None:
    image = f"Image.fromarray(np.full({shape}, 300, np.{kind}))"
    if kind == "RGBA":
        image = f'Image.new("RGBA", {shape[::-1]}, (1, 2, 3, 4))'
    result_kib = 12_000_000 * 4 // 1024  # Pillow holds RGB in four bytes
    assert grown(image, "rgb(image)") < result_kib + 30_000


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I", "F"])
@pytest.mark.parametrize("size", [(40, 700), (9000, 3), (1, 1)])
@pytest.mark.parametrize("top", [200, 65535])
def test_what_is_scaled_in_strips_is_as_if_scaled_at_once(mode: str, size: tuple[int, int], top: int) -> None:
    random = np.random.Generator(np.random.PCG64(1))
    values = random.integers(0, 100, size[::-1])
    values[-1, -1] = top  # in the last strip, and it decides the scale of all
    kind = {"I;16": "<u2", "I;16B": ">u2", "I": "int32", "F": "float32"}[mode]
    image = Image.frombytes(mode, size, values.astype(kind).tobytes())
    white = 255.0 if top < 256 and not mode.startswith("I;16") else 65535.0
    expected = (values * (255.0 / white)).round().astype(np.uint8)
    assert (np.asarray(rgb(image)) == expected[..., None]).all()


@pytest.mark.parametrize(
    ("mode", "form"),
    [("L", "JPEG"), ("CMYK", "JPEG"), ("1", "PNG"), ("P", "GIF"), ("RGB", "WEBP"), ("RGB", "BMP"), ("L", "TIFF")],
)
def test_every_colour_mode_comes_out_as_rgb(mode: str, form: str) -> None:
    data = encoded(noise(50, 40, mode), form)
    assert decode(data).mode == "RGB"
    assert decode(data).size == (50, 40)


def test_transparent_parts_lie_on_white() -> None:
    clear = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    assert decode(encoded(clear, "PNG")).getpixel((5, 5)) == (255, 255, 255)
    grey = Image.new("LA", (20, 20), (0, 128))
    assert decode(encoded(grey, "PNG")).getpixel((5, 5)) == (127, 127, 127)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_laid_on_white_in_strips_is_as_if_laid_at_once(mode: str) -> None:
    image = noise(40, 700, "RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image = Image.open(io.BytesIO(encoded(image.quantize(16) if mode == "P" else image.convert(mode), "PNG")))
    whole = image.convert("RGBA")
    expected = Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert("RGB")
    assert rgb(image).tobytes() == expected.tobytes()


def test_a_palette_with_a_transparent_colour_lies_on_white() -> None:
    image = Image.new("P", (10, 10), 0)
    image.putpalette([255, 0, 0] + [0, 0, 0] * 255)
    assert decode(encoded(image, "PNG", transparency=0)).getpixel((3, 3)) == (255, 255, 255)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    values = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    grey = np.asarray(decode(encoded(Image.fromarray(values), "PNG")))[..., 0]
    assert abs(int(grey[4, 0]) - int(values[4, 0]) // 257) <= 1


def test_a_rotated_photograph_is_turned_upright() -> None:
    image = Image.new("RGB", (40, 20), "white")
    image.paste((255, 0, 0), (0, 0, 10, 20))  # red at the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90° clockwise
    upright = decode(encoded(image, "PNG", exif=exif))
    assert upright.size == (20, 40)
    assert upright.getpixel((10, 2)) == (255, 0, 0)  # red at the top


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95])
def test_a_truncated_file_is_unreadable(form: str, share: float) -> None:
    data = encoded(noise(200, 150), form)
    with pytest.raises(UnreadableImage):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"hello, I am a text", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"%PDF-1.7"]
)
def test_what_is_no_picture_is_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableImage):
        decode(data)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_damaged_bytes_raise_our_error_or_give_a_picture(seed: int) -> None:
    random = np.random.Generator(np.random.PCG64(seed))
    form = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"][seed % 6]
    data = bytearray(encoded(noise(40, 30), form))
    for place in random.integers(0, len(data), 8):
        data[place] = random.integers(0, 256)
    with suppress(UnreadableImage, ImageTooLarge):
        assert decode(bytes(data), max_pixels=10**6).mode == "RGB"


def test_damaged_exif_never_escapes_as_a_foreign_error() -> None:
    for form in ("PNG", "WEBP"):
        data = encoded(noise(30, 20), form, exif=b"Exif\0\0II*\0")
        with suppress(UnreadableImage):
            assert decode(data).size == (30, 20)


def test_a_bomb_is_refused_from_its_header() -> None:
    for side in (9_000, 20_000):  # Pillow itself stops the larger one
        data = encoded(Image.new("1", (side, side)), "PNG")
        assert len(data) < 100_000
        with pytest.raises(ImageTooLarge, match="pixels"):
            decode(data)

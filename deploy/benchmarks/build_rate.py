"""Images a second of a gallery's build beside its encoder alone, and the decoding of large JPEGs beside an encoding.

The encoder alone runs over pixels in memory, in the build's own batches; the build reads files, decodes and embeds.
Both by turns, with all cores; the ratio is what reading and decoding leave. Images are photograph-like JPEGs of several
sides. Prints Markdown tables. Run by `make bench`.
"""

import argparse
import io
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from index.build.embed import BATCH
from models import preprocess
from models.bundle import SHIPPED
from models.encoder import Encoder
from rebuild import timed

ROUNDS = 3
PHOTOGRAPHS = ((4000, 3000), (4001, 3001))  # 12 megapixels, with even and with odd sides


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 512, 1000])
    arguments = parser.parse_args(argv)
    encoder = Encoder.open(arguments.bundle)
    cores = f"{os.cpu_count()} cores ({platform.machine()})"
    print(f"{cores}, {encoder.manifest.backbone}, {encoder.manifest.precision}, {arguments.images} images.\n")
    print("| side of the JPEGs | encoder alone, images/s | build, images/s | build / alone |\n|---|---|---|---|")
    for side in arguments.sides:
        alone, built = rates(encoder, side=side, count=arguments.images)
        print(f"| {side} | {alone:.1f} | {built:.1f} | **{built / alone:.2f}** |", flush=True)
    print("\n| JPEG | the whole, ms | as for a search, ms | encoding of one, ms |\n|---|---|---|---|")
    for width, height in PHOTOGRAPHS:
        print(decoding(encoder, width, height), flush=True)
    return 0


def rates(encoder: Encoder, *, side: int, count: int) -> tuple[float, float]:
    """Images a second of the encoder alone, and of the build's reading and embedding; medians."""
    alone, built = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "images"
        folder.mkdir()
        for number in range(count):
            (folder / f"{number:05d}.jpg").write_bytes(photograph(side, side, number))
        shown = [encoder.preprocess(path.read_bytes()) for path in sorted(folder.iterdir())[:BATCH]]
        pixels = np.stack([shown[number % len(shown)] for number in range(BATCH)])
        for turn in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(max(1, count // BATCH)):
                encoder.gallery(pixels)
            alone.append(max(1, count // BATCH) * BATCH / (time.perf_counter() - began))
            _, seconds = timed(folder, Path(scratch) / f"gallery-{turn}", encoder)
            built.append(count / (seconds["read"] + seconds["embed"]))
    return median(alone), median(built)


def decoding(encoder: Encoder, width: int, height: int) -> str:
    """A row: decoding the whole to pixels, decoding as for a search, and the encoding; medians on one thread."""
    data = photograph(width, height, 0)
    resize = encoder.manifest.resize
    one = Encoder.open(encoder.path, threads=1)
    pixels = preprocess.square(data, resize=resize, max_pixels=preprocess.MAX_IMAGE_PIXELS)[np.newaxis]
    ways: tuple[Callable[[], object], ...] = (
        lambda: preprocess.pixels(preprocess.decode(data), resize),
        lambda: preprocess.square(data, resize=resize, max_pixels=preprocess.MAX_IMAGE_PIXELS),
        lambda: one.gallery(pixels),
    )
    took: list[list[float]] = [[] for _ in ways]
    for _ in range(11):
        for way, times in zip(ways, took, strict=True):
            began = time.perf_counter()
            way()
            times.append(1000 * (time.perf_counter() - began))
    cells = " | ".join(f"{median(times):.1f}" for times in took)
    return f"| {width} × {height}, {len(data) / 2**20:.1f} MiB | {cells} |"


def photograph(width: int, height: int, seed: int) -> bytes:
    """A JPEG of shapes of two sizes with grain, as a camera would see them."""
    draw = np.random.Generator(np.random.PCG64(seed))
    grain = draw.normal(0, 10, (height, width, 1))
    mixed = grain
    for share, cells in ((0.6, 8), (0.4, 32)):
        coarse = draw.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        mixed = mixed + share * np.asarray(smooth, dtype=np.float32)
    file = io.BytesIO()
    Image.fromarray(mixed.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Measures a rebuild after few images have changed: draws a folder, builds, changes a share of it, builds again.

Prints each build's seconds by stage as a Markdown table, and the rebuild's share of the first build in reading and
embedding, which is what reuse saves; training and writing are the same for both.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from index.build.build import Built, build
from index.build.snapshot_writer import Progress
from models.bundle import SHIPPED
from models.encoder import Encoder

SIDE_PX = 96
STAGES = ("read", "embed", "train", "write", "publish")
LONG_AGO_NS = 10 * 10**9


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--changed", type=float, default=0.01, help="the share of the pictures that changes")
    arguments = parser.parse_args(argv)

    encoder = Encoder.open(arguments.bundle)
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        pictures, gallery = Path(folder) / "pictures", Path(folder) / "gallery"
        pictures.mkdir()
        for number in range(arguments.pictures):
            draw(pictures / f"{number:06d}.png", generator)
        first, before = timed(pictures, gallery, encoder)
        changed = generator.choice(arguments.pictures, round(arguments.pictures * arguments.changed), replace=False)
        for number in changed.tolist():
            draw(pictures / f"{number:06d}.png", generator)
        second, after = timed(pictures, gallery, encoder)

    print(f"| build | embedded | reused | {' | '.join(f'{stage} s' for stage in STAGES)} |")
    print(f"|---|---|---|{'---|' * len(STAGES)}")
    for name, built, seconds in (("first", first, before), ("again", second, after)):
        cells = " | ".join(f"{seconds[stage]:.2f}" for stage in STAGES)
        print(f"| {name} | {built.embedded} | {built.reused} | {cells} |")
    share = (after["read"] + after["embed"]) / (before["read"] + before["embed"])
    print(f"\nreading and embedding again: {100 * share:.2f} % of the first time, {len(changed)} pictures changed")
    return 0


def draw(path: Path, generator: np.random.Generator) -> None:
    """Writes a new picture, of an age at which a build trusts the file's time of change."""
    coarse = generator.integers(0, 256, size=(6, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((SIDE_PX, SIDE_PX)).save(path)
    changed = time.time_ns() - LONG_AGO_NS
    os.utime(path, ns=(changed, changed))


def timed(source: Path, gallery: Path, encoder: Encoder) -> tuple[Built, dict[str, float]]:
    """The build and the seconds that each of its stages took."""
    seconds = dict.fromkeys(STAGES, 0.0)
    last = time.perf_counter()

    def note(progress: Progress) -> None:
        nonlocal last
        now = time.perf_counter()
        seconds[progress.stage] += now - last  # a stage reports at its end too, so what is between is its own
        last = now

    return build(source, gallery, encoder, progress=note), seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

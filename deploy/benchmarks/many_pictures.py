"""CIRCO's size in drawn pictures: evaluates over 120 000, killed at random moments and resumed, and reports memory.

A few thousand products are drawn, and each is varied cheaply (shifted, mirrored, dyed) until there are enough, in the
folders in which CIRCO is published. `likebut evaluate circo` is killed some times, goes on, and is asked once more
with a second bundle of the same space, which must embed nothing again. Fails where a block that was done is lost, where
a kept row is not its picture's, or where a run takes more than 4 GiB.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.encoder import Encoder
from training.catalogue.draw import draw
from training.catalogue.triplets import triplets
from training.catalogue.world import sample
from training.evaluation import benchmark_images
from training.evaluation.benchmarks import published

LIMIT_BYTES = 4 * 2**30
QUERIES = 220
CHECKED = 300  # rows that are computed again
SIDE = 96
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of the pictures (500 MB) and of what is kept")
    parser.add_argument("--bundles", type=Path, nargs=2, required=True, metavar="BUNDLE", help="two of one space")
    parser.add_argument("--pictures", type=int, default=120_000)
    parser.add_argument("--products", type=int, default=2_000, help="that are drawn anew")
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    data, cache = arguments.out / "circo", arguments.out / "cache"
    begun = time.monotonic()
    if not (data / "annotations" / "val.json").exists():
        write(data, pictures=arguments.pictures, products=arguments.products)
        print(f"drew {arguments.pictures} pictures in {time.monotonic() - begun:.0f} s", flush=True)
    commands = [command(bundle, data, cache, arguments.out / f"{bundle.name}.json") for bundle in arguments.bundles]
    random, before = Random(SEED), b""
    for share in sorted(random.uniform(0.05, 0.95) for _ in range(arguments.kills)):
        before = killed(commands[0], cache, share=share, before=before)
        print(f"killed with {np.mean(list(before)):.0%} of the blocks done", flush=True)
    for words in commands:
        begun = time.monotonic()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024  # of the largest run so far
        print(
            f"{Path(words[-1]).stem}: {time.monotonic() - begun:.0f} s, peak memory {peak / 2**30:.2f} GiB", flush=True
        )
        if peak > LIMIT_BYTES:
            sys.exit("more than 4 GiB")
    check(arguments.bundles[0], data, cache)
    for words in commands:
        rows = json.loads(Path(words[-1]).read_text(encoding="utf-8"))["rows"]
        print(f"{Path(words[-1]).stem}: " + ", ".join(f"{way} {rows[way]['mAP@5']['value']:.3f}" for way in ways(rows)))


def command(bundle: Path, data: Path, cache: Path, out: Path) -> list[str]:
    """The command line as a user types it."""
    words = ["evaluate", "circo", "--bundle", str(bundle), "--data", str(data), "--cache", str(cache)]
    return [sys.executable, "-m", "training", *words, "--allow-missing", "--out", str(out)]


def ways(rows: dict[str, object]) -> Sequence[str]:
    """The ways of asking, less the semantic aspects."""
    return [name for name in rows if ", " not in name]


def write(data: Path, *, pictures: int, products: int) -> None:
    """Pictures and queries in CIRCO's layout; only the products as they were drawn can be answers."""
    drawn = sample.catalogue(products, split="test", seed=SEED)
    number_of = {product.id: row for row, product in enumerate(drawn)}
    folder = data / "COCO2017_unlabeled" / "unlabeled2017"
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.Generator(np.random.PCG64(SEED))
    for row, product in enumerate(drawn):
        plain = draw.draw(product, size=SIDE)
        for number in range(row, pictures, products):
            shown = plain if number == row else varied(plain, random)
            Image.fromarray(shown).save(folder / f"{number:012}.jpg", quality=85)
    rows = []
    for number, triplet in enumerate(triplets(drawn, QUERIES, seed=SEED)):
        answers = [number_of[triplet.target], *(number_of[id] for id in triplet.satisfying if id != triplet.target)]
        words = {"relative_caption": triplet.text, "shared_concept": "", "semantic_aspects": []}
        known = {"target_img_id": answers[0], "gt_img_ids": answers}
        rows.append({"id": number, "reference_img_id": number_of[triplet.reference], **words, **known})
    (data / "annotations").mkdir(exist_ok=True)
    (data / "annotations" / "val.json").write_text(json.dumps(rows), encoding="utf-8")  # last: complete


def varied(plain: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """The picture (S, S, 3) shifted, perhaps mirrored, and its colours scaled."""
    shifted = np.roll(plain, tuple(random.integers(-12, 13, 2)), axis=(0, 1))
    turned = shifted[:, ::-1] if random.random() < 0.5 else shifted
    dyed: NDArray[np.uint8] = (turned * random.uniform(0.5, 1.0, 3)).astype(np.uint8)
    return dyed


def killed(words: list[str], cache: Path, *, share: float, before: bytes) -> bytes:
    """Kill the run once that share of blocks is done and return the notes; fails if a block done before is gone."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    done = before
    while not done or np.mean(list(done)) < share:
        if process.poll() is not None:
            sys.exit(f"the run ended before it could be killed, with status {process.returncode}")
        time.sleep(0.1)
        done = noted(cache) or done
    process.kill()
    process.wait()
    done = noted(cache)
    if any(was and not now for was, now in zip(before, done, strict=False)):
        sys.exit("a block that was done is gone")
    return done


def noted(cache: Path) -> bytes:
    """A byte for each block, 1 where it is done."""
    return b"".join(path.read_bytes() for path in cache.glob("*.done"))


def check(bundle: Path, data: Path, cache: Path) -> None:
    """Embeds some pictures anew and fails where the kept rows are others, or where there are several files."""
    (path,) = cache.glob("*.npy")
    kept = np.load(path, mmap_mode="r")
    pictures = sorted(published.load("circo", data, split="val", variant="official").images.items())
    encoder = Encoder.open(bundle)
    for row in Random(SEED).sample(range(len(kept)), CHECKED):
        pixels = benchmark_images.pixels(pictures[row][1], encoder.manifest.resize)
        if np.abs(encoder.gallery(pixels[np.newaxis])[0] - kept[row]).max() > 1e-4:
            sys.exit(f"row {row} is not the embedding of {pictures[row][1].path}")
    print(f"{len(kept)} rows of {kept.shape[1]} numbers, {path.stat().st_size / 2**20:.0f} MiB; {CHECKED} compared")


if __name__ == "__main__":
    main()

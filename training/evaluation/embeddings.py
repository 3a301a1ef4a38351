"""Embeddings of many images, computed once per space and stored in a memory-mapped file; a killed run continues.

During the computation, the file is `….part`; `….done` beside it lists the blocks that are in it. Memory does not grow
with the number of images: two blocks of pixels, and the pages of the file that the system caches.
"""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from tqdm import tqdm

from models import files
from models.arrays import Embeddings, Pixels
from models.encoder import Encoder
from models.errors import InputError, JobRunning
from models.preprocess import Resize
from training.evaluation import benchmark_images
from training.evaluation.benchmarks.benchmark import BenchmarkImage

BLOCK = 256  # images between two updates of the list of blocks
BATCH = 64  # images per run of the graph
THREADS = 4  # that decode
WAIT_S = 24 * 3600.0  # for another run over the same images

Names = Sequence[tuple[str, BenchmarkImage]]


def embeddings(encoder: Encoder, images: Names, *, cache: Path) -> Embeddings:
    """Return the embeddings of the images (N, d), memory-mapped; a row of NaN if an image cannot be read.

    The file is named by a digest of the space and of every image's name, size and time.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"embedded-{_digest(encoder, images)[:16]}.npy"
    busy = JobRunning(f"another run has been computing {path} for {WAIT_S / 3600:g} hours: wait for its end")
    with files.lock(path.with_suffix(".lock"), timeout_s=WAIT_S, busy=busy):  # another run may compute it meanwhile
        if not path.exists():
            _compute(encoder, images, path)
    loaded: Embeddings = np.load(path, mmap_mode="r")
    return loaded


def _digest(encoder: Encoder, images: Names) -> str:
    digest = hashlib.sha256(encoder.manifest.space_id.encode())
    for name, image in images:
        facts = image.path.stat()
        digest.update(json.dumps([name, image.box, facts.st_size, facts.st_mtime_ns]).encode())
    return digest.hexdigest()


def _compute(encoder: Encoder, images: Names, path: Path) -> None:
    part, shape = path.with_suffix(".part"), (len(images), encoder.manifest.dimension)
    blocks, noted = -(-len(images) // BLOCK), path.with_suffix(".done")
    done = np.frombuffer(noted.read_bytes() if part.exists() and noted.exists() else b"", dtype=np.uint8)
    if len(done) == blocks:
        rows = open_memmap(part, mode="r+")
    else:
        noted.unlink(missing_ok=True)  # first: after a kill here it would list rows that are not there
        rows = open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
        done = np.zeros(blocks, dtype=np.uint8)
        noted.write_bytes(done.tobytes())
    missing = [block for block, noted_as in enumerate(done) if not noted_as]
    with (
        ThreadPoolExecutor(THREADS) as pool,
        tqdm(total=len(images), unit="image", desc="embedding", mininterval=1.0, leave=False) as bar,
        noted.open("r+b", buffering=0) as notes,
    ):
        bar.update(len(images) - sum(len(_block_of(images, block)) for block in missing))
        ahead = [_submit(pool, encoder, _block_of(images, block)) for block in missing[:1]]
        for place, block in enumerate(missing):
            decoding = ahead.pop()
            ahead = [_submit(pool, encoder, _block_of(images, next_one)) for next_one in missing[place + 1 : place + 2]]
            start = block * BLOCK
            rows[start : start + len(decoding)] = _block(encoder, [each.result() for each in decoding])
            rows.flush()  # before the list, which must never name a block that is not on disk
            notes.seek(block)
            notes.write(b"\x01")
            bar.update(len(decoding))
    del rows
    part.replace(path)
    noted.unlink()


def _block_of(images: Names, block: int) -> Names:
    return images[block * BLOCK : (block + 1) * BLOCK]


def _submit(pool: ThreadPoolExecutor, encoder: Encoder, images: Names) -> list[Future[Pixels | None]]:
    resize = encoder.manifest.resize
    return [pool.submit(_pixels, image, resize) for _, image in images]


def _pixels(image: BenchmarkImage, resize: Resize) -> Pixels | None:
    try:
        return benchmark_images.pixels(image, resize)
    except InputError:  # all broken images are named together at the end
        return None


def _block(encoder: Encoder, pixels: Sequence[Pixels | None]) -> NDArray[np.float32]:
    rows = np.full((len(pixels), encoder.manifest.dimension), np.nan, dtype=np.float32)
    there = [row for row, each in enumerate(pixels) if each is not None]
    for start in range(0, len(there), BATCH):
        chosen = there[start : start + BATCH]
        rows[chosen] = encoder.gallery(np.stack([each for row in chosen if (each := pixels[row]) is not None]))
    return rows

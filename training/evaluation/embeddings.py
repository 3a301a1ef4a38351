"""Embeddings of many pictures, computed once a space and kept in a memory-mapped file; a killed run goes on.

While it is computed, the file is `….part`; `….done` beside it says which blocks are in it. Memory does not grow with
the number of pictures: two blocks of pixels, and the pages of the file that the system keeps.
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
from training.evaluation import benchmark_images
from training.evaluation.benchmarks.benchmark import BenchmarkImage

BLOCK = 256  # pictures between two notes of what is done
BATCH = 64  # pictures that go through the graph at once
THREADS = 4  # that decode
WAIT_S = 24 * 3600.0  # for another run over the same images

Names = Sequence[tuple[str, BenchmarkImage]]


def embeddings(encoder: Encoder, pictures: Names, *, cache: Path) -> Embeddings:
    """Embeddings of the pictures (N, d), memory-mapped; a row of NaN where a picture cannot be read.

    The file is called by a digest of the space and of every picture's name, size and time: others are another file.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"embedded-{_digest(encoder, pictures)[:16]}.npy"
    busy = JobRunning(f"another run has been computing {path} for {WAIT_S / 3600:g} hours: wait for its end")
    with files.lock(path.with_suffix(".lock"), timeout_s=WAIT_S, busy=busy):  # then take what the other run computed
        if not path.exists():
            _compute(encoder, pictures, path)
    loaded: Embeddings = np.load(path, mmap_mode="r")
    return loaded


def _digest(encoder: Encoder, pictures: Names) -> str:
    found = hashlib.sha256(encoder.manifest.space_id.encode())
    for name, picture in pictures:
        facts = picture.path.stat()
        found.update(json.dumps([name, picture.box, facts.st_size, facts.st_mtime_ns]).encode())
    return found.hexdigest()


def _compute(encoder: Encoder, pictures: Names, path: Path) -> None:
    part, shape = path.with_suffix(".part"), (len(pictures), encoder.manifest.dimension)
    blocks, noted = -(-len(pictures) // BLOCK), path.with_suffix(".done")
    done = np.frombuffer(noted.read_bytes() if part.exists() and noted.exists() else b"", dtype=np.uint8)
    if len(done) == blocks:
        rows = open_memmap(part, mode="r+")
    else:
        noted.unlink(missing_ok=True)  # first: after a kill right here it would speak for rows that are not there
        rows = open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
        done = np.zeros(blocks, dtype=np.uint8)
        noted.write_bytes(done.tobytes())
    missing = [block for block, noted_as in enumerate(done) if not noted_as]
    with (
        ThreadPoolExecutor(THREADS) as pool,
        tqdm(total=len(pictures), unit="picture", desc="embedding", mininterval=1.0, leave=False) as bar,
        noted.open("r+b", buffering=0) as notes,
    ):
        bar.update(len(pictures) - sum(len(_of(pictures, block)) for block in missing))
        ahead = [_submit(pool, encoder, _of(pictures, block)) for block in missing[:1]]
        for place, block in enumerate(missing):
            decoding = ahead.pop()
            ahead = [_submit(pool, encoder, _of(pictures, next_one)) for next_one in missing[place + 1 : place + 2]]
            start = block * BLOCK
            rows[start : start + len(decoding)] = _block(encoder, [each.result() for each in decoding])
            rows.flush()  # before the note, which must never say more than the disk has
            notes.seek(block)
            notes.write(b"\x01")
            bar.update(len(decoding))
    del rows
    part.replace(path)
    noted.unlink()


def _of(pictures: Names, block: int) -> Names:
    return pictures[block * BLOCK : (block + 1) * BLOCK]


def _submit(pool: ThreadPoolExecutor, encoder: Encoder, pictures: Names) -> list[Future[Pixels | None]]:
    size = encoder.manifest.image_size
    return [pool.submit(_pixels, picture, size=size) for _, picture in pictures]


def _pixels(picture: BenchmarkImage, *, size: int) -> Pixels | None:
    try:
        return benchmark_images.pixels(picture, size=size)
    except InputError:  # all broken ones are named together, once everything has been looked at
        return None


def _block(encoder: Encoder, pixels: Sequence[Pixels | None]) -> NDArray[np.float32]:
    found = np.full((len(pixels), encoder.manifest.dimension), np.nan, dtype=np.float32)
    there = [row for row, each in enumerate(pixels) if each is not None]
    for start in range(0, len(there), BATCH):
        chosen = there[start : start + BATCH]
        found[chosen] = encoder.gallery(np.stack([each for row in chosen if (each := pixels[row]) is not None]))
    return found

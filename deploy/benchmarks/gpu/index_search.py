"""FAISS on the GPU beside the CPU: the same shards, times by batch, and whether a deletion moves a search."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from gpu.setting import CheckPart, CheckSetting, PartSkipped, Row
from index.vectors import shards
from index.vectors.encodings import Encoding
from index.vectors.exact import Exact, scaled
from index.vectors.ranking import Ranking
from index.vectors.selection import DeadRows
from index.vectors.shards import Shards
from models.arrays import Vectors, normalised

ENCODINGS: tuple[Encoding, ...] = ("flat", "fp16", "sq8")
CENTRES = 1_000  # of the drawn vectors, which lie around them as those of products do
BATCHES = (1, 32, 256)
K, PROBED = 10, 0.02  # of the lists


def drawn(count: int, dimension: int, seed: int) -> NDArray[np.float32]:
    """Return unit vectors (n, d) around random centres."""
    draw = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((CENTRES, dimension), dtype=np.float32)
    noise = draw.standard_normal((count, dimension), dtype=np.float32)
    return normalised((centres[draw.integers(CENTRES, size=count)] + noise / 2).astype(np.float32))


def searches(setting: CheckSetting) -> Iterator[Row]:
    """Yield the milliseconds of a batch on either side, with the recall of the best ten."""
    if not setting.dry and not faiss.get_num_gpus():
        raise PartSkipped("FAISS sees no GPU: install faiss-gpu")
    count, dimension = setting.sized(300_000, 2_000), setting.sized(512, 32)
    vectors: Vectors = drawn(count, dimension, 1).astype(np.float16)
    queries = drawn(BATCHES[-1], dimension, 2)
    exact = Exact(vectors, scaled(vectors))
    truth, _ = exact.best(queries, np.arange(count), K)
    for encoding in ENCODINGS[: setting.sized(len(ENCODINGS), 1)]:
        yield from encoded(encoding, vectors, exact, queries, truth[:, K - 1], setting)


def encoded(
    encoding: Encoding,
    vectors: Vectors,
    exact: Exact,
    queries: NDArray[np.float32],
    least: NDArray[np.float32],
    setting: CheckSetting,
) -> Iterator[Row]:
    """Yield the rows of one encoding; `least` (B,) is each query's tenth best cosine."""
    folder = Path(setting.folder) / f"shards-{encoding}"
    folder.mkdir(parents=True, exist_ok=True)
    trained = shards.train(vectors, encoding=encoding)
    files = shards.write(folder, trained, vectors, shards=max(1, faiss.get_num_gpus()))
    alive = np.ones(len(vectors), np.bool_)
    alive[0] = False
    dead = DeadRows(np.array([0]), alive)
    for gpus in (True, False):
        opened = Shards.open([folder / name for name, _ in files], encoding=encoding, gpus=gpus)
        if not setting.dry and gpus and not opened.on_gpus:
            raise PartSkipped("the shards do not fit the GPU")
        ranking = Ranking(opened, exact, max(1, int(opened.nlist * PROBED)))
        for batch in BATCHES:
            some = queries[:batch]
            scores, _ = ranking.best(some, K)
            taken = setting.seconds(partial(ranking.best, some, K))
            deleted = setting.seconds(partial(ranking.best, some, K, dead=dead))
            yield {
                "encoding": encoding,
                "rows": len(vectors),
                "on": "GPU" if opened.on_gpus else "CPU",
                "batch": batch,
                "ms": f"{1000 * taken:.2f}",
                "with one row deleted, ms": f"{1000 * deleted:.2f}",
                "recall@10": f"{float((scores[:, :K] >= least[:batch, np.newaxis] - 1e-5).mean()):.3f}",
            }


PARTS = (CheckPart("index", searches, least_s=60.0),)

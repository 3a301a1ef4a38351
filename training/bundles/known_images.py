"""Statistics of the images that a model knows, written into its bundle, so that a build notices a gallery of others."""

import numpy as np

from models.arrays import Embeddings, Rows, normalised
from models.bundle import KnownImages

FEWEST = 200  # images that are described: half of them place the centres, and a hundredth of the others lies outside
_CENTRES = 32  # K
_ROUNDS = 20  # of k-means
_SEEN = 0.99  # share of known images that are as similar to a centre as `least`


def describe(vectors: Embeddings) -> KnownImages:
    """Describe embeddings (N, d) by spherical k-means on half of them; the others say what is usual."""
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(vectors))
    some, others = vectors[order[::2]], vectors[order[1::2]]
    centres = some[:_CENTRES]
    for _ in range(_ROUNDS):
        nearest: Rows = (some @ centres.T).argmax(axis=1)  # (n,)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, some)
        centres = np.where(sums.any(axis=1, keepdims=True), normalised(sums), centres)
    centres = centres.astype(np.float16).astype(np.float32)
    return KnownImages(centres, float(np.quantile((others @ centres.T).max(axis=1), 1 - _SEEN)))

"""Shape legend, and names for the arrays that pass between files.

B batch · L tokens · d embedding · D text width · w image width · N patches · S image side · k best
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]  # (3, S, S), or (B, 3, S, S) as a batch; RGB, 0 to 255
TokenIds: TypeAlias = NDArray[np.int64]  # (B, L)
Embeddings: TypeAlias = NDArray[np.float32]  # (B, d), each row of length one
Flags: TypeAlias = NDArray[np.bool_]  # (B,)
Vectors: TypeAlias = NDArray[np.float16]  # (n, d), a gallery's embeddings as they are stored
Rows: TypeAlias = NDArray[np.int64]  # (n,) or (B, k), row numbers of a gallery or table; -1 if there is no row
Codes: TypeAlias = NDArray[np.int64]  # (m,), a number for each distinct value, -1 for none
Scores: TypeAlias = NDArray[np.float32]  # (B, k), or (B, n) for a whole gallery
Values: TypeAlias = NDArray[np.float64]  # (B,), one value of a metric for each query


def unlike(queries: Embeddings, images: Embeddings, *, weights: NDArray[np.float32]) -> Embeddings:
    """Move queries (B, d) away from images (B, d), each by its weight (B,): q − weight · (n − (n·q) q), normalised.

    Only the part of an image that is not the query's own counts, so that what both share stays requested.
    """
    along = (queries * images).sum(axis=1, keepdims=True)  # (B, 1)
    return normalised(queries - weights[:, np.newaxis] * (images - along * queries))


def normalised(vectors: NDArray[np.float32]) -> Embeddings:
    """Scale each row (B, d) to length one; a row of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)  # (B, 1)
    unit: Embeddings = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit

"""The shape legend, and the names of the arrays that cross from one file to another.

B batch · L tokens · d embedding · D text width · w image width · N patches · S image side · k best
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]  # (3, S, S), or (B, 3, S, S) as a batch; RGB, 0 to 255
TokenIds: TypeAlias = NDArray[np.int64]  # (B, L)
Embeddings: TypeAlias = NDArray[np.float32]  # (B, d), each row of length one
Flags: TypeAlias = NDArray[np.bool_]  # (B,)

"""Bootstrap intervals of a metric's mean over queries."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.arrays import Values

RESAMPLES = 1_000


def interval(values: Values, *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of the mean of `values` over RESAMPLES resamples, drawn with a fixed seed."""
    means = _resamples(len(values), seed) @ values / len(values)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


@lru_cache(maxsize=4)  # shared by all metrics of the same queries; 64 MB for GeneCIS, the largest
def _resamples(count: int, seed: int) -> NDArray[np.float64]:
    """Return how often each of `count` queries occurs in each resample, (RESAMPLES, count)."""
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = (random.integers(0, count, count) for _ in range(RESAMPLES))
    return np.stack([np.bincount(rows, minlength=count).astype(np.float64) for rows in drawn])

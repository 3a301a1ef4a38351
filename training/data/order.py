"""Order of a training epoch: the rows of each batch, from the seed and the epoch alone."""

import numpy as np

from models.arrays import Rows


def shuffled(count: int, *, batch: int, seed: int, epoch: int) -> list[Rows]:
    """Return all of `count` rows in whole batches, shuffled; sorted within a batch, so that files are read in order."""
    random = np.random.Generator(np.random.PCG64([seed, epoch]))
    rows = random.permutation(count)[: count // batch * batch]
    return [np.sort(part) for part in rows.reshape(-1, batch)]


def alike(kinds: Rows, *, share: float, batch: int, seed: int, epoch: int) -> list[Rows]:
    """Return batches as `shuffled` does, but a share of them has rows of only one or two of the `kinds` (N,).

    Such rows differ in details alone, so that they are hard negatives of each other.
    """
    random = np.random.Generator(np.random.PCG64([seed, epoch]))
    steps = len(kinds) // batch
    rows = random.permutation(len(kinds))[: steps * batch]
    sorted_part, mixed = np.split(rows, [int(steps * share) * batch])
    sorted_part = sorted_part[np.argsort(kinds[sorted_part], kind="stable")]
    batches = np.concatenate([sorted_part, mixed]).reshape(-1, batch)  # (steps, B)
    return [np.sort(part) for part in batches[random.permutation(len(batches))]]


def within(groups: Rows, *, batch: int, seed: int, epoch: int) -> list[Rows]:
    """Return batches as `shuffled` does, but all rows of a batch are of one of the `groups` (N,)."""
    random = np.random.Generator(np.random.PCG64([seed, epoch]))
    rows = random.permutation(len(groups))
    batches: list[Rows] = []
    for group in np.unique(groups):
        own = rows[groups[rows] == group]
        batches += list(own[: len(own) // batch * batch].reshape(-1, batch))
    return [np.sort(batches[place]) for place in random.permutation(len(batches))]

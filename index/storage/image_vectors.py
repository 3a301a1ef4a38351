"""The vectors of all images of some rows, and which image of each row is nearest to a query."""

from dataclasses import dataclass

import numpy as np

from index.vectors.exact import DECIMALS, inner_products
from models.arrays import Embeddings, Rows, Scores


@dataclass(frozen=True, slots=True, eq=False)
class ImageVectors:
    """The images (n, d) of m rows: first those that the rows begin with, (m, d), then their further images.

    `places` (n,) has for each image the place of its row, and `numbers` (n,) its number among the images of its item.
    """

    count: int  # m
    vectors: Embeddings
    places: Rows
    numbers: Rows

    @classmethod
    def join(cls, first: Embeddings, further: Embeddings, places: Rows) -> "ImageVectors":
        """The first images (m, d) and the further ones (f, d), with the place (f,) of each one's row.

        The further images of one row follow each other.
        """
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        lengths = np.diff(starts, append=len(places))
        numbers = 1 + np.arange(len(places)) - np.repeat(starts, lengths)
        count = len(first)
        return cls(
            count,
            np.concatenate([first, further]),
            np.concatenate([np.arange(count), places]),
            np.concatenate([np.zeros(count, np.int64), numbers]),
        )

    def nearest(self, query: Embeddings) -> tuple[Scores, Rows]:
        """The best cosine (m,) of each row with a query (d,), and the first of its images (m,) that has it."""
        scores = inner_products(query[np.newaxis], self.vectors)[0].round(DECIMALS)  # (n,)
        if len(scores) == self.count:
            return scores, np.arange(self.count)
        order = np.lexsort((self.numbers, -scores, self.places))
        best = order[np.flatnonzero(np.diff(self.places[order], prepend=-1))]
        return scores[best], best

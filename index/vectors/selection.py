"""Which rows of a snapshot may be found, in each of the shapes that a search needs it in."""

from functools import cached_property

import faiss
import numpy as np

from models.arrays import Flags, Rows


class Selection:
    """A set of rows; made once for a filter and used by many searches, so never changed."""

    def __init__(self, mask: Flags) -> None:
        """`mask` (n,) is true where a row may be found."""
        self.mask = mask
        self.count = int(np.count_nonzero(mask))

    @property
    def nbytes(self) -> int:
        """The bytes of mask and bits; `rows` is only made of a small selection."""
        return self.mask.nbytes + -(-len(self.mask) // 8)

    @cached_property
    def rows(self) -> Rows:
        """The rows themselves (count,), ascending."""
        return np.flatnonzero(self.mask)

    @cached_property
    def selector(self) -> faiss.IDSelector:
        """What FAISS asks of each row: a bit in dense ids, since a set of ids costs up to three times as much."""
        self._bits = np.packbits(self.mask, bitorder="little")  # FAISS keeps a pointer to it and no reference
        return faiss.IDSelectorBitmap(len(self._bits), faiss.swig_ptr(self._bits))

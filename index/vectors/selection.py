"""A set of rows that a search may return, in each shape that a search needs."""

from functools import cached_property

import faiss
import numpy as np

from models.arrays import Flags, Rows


class Selection:
    """A set of rows; computed once for a filter and shared by many searches, so never changed."""

    def __init__(self, mask: Flags) -> None:
        """`mask` (n,) is true for the rows of the set."""
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
        """FAISS selector with one bit for each row; a set of ids takes up to three times as long."""
        self._bits = np.packbits(self.mask, bitorder="little")  # FAISS keeps a pointer to it and no reference
        return faiss.IDSelectorBitmap(len(self._bits), faiss.swig_ptr(self._bits))

"""Sets of rows that a search may return, in each shape that a search needs."""

from dataclasses import dataclass
from functools import cached_property

import faiss
import numpy as np

from models.arrays import Flags, Rows, Scores

ID_BYTES = 8  # of a row in FAISS


class Selection:
    """A set of rows; computed once for a filter and shared by many searches, so never changed."""

    def __init__(self, mask: Flags) -> None:
        """`mask` (n,) is true for the rows of the set."""
        self.mask = mask
        self.count = int(np.count_nonzero(mask))
        self.sub_index: faiss.IndexIVF | None = None  # of its rows, if it was used so often that this pays
        self._expanded: Selection | None = None

    @property
    def nbytes(self) -> int:
        """The bytes of mask, bits and sub-index, with further rows, too; `rows` is only made of a small selection."""
        size = self.mask.nbytes + -(-len(self.mask) // 8)
        if self.sub_index is not None:
            size += self.count * (int(self.sub_index.code_size) + ID_BYTES)
        return size if self._expanded is None else size + self._expanded.nbytes

    @cached_property
    def rows(self) -> Rows:
        """The rows themselves (count,), ascending."""
        return np.flatnonzero(self.mask)

    def expanded(self, owners: Rows) -> "Selection":
        """The set with further rows at the end, each in it if its owner (f,) is; made once, for one set of owners."""
        if self._expanded is None:
            self._expanded = Selection(np.concatenate([self.mask, self.mask[owners]]))
        return self._expanded

    @cached_property
    def selector(self) -> faiss.IDSelector:
        """FAISS selector with one bit for each row; a set of ids takes up to three times as long."""
        self._bits = np.packbits(self.mask, bitorder="little")  # FAISS keeps a pointer to it and no reference
        return faiss.IDSelectorBitmap(len(self._bits), faiss.swig_ptr(self._bits))


@dataclass(frozen=True, slots=True, eq=False)
class DeadRows:
    """The rows of a selection that have been deleted or replaced since the snapshot was built, at least one."""

    rows: Rows  # (m,)
    alive: Flags  # (n,), false for them; of all rows of the snapshot

    def __len__(self) -> int:
        return len(self.rows)

    def living(self, selection: Selection | None) -> Rows:
        """The other rows of the selection (m,), ascending; None stands for all rows."""
        return np.flatnonzero(self.alive) if selection is None else selection.rows[self.alive[selection.rows]]

    def without(self, selection: Selection | None) -> Selection:
        """The selection without the dead rows."""
        return Selection(self.alive if selection is None else selection.mask & self.alive)

    def drop(self, scores: Scores, rows: Rows) -> tuple[Scores, Rows]:
        """Ranked rows (B, k) without them: the others move up, and −1 and −∞ fill the end."""
        is_dead = ~self.alive[rows] & (rows >= 0)
        if not is_dead.any():
            return scores, rows
        order = np.argsort(is_dead, axis=1, kind="stable")
        scores, rows = np.where(is_dead, -np.inf, scores).astype(np.float32), np.where(is_dead, -1, rows)
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)

"""The codes of some rows as an index of their own with the lists of the shards: a filtered search reads no others.

FAISS's selectors test each row of the probed lists and then read codes here and there, which takes several times as
long as to read the codes of the kept rows one after the other. The copy pays if a filter is used again.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

import faiss
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from index.vectors import encodings
from index.vectors.encodings import Encoding
from models.arrays import Flags, Rows


class SubIndexes:
    """Makes the sub-indexes of opened shards, whose lists are mapped in one piece each."""

    def __init__(self, shards: Sequence[faiss.IndexIVF], *, encoding: Encoding) -> None:
        self._shards = shards
        self._encoding: Encoding = encoding

    def copied(self, mask: Flags) -> faiss.IndexIVF:
        """The index of the rows for which the mask (n,) is true."""
        made = encodings.empty_like(self._shards[0], encoding=self._encoding)
        into = made.invlists
        assert into is not None
        for shard in self._codes:
            lists, rows, codes = shard.passing(mask)
            numbers, starts, counts = np.unique(lists, return_index=True, return_counts=True)
            for number, start, count in zip(numbers.tolist(), starts.tolist(), counts.tolist(), strict=True):
                some = slice(start, start + count)
                into.add_entries(number, count, faiss.swig_ptr(rows[some]), faiss.swig_ptr(codes[some]))
            made.ntotal += len(rows)
        return made

    @cached_property
    def _codes(self) -> "Sequence[_Codes]":
        return [_Codes(shard) for shard in self._shards]


class _Codes:
    """The rows and codes of one mapped shard, in the order of its lists."""

    def __init__(self, shard: faiss.IndexIVF) -> None:
        lists, self._size = shard.invlists, int(shard.code_size)
        assert lists is not None
        self._counts = np.array([lists.list_size(number) for number in range(shard.nlist)], np.int64)  # (nlist,)
        filled = np.flatnonzero(self._counts)
        rows = [faiss.rev_swig_ptr(lists.get_ids(number), int(self._counts[number])) for number in filled.tolist()]
        self._rows = np.concatenate([np.empty(0, np.int64), *rows]).astype(np.int32)  # (n,)
        starts = np.zeros(len(self._counts), np.int64)  # of the codes of each list, from the first one in memory
        starts[filled] = [int(cast(int, lists.get_codes(number))) for number in filled.tolist()]
        begin = min(starts[filled].tolist(), default=0)
        starts[filled] -= begin
        self._firsts = starts - self._size * (np.cumsum(self._counts) - self._counts)
        if len(filled):
            length = int((starts + self._size * self._counts).max())
            mapped = faiss.rev_swig_ptr(lists.get_codes(int(filled[np.argmin(starts[filled])])), length)
            windows = (length - self._size + 1, self._size)
            self._windows = as_strided(mapped, windows, (1, 1), writeable=False)  # a code from each byte on

    def passing(self, mask: Flags) -> tuple[NDArray[np.int64], Rows, NDArray[np.uint8]]:
        """The list (m,), ascending, the row (m,) and the code (m, bytes) of each row that the mask (n,) keeps."""
        places = np.flatnonzero(mask[self._rows])
        lists = np.repeat(np.arange(len(self._counts), dtype=np.int32), self._counts)[places].astype(np.int64)
        if not len(places):
            return lists, np.empty(0, np.int64), np.empty((0, self._size), np.uint8)
        codes = self._windows[self._firsts[lists] + self._size * places]
        return lists, self._rows[places].astype(np.int64), codes

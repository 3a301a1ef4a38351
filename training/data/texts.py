"""Many texts as one column: millions take the space of their letters, and loader processes share them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import pyarrow
from numpy.typing import NDArray

_BLOCK = 4096


class Texts(Sequence[str]):
    """A read-only sequence of texts over an Arrow column."""

    def __init__(self, column: pyarrow.Array | pyarrow.ChunkedArray) -> None:
        if isinstance(column, pyarrow.ChunkedArray):
            column = column.cast(pyarrow.large_string()).combine_chunks()
        self._column = column

    @classmethod
    def from_strings(cls, texts: Iterable[str]) -> "Texts":
        """The texts one after the other."""
        return cls(pyarrow.array(texts, pyarrow.large_string()))

    def __len__(self) -> int:
        return len(self._column)

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BLOCK):  # a text at a time is slow, all at once large
            yield from self._column.slice(start, _BLOCK).to_pylist()

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> "Texts": ...

    def __getitem__(self, row: int | slice) -> "str | Texts":
        if isinstance(row, slice):
            return Texts(self._column[row])
        text: str = self._column[int(row)].as_py()
        return text

    def take(self, rows: Sequence[int] | NDArray[np.integer]) -> "Texts":
        """The texts of the rows, in their order."""
        return Texts(self._column.take(pyarrow.array(rows, pyarrow.int64())))

"""Encodes the vectors of a snapshot anew in its own lists: nothing is trained but the encoding, nothing assigned."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, cast

import faiss
import numpy as np

from index.vectors import encodings
from index.vectors.encodings import Encoding
from index.vectors.shards import ADD_BLOCK, sample
from models.arrays import Rows, Vectors, normalised


def trained(lists: faiss.IndexIVF, vectors: Vectors, encoding: Encoding) -> faiss.IndexIVF:
    """An empty index of that encoding with the lists of another one, for vectors (n, d)."""
    coarse = faiss.clone_index(lists.quantizer)  # that of the other one ends with it
    made = encodings.empty(encoding, dimension=int(lists.d), nlist=int(lists.nlist), coarse=coarse)
    made.train(sample(vectors, int(lists.nlist), seed=0))
    return made


def write(folder: Path, empty: faiss.IndexIVF, vectors: Vectors, shards: Sequence[Path]) -> list[tuple[str, int]]:
    """Write shards with the rows and lists of others, and return the name and count of each.

    Raises GalleryError if the disk is full, and GalleryBroken if a shard cannot be read.
    """
    written: list[tuple[str, int]] = []
    for path in shards:
        shard = faiss.clone_index(empty)
        for rows, numbers in _blocks(encodings.read(path)):
            block = normalised(vectors[rows].astype(np.float32))  # as they are added by a build
            add, pointer = cast(_Adding, shard).add_core, faiss.swig_ptr
            add(len(rows), pointer(block), pointer(rows), pointer(numbers))
        encodings.write(shard, folder / path.name)
        written.append((path.name, int(shard.ntotal)))
    return written


def _blocks(shard: faiss.IndexIVF) -> Iterator[tuple[Rows, Rows]]:
    """The rows (m,) of a shard, list by list, with the numbers (m,) of their lists, some thousands at a time."""
    lists = cast(_InvertedLists, shard.invlists)
    rows: list[Rows] = []
    numbers: list[Rows] = []
    for number in range(int(shard.nlist)):
        count = int(lists.list_size(number))
        if count:
            pointer = lists.get_ids(number)
            rows.append(faiss.rev_swig_ptr(pointer, count).copy())
            lists.release_ids(number, pointer)
            numbers.append(np.full(count, number, np.int64))
        if rows and (number == shard.nlist - 1 or sum(map(len, rows)) >= ADD_BLOCK):
            yield np.concatenate(rows), np.concatenate(numbers)
            rows, numbers = [], []


class _InvertedLists(Protocol):
    """The lists of a FAISS index, of which its type stubs lack the access to row numbers."""

    def list_size(self, list_no: int) -> int: ...

    def get_ids(self, list_no: int) -> object: ...

    def release_ids(self, list_no: int, ids: object) -> None: ...


class _Adding(Protocol):
    """A method of a FAISS index that its type stubs lack."""

    def add_core(self, n: int, x: object, xids: object, precomputed_idx: object) -> None: ...

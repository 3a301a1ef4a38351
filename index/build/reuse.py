"""Vectors that need not be computed again: those of the live snapshot and of a killed build, by image."""

from collections.abc import Iterator, Sequence, Set
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import compute

from index.build.resume import EmbeddedChunks, State
from index.items import further_images, items
from index.sources.vector_file import VectorFile
from index.storage import snapshot
from index.storage.manifest import SnapshotManifest
from models.arrays import Flags, Vectors
from models.errors import GalleryError


class ReusableVectors:
    """Images with their vectors in one space, found by address or by content; read by many threads."""

    def __init__(self, states: pyarrow.Table, vectors: Vectors, ids: Sequence[str], live: int) -> None:
        """Of each image a row of the columns items.STATES, and of the vectors (n, d).

        The first `live` rows are the live snapshot's: the first images of the items with these `ids`, then others.
        """
        self._vectors = vectors
        self._live = live
        self._by_id = {id: row for row, id in enumerate(ids)}
        self._contents: list[str] = states.column("content").to_pylist()
        self._fingerprints: list[str] = states.column("fingerprint").to_pylist()
        self._by_uri = {uri: row for row, uri in enumerate(states.column("uri").to_pylist())}
        self._by_content = {content: row for row, content in enumerate(self._contents) if content}

    @classmethod
    def load(cls, gallery: Path, chunks: EmbeddedChunks, *, space_id: str, dimension: int) -> "ReusableVectors":
        """Read the vectors of the live snapshot, if it is of that space, and of the chunks, which take precedence.

        Those of the chunks are copied, block by block, to a file without a name on the gallery's disk.
        """

        def fits(table: pyarrow.Table, block: Vectors) -> bool:
            return block.shape == (table.num_rows, dimension) and block.dtype == np.float16

        tables: list[pyarrow.Table] = []
        live = np.empty((0, dimension), np.float16)
        for table, block in _live(gallery, space_id):
            if fits(table, block):
                tables.append(table)
                live = block
        ids = items.ids(_live_path(gallery) / snapshot.ITEMS) if tables else []
        with VectorFile(gallery, dimension) as stored:
            for table, block in _saved(chunks):
                if fits(table, block):
                    if not stored.count:
                        stored.append(live)
                    tables.append(table)
                    stored.append(block)
            vectors = stored.mapped() if stored.count else live
        return cls(pyarrow.concat_tables(tables or [_table([])]), vectors, ids, len(live))

    @classmethod
    def without_vectors(
        cls, gallery: Path | None, chunks: EmbeddedChunks, uris: Set[str], *, space_id: str
    ) -> "ReusableVectors":
        """Read which of the images at these addresses have a vector, in the live snapshot or in the chunks."""
        live = [] if gallery is None else _live_states(gallery, space_id)
        chosen = pyarrow.array(uris, pyarrow.large_string())
        tables = [*live, *(_table([state for state in states if state[0] in uris]) for states in chunks.states())]
        tables = [table.filter(compute.is_in(table.column("uri"), chosen)) for table in tables] or [_table([])]
        states = pyarrow.concat_tables(tables)
        return cls(states, np.empty((states.num_rows, 0), np.float16), [], 0)

    def fingerprint(self, uri: str) -> str:
        """The fingerprint of the image at that address when it was embedded; "" if it is unknown."""
        row = self._by_uri.get(uri)
        return "" if row is None or not self._contents[row] else self._fingerprints[row]

    def at(self, uri: str) -> int:
        """The row of an address that has a fingerprint here."""
        return self._by_uri[uri]

    def find(self, content: str) -> int | None:
        """The row of the image with those bytes, or None."""
        return self._by_content.get(content)

    def last(self, id: str | None, uri: str) -> int | None:
        """The row of an image's address, or else of an item's id in the live snapshot; None if both are unknown."""
        row = self._by_uri.get(uri)
        return self._by_id.get(id or "") if row is None else row

    def content(self, row: int) -> str:
        """The hash of the row's bytes."""
        return self._contents[row]

    def live(self, rows: NDArray[np.int64]) -> Flags:
        """Mask (n,) of the rows that belong to the live snapshot."""
        flags: Flags = rows < self._live
        return flags

    def vectors(self, rows: NDArray[np.int64]) -> Vectors:
        """The vectors (len(rows), d)."""
        found: Vectors = self._vectors[rows]
        return found


def _live(gallery: Path, space_id: str) -> Iterator[tuple[pyarrow.Table, Vectors]]:
    """The live snapshot's vectors, mapped; nothing if it is of another space, damaged or missing."""
    try:
        manifest = snapshot.live_manifest(gallery)
        if manifest.space_id != space_id:
            return
        path = _live_path(gallery)
        for entry in manifest.files:
            if entry.file in (snapshot.ITEMS, snapshot.FURTHER, snapshot.VECTORS):
                snapshot.check(path, entry)  # a damaged vector must not live on in the next snapshot
        table = _states(path, manifest)
        vectors: Vectors = np.load(path / snapshot.VECTORS, mmap_mode="r", allow_pickle=False)
    except (GalleryError, OSError, ValueError):
        return  # to build it again is the way out of all of them
    yield table, vectors


def _live_states(gallery: Path, space_id: str) -> Iterator[pyarrow.Table]:
    """As `_live`, without the vectors; the build that takes these checks them."""
    try:
        manifest = snapshot.live_manifest(gallery)
        if manifest.space_id == space_id:
            yield _states(_live_path(gallery), manifest)
    except (GalleryError, OSError, ValueError):
        return


def _states(path: Path, manifest: SnapshotManifest) -> pyarrow.Table:
    table = items.states(path / snapshot.ITEMS)
    if manifest.images is None:
        return table
    return pyarrow.concat_tables([table, further_images.states(path / snapshot.FURTHER)])


def _live_path(gallery: Path) -> Path:
    return gallery / snapshot.SNAPSHOTS / snapshot.current(gallery)


def _saved(chunks: EmbeddedChunks) -> Iterator[tuple[pyarrow.Table, Vectors]]:
    for states, vectors in chunks:
        yield _table(states), vectors


def _table(states: Sequence[State]) -> pyarrow.Table:
    columns = zip(*states, strict=True) if states else ((), (), ())
    arrays = [pyarrow.array(column, pyarrow.large_string()) for column in columns]
    return pyarrow.table(dict(zip(items.STATES, arrays, strict=True)))

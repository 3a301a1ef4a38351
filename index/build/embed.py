"""Embeds rows: known vectors are reused, and every other image is read, hashed and embedded."""

import functools
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from index.build.images_of_rows import flattened, grouped
from index.build.read_ahead import READERS, Task, read_ahead
from index.build.resume import CHUNK_IMAGES, EmbeddedChunks
from index.build.reuse import ReusableVectors
from index.sources import image_bytes, vector_file
from index.sources.embedded import Embedded, SkippedRow
from index.sources.image_bytes import Attempt
from index.sources.retries import HostRetries
from index.sources.rows import SourceRow
from index.sources.vector_file import COPIED
from models.arrays import Flags, Pixels, Vectors
from models.encoder import Encoder
from models.errors import ImageTooLarge, UnreachableImage, UnreadableImage

BATCH = 64


@dataclass(frozen=True, slots=True)
class _Reused:
    row: SourceRow
    known: int  # the row of Known
    problem: str = ""  # why the image could not be fetched


@dataclass(frozen=True, slots=True)
class _Read:
    row: SourceRow
    pixels: Pixels


_Prepared = _Reused | _Read | SkippedRow


@dataclass(frozen=True, slots=True)
class EmbeddedImages:
    """The number of images, how many of them were embedded and how many were known, and the others with the reasons.

    Images that could not be fetched are `unreachable` if they were known before, and skipped if not.
    """

    images: int
    embedded: int
    known: int
    skipped: Sequence[SkippedRow]
    unreachable: Sequence[SkippedRow]


def embed(
    rows: Sequence[SourceRow],
    encoder: Encoder,
    known: ReusableVectors,
    chunks: EmbeddedChunks,
    report: Callable[[int, int], None],
    *,
    scratch: Path,
    private_hosts: bool = True,
) -> Embedded:
    """The vectors of the rows, mapped from a file without a name on the disk of the folder `scratch`.

    `report` gets the number of finished images, and of the unreachable ones.

    An image that cannot be fetched at the moment has the vector of its address, or else of its item, in the live
    snapshot. Without `private_hosts`, none is fetched from a private address. Raises BundleBroken if the model fails,
    and OSError if that disk is full.
    """
    images = flattened(rows)
    vectors = vector_file.zeros(scratch, len(images), encoder.manifest.dimension)
    return _worked(rows, images, vectors, encoder, known, chunks, report, private_hosts).done(rows, known)


def embed_chunks(
    rows: Sequence[SourceRow],
    encoder: Encoder,
    known: ReusableVectors,
    chunks: EmbeddedChunks,
    report: Callable[[int, int], None],
    *,
    private_hosts: bool = True,
) -> EmbeddedImages:
    """Does as `embed`, but only puts chunks for a build to find; `known` needs no vectors."""
    images = flattened(rows)
    vectors = np.empty((len(images), encoder.manifest.dimension), np.float16)
    return _worked(rows, images, vectors, encoder, known, chunks, report, private_hosts).counted()


def _worked(
    rows: Sequence[SourceRow],
    images: Sequence[SourceRow],
    vectors: Vectors,
    encoder: Encoder,
    known: ReusableVectors,
    chunks: EmbeddedChunks,
    report: Callable[[int, int], None],
    private_hosts: bool,
) -> "_Work":
    work = _Work(images, vectors, encoder, chunks)
    retries = HostRetries()
    with closing(read_ahead(_tasks(images, len(rows), encoder, known, retries, private_hosts))) as prepared, retries:
        for done, (number, made) in enumerate(prepared, start=1):
            work.take(number, made)
            if done % BATCH == 0:
                report(done - work.waiting, work.unreachable)
    work.flush()
    work.save()
    report(len(images), work.unreachable)
    return work


class _Work:
    """The images finished so far, each as a row, and those that wait until their batch is full."""

    def __init__(self, rows: Sequence[SourceRow], vectors: Vectors, encoder: Encoder, chunks: EmbeddedChunks) -> None:
        self._encoder = encoder
        self._chunks = chunks
        self._results: list[SourceRow | SkippedRow] = list(rows)
        self._vectors = vectors
        self._reused: list[tuple[int, int]] = []  # (row, row of Known)
        self._batch: list[tuple[int, _Read]] = []
        self._unsaved: list[tuple[int, SourceRow]] = []
        self._computed = 0
        self._unreachable: dict[int, SkippedRow] = {}  # by row, since downloads end in any order

    @property
    def waiting(self) -> int:
        """The number of images that wait for the model."""
        return len(self._batch)

    @property
    def unreachable(self) -> int:
        """The number of images that could not be fetched and whose vectors are known."""
        return len(self._unreachable)

    def take(self, number: int, made: _Prepared) -> None:
        """Takes a row, and embeds and saves if a batch or a chunk is full."""
        if isinstance(made, _Read):
            self._batch.append((number, made))
            if len(self._batch) == BATCH:
                self.flush()
        elif isinstance(made, _Reused):
            self._results[number] = made.row
            self._reused.append((number, made.known))
            if made.problem:
                self._unreachable[number] = _skipped(made.row, made.problem)
        else:
            self._results[number] = made

    def flush(self) -> None:
        """Embeds the waiting images."""
        if not self._batch:
            return
        found = self._encoder.gallery(np.stack([read.pixels for _, read in self._batch]))  # (b, d)
        finite: Flags = np.all(np.isfinite(found), axis=1)  # (b,)
        for (number, read), vector, fine in zip(self._batch, found, finite, strict=True):
            if fine:
                self._results[number], self._vectors[number] = read.row, vector
                self._unsaved.append((number, read.row))
            else:
                self._results[number] = _skipped(read.row, "the model gives no finite embedding of it")
        self._batch.clear()
        if len(self._unsaved) >= CHUNK_IMAGES:
            self.save()

    def save(self) -> None:
        """Saves the vectors computed since the last save."""
        if self._unsaved:
            numbers, rows = zip(*self._unsaved, strict=True)
            self._chunks.put(rows, self._vectors[list(numbers)])
            self._computed += len(rows)
            self._unsaved.clear()

    def counted(self) -> EmbeddedImages:
        """The numbers of images, for a build to take the vectors from the chunks."""
        skipped = [row for row in self._results if isinstance(row, SkippedRow)]
        unreachable = [row for _, row in sorted(self._unreachable.items())]
        return EmbeddedImages(len(self._results), self._computed, len(self._reused), skipped, unreachable)

    def done(self, rows: Sequence[SourceRow], known: ReusableVectors) -> Embedded:
        """The rows, from whose images this began, with their vectors, and the skipped rows."""
        to, at = np.asarray(self._reused, dtype=np.int64).reshape(-1, 2).T
        for start in range(0, len(to), COPIED):
            part = slice(start, start + COPIED)
            self._vectors[to[part]] = known.vectors(at[part])
        found = grouped(rows, self._results, self._vectors)
        new = max(0, len(found.vectors) - int(np.count_nonzero(known.live(at))))
        unreachable = [row for _, row in sorted(self._unreachable.items())]
        return Embedded(
            found.rows, found.vectors, found.skipped, self._computed, new, unreachable, unusable=found.unusable
        )


def _tasks(
    rows: Sequence[SourceRow],
    firsts: int,
    encoder: Encoder,
    known: ReusableVectors,
    retries: HostRetries,
    private_hosts: bool,
) -> Iterator[Task[_Prepared]]:
    """The reading of each row; after the `firsts` come further images of the same items."""
    decoding = threading.BoundedSemaphore(READERS)
    for number, row in enumerate(rows):
        fingerprint = known.fingerprint(row.image)
        if image_bytes.unchanged(row, fingerprint):  # without a thread, which costs more than a file's status
            yield None, functools.partial(_reused, row, fingerprint, known)
        else:
            read = functools.partial(
                image_bytes.read_if_changed, row, unless=fingerprint, retry=retries.run, private_hosts=private_hosts
            )
            yield (
                image_bytes.host(row.image),
                functools.partial(_prepared, row, number < firsts, fingerprint, encoder, known, read, decoding),
            )


def _reused(row: SourceRow, fingerprint: str, known: ReusableVectors) -> _Reused:
    at = known.at(row.image)
    return _Reused(replace(row, content=known.content(at), fingerprint=fingerprint), at)


def _prepared(
    row: SourceRow,
    is_first: bool,
    fingerprint: str,
    encoder: Encoder,
    known: ReusableVectors,
    read: Attempt,
    decoding: threading.BoundedSemaphore,
) -> _Prepared:
    try:
        picture = read()
        if picture is None:
            return _reused(row, fingerprint, known)
        row = replace(row, content=hashlib.sha256(picture.data).hexdigest(), fingerprint=picture.fingerprint)
        at = known.find(row.content)
        if at is not None:
            return _Reused(row, at)
        with decoding:
            return _Read(row, encoder.preprocess(picture.data))
    except UnreachableImage as error:
        at = known.last(row.id if is_first else None, row.image)
        if at is None:
            return _skipped(row, str(error))
        row = replace(row, content=known.content(at), fingerprint=fingerprint)
        return _Reused(row, at, problem=str(error))
    except (UnreadableImage, ImageTooLarge) as error:
        return _skipped(row, str(error))


def _skipped(row: SourceRow, reason: str) -> SkippedRow:
    return SkippedRow(row.id, row.image, reason)

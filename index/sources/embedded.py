"""Rows of a source with their vectors, and the rows that were skipped."""

from collections.abc import Sequence
from dataclasses import dataclass

from index.sources.rows import SourceRow
from models.arrays import Vectors


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row without a usable image, and the reason."""

    id: str
    uri: str
    reason: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """The usable rows in their order, with content and fingerprint, their vectors, and the skipped rows.

    The vectors (n, d) are those of the rows' first images, then those of the further images of all rows, in order.
    `computed` counts the vectors that the model computed, `new` those that the live snapshot lacks. `unreachable` are
    those of the rows whose images could not be fetched, and whose vectors are those of the live snapshot; `unusable`
    are images that were left out of rows with other ones.
    """

    rows: Sequence[SourceRow]
    vectors: Vectors
    skipped: Sequence[SkippedRow]
    computed: int
    new: int
    unreachable: Sequence[SkippedRow] = ()
    unusable: Sequence[SkippedRow] = ()

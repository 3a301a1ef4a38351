"""The items of a gallery at one moment, as searches need them, whatever engine holds them."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.items.attribute_types import AttributeTypes
from index.items.filters import Filter
from index.items.items import GalleryItem
from index.items.values import Number, Scalar
from index.lexical.matching import LexicalMatches
from index.sources.cells import Value
from models.arrays import Codes, Embeddings, Flags, Rows, Scores


class Tally(Protocol):
    """Counts of the values of attributes among some rows."""

    def counts(self, name: str, top: int) -> Sequence[tuple[Scalar, int]]:
        """The `top` most frequent values of an attribute with their numbers; ties go by the value."""

    def extent(self, name: str) -> tuple[Number, Number] | None:
        """The least and the most number of an attribute; None if there are none."""


class Candidates(Protocol):
    """The rows that a filter lets through."""

    @property
    def total(self) -> int:
        """How many they are."""

    @property
    def at_most(self) -> int:
        """How many they are at most, which is known at once."""

    def ranked(self, queries: Embeddings, depth: int, *, nprobe: int | None) -> tuple[Scores, Rows]:
        """Cosines and rows (B, K) of the best for each query (B, d), in order; K is at least `depth`, if there are.

        A longer ranking begins with a shorter one, up to its depth. A row is −1 if there are no more.
        """

    def matches(self, text: str) -> LexicalMatches:
        """Those that match a text by its words."""

    def mask(self, rows: Rows) -> Flags:
        """Mask (m,) of the living rows (m,) that are among them."""

    def rows(self) -> Rows:
        """All of them (n,), ascending."""

    def by_id(self, after: str, limit: int, check: Callable[[], None]) -> Sequence[int]:
        """The first rows whose ids follow `after`, in the order of their ids; `check` raises if the work must end."""

    def tally(self) -> Tally:
        """Counts among all of them."""

    def group_count(self, name: str, *, without: Sequence[int]) -> int:
        """How many remain if each value of the attribute may occur once.

        The rows `without` do not count; each row that lacks the attribute does.
        """

    def notes(self) -> Sequence[str]:
        """Remarks for the caller on items that could not be searched."""

    def diagnostics(self, nprobe: int | None) -> Sequence[str]:
        """How they are searched, if a filter or a missing part makes a difference."""


class Contents(Protocol):
    """All items at one moment by their rows: those of the source come first, in its order."""

    def candidates(self, filter: Filter | None, check: Callable[[], None] = ...) -> Candidates:
        """The living rows that a filter lets through; raises InputError if it names an attribute that no item has.

        `check` is called between the parts of the filter; it raises if the work must end.
        """

    @property
    def types(self) -> AttributeTypes:
        """The type of each attribute that an item has or had; None if it never had a value."""

    @property
    def count(self) -> int:
        """The number of living items."""

    def check_attributes(self, names: set[str]) -> None:
        """Raises InputError if no item ever had one of these attributes; a gallery without items refuses none."""

    def look_up(self, ids: Sequence[str], *, latest: bool = False) -> None:
        """Reads the items of these ids at once, if that is cheaper than one by one; `row` is asked for them next.

        With `latest`, they are read with the changes that other processes have just made, which may take a while.
        """

    def row(self, id: str) -> int | None:
        """The row of the living item of that id."""

    def item(self, row: int) -> GalleryItem:
        """The item of that row."""

    def values(self, name: str, rows: Sequence[int]) -> Sequence[Value]:
        """The value of an attribute of each row, None if it is missing."""

    def sort_numbers(self, name: str, rows: Rows) -> NDArray[np.float64]:
        """Numbers (m,) that sort rows (m,) by an attribute, in ascending order; NaN if it is missing.

        Raises InputError if there are too many different texts.
        """

    def vectors(self, rows: Rows) -> Embeddings:
        """The vectors of the first images of rows (m,), at length one, (m, d)."""

    def image_vectors(self, row: int) -> Embeddings:
        """The vectors of all images of a row, at length one, (i, d)."""

    def cosines(self, query: Embeddings, rows: Rows) -> Scores:
        """The cosines (m,) of one query (d,) and rows (m,): each row's is that of its nearest image."""

    def score(self, query: Embeddings, row: int) -> float:
        """The cosine of one query (d,) and a row."""

    def nearest_images(self, query: Embeddings, rows: Sequence[int]) -> Sequence[int]:
        """The number of each row's image that is nearest to a query (d,); 0 is the first."""

    def nearest_vectors(self, query: Embeddings, rows: Rows) -> Embeddings:
        """The vectors (m, d) of the images of rows (m,) that are nearest to a query (d,)."""

    def contents(self, row: int) -> Sequence[str]:
        """The SHA-256 of the bytes of each image of that row's item."""

    def has_content(self, rows: Rows, content: str) -> Flags:
        """Mask (m,) of the rows (m,) that have an image with that SHA-256."""

    def matched(self, text: str, row: int) -> Sequence[str]:
        """The names of the texts of that row's item, such as "title", that have words of a text."""

    def has_words(self, text: str) -> bool:
        """True if each word of a text is a word of some item."""

    def group_codes(self, name: str) -> Callable[[Rows], Codes]:
        """A function of rows (m,) that gives equal codes (m,) to equal values of that attribute, −1 to missing ones.

        Raises InputError if the attribute cannot group items.
        """

    def tally_of(self, rows: Sequence[int]) -> Tally:
        """Counts among some rows."""

    def spread(self, name: str) -> tuple[int, int]:
        """How many different values an attribute has among the living items, and how many of these have one."""

    def sample(self, count: int) -> Rows:
        """The first rows of a page that nothing orders."""

    def ids(self) -> Sequence[str]:
        """The id of every living item, by row."""

    def image_count(self) -> int:
        """The number of images of all living items."""

"""What a search asks of a gallery, and what it is told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from index.items.facets import Facets
from index.items.filters import Filter
from index.items.items import GalleryItem

SAME = 0.995  # cosine from which two pictures are taken for one


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """Which items are wanted, how many, and in what arrangement; one that asks for nothing special takes no time."""

    k: int = 20
    offset: int = 0  # hits before the first one wanted
    filter: Filter | None = None
    exclude: frozenset[str] = frozenset()  # ids that are never among the hits
    pinned: tuple[str, ...] = ()  # ids in front of all others, where they are there and pass the filter
    group_by: str | None = None  # of the items with one value of this attribute, the best alone
    alike: float | None = None  # cosine from which of two items only the better is there
    reference: str | None = None  # id of an item that, with what looks the same, is not among the hits
    content: str | None = None  # SHA-256 of a picture's bytes, that is not among the hits
    nprobe: int | None = None  # lists to probe, instead of the snapshot's own number
    facets: tuple[str, ...] = ()  # attributes whose values are counted
    rerank: int = 0  # so many of the order's first rows that may be hits are put in another, before any is arranged

    @property
    def plain(self) -> bool:
        """Whether the hits are the first of the order, nothing left out and nothing moved."""
        special = (self.exclude, self.pinned, self.group_by, self.alike, self.reference, self.content)
        return not any(special)


@dataclass(frozen=True, slots=True)
class Hit:
    """An item found, with its cosine similarity to the query."""

    item: GalleryItem
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of one query, best first; of how many items that the filter lets through; and what should be known.

    Of each facet the values that most of these items have, with their number.
    """

    hits: list[Hit]
    total: int
    notes: Sequence[str] = ()
    facets: Facets = field(default_factory=dict)

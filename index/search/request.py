"""Search request and result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from index.items.facets import MOST, Facets, Ranges
from index.items.filters import Filter
from index.items.items import GalleryItem
from index.search.deadline import Deadline
from index.search.result_order import PLAIN_ORDER, ResultOrder

AHEAD = 8  # more rows are ranked than requested, so that few searches have to be ranked again
DEEPER = 4  # factor by which the ranking grows if the rules left too few rows
SAME = 0.995  # cosine from which two images count as the same


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """How many hits to return, from which items, and in which arrangement; the default arrangement costs no time."""

    k: int = 20
    offset: int = 0  # hits to skip
    filter: Filter | None = None
    exclude: frozenset[str] = frozenset()  # ids that are never hits
    pinned: tuple[str, ...] = ()  # ids in front of all others, if they exist and pass the filter
    group_by: str | None = None  # attribute; of the items with one value of it only the best is a hit
    alike: float | None = None  # cosine from which only the better of two items is a hit
    references: tuple[str, ...] = ()  # ids of items that are no hits, nor are items that look the same
    contents: frozenset[str] = frozenset()  # SHA-256 of bytes of images that are no hits
    nprobe: int | None = None  # lists to probe, instead of the snapshot's own number
    facets: tuple[str, ...] = ()  # attributes whose values are counted
    facet_limits: Mapping[str, int] = field(default_factory=dict, compare=False)  # values of one, if not MOST
    order: ResultOrder = PLAIN_ORDER
    fields: tuple[str, ...] | None = None  # attributes of the hits to return; None: all
    text: str = ""  # items that match it by their words are ranked higher
    lexical_weight: float = 0.0  # of these matches, up to 1; cosines have the rest
    certain_strength: float = 1.0  # of a match by words, from which an item is a hit whatever it scores
    rerank: int = 0  # number of first rows to re-rank, before the other rules apply
    deadline: Deadline = field(default_factory=Deadline, compare=False)

    @property
    def reach(self) -> int:
        """How many hits of the ranking it needs."""
        return self.offset + self.k if self.order.is_plain else self.order.window

    def facet_limit(self, name: str) -> int:
        """How many values of an attribute are returned at most."""
        return self.facet_limits.get(name, MOST)

    @property
    def depth(self) -> int:
        """How many rows are ranked at first."""
        factor = 1 if self.group_by is None and self.alike is None else DEEPER
        return max((self.reach + self._left_out) * factor, self.rerank_depth)

    @property
    def rerank_depth(self) -> int:
        """How many rows of the ranking are looked through for those to re-rank."""
        return self.rerank + len(self.pinned) + self._left_out if self.rerank else 0

    @property
    def _left_out(self) -> int:
        """About how many of the first rows are never hits."""
        return len(self.exclude) + (AHEAD if self.references or self.contents else 0)

    def cut_short(self, count: int) -> list[str]:
        """Return a sentence if the hits end within the page because only `count` of them are arranged."""
        if self.order.is_plain or not count == self.order.window < self.offset + self.k:
            return []
        return [f"only the first {count} hits of the ranking are arranged and returned: window sets how many"]

    @property
    def plain(self) -> bool:
        """True if the hits are the first rows of the ranking, none left out and none moved."""
        special = (self.exclude, self.pinned, self.group_by, self.alike, self.references, self.contents)
        return not any(special)


@dataclass(frozen=True, slots=True)
class Hit:
    """An item with the cosine similarity of the query and its nearest image, whose number among its images is `image`.

    `matched` has the names of its texts that match the query's by words.
    """

    item: GalleryItem
    score: float
    matched: Sequence[str] = ()
    image: int = 0


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of one query, best first, the number of items that pass the filter, and notes for the caller.

    `facets` holds, for each requested attribute, the most frequent values among these items with their counts,
    and `ranges` the least and the most of those that are numbers.
    """

    hits: list[Hit]
    total: int
    notes: Sequence[str] = ()
    diagnostics: Sequence[str] = ()  # how the search was done, for operators
    facets: Facets = field(default_factory=dict)
    ranges: Ranges = field(default_factory=dict)
    matches: int | None = None  # hits among the first that score enough, if the request has a least score
    is_overdue: bool = False  # the deadline of the request came first: there are no hits

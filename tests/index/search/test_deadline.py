"""A search whose deadline passes ends at its next step, and the others of its batch are answered."""

import time
from dataclasses import replace

import numpy as np
import pytest

from index.build.snapshot_writer import SnapshotOrigin, write
from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.items.filters import parse
from index.search.deadline import Deadline
from index.search.request import SearchRequest
from index.sources.embedded import Embedded
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.journal import Journal
from index.vectors.encodings import IndexOptions
from models.arrays import Embeddings, normalised
from models.errors import DeadlineExceeded

COUNT, DIMENSION = 12_000, 16
SLOW = SearchRequest(k=200, offset=800, alike=1.0, facets=("n", "shade"))


class StepDeadline(Deadline):
    """Is over after a number of looks at it, as if each step took long; counts the looks."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps
        self.looks = 0

    @property
    def is_over(self) -> bool:
        self.looks += 1
        self.left -= 1
        return self.left < 0


def unit(count: int, seed: int) -> Embeddings:
    return normalised(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> GalleryView:
    folder = tmp_path_factory.mktemp("gallery")
    rows = [SourceRow(f"i{n}", "", {"n": n, "shade": n % 5}) for n in range(COUNT)]
    vectors = unit(COUNT, 0).astype(np.float16)
    Journal.open(folder).close()
    contents = Embedded(rows, vectors, [], computed=0, new=COUNT)
    origin = SnapshotOrigin("drawn", "space", "drawn", 0)
    made, _ = write(folder, contents, origin, IndexOptions(), lambda _: None, known={}, lexical=())
    snapshot.publish(folder, made.manifest.name)
    return Gallery.open(folder, space_id="space").view()


def test_a_search_that_is_overdue_has_no_hits_and_its_neighbours_have_theirs(view: GalleryView) -> None:
    queries = unit(3, 1)
    plain = SearchRequest(k=5, facets=("shade",))
    alone = [view.search(queries[[number]], [plain])[0] for number in range(3)]
    counted = StepDeadline(10**9)
    view.search(queries, [plain, replace(SLOW, deadline=counted), plain])
    for steps in range(counted.looks):
        slow = replace(SLOW, deadline=StepDeadline(steps))
        first, overdue, last = view.search(queries, [plain, slow, plain])
        assert overdue.is_overdue and not overdue.hits
        assert [first, last] == [alone[0], alone[2]]
    (whole,) = view.search(queries[[1]], [SLOW])
    assert not whole.is_overdue and len(whole.hits) == 200


def test_no_step_of_a_long_search_is_far_from_the_next(view: GalleryView) -> None:
    seen = StepDeadline(10**9)
    view.search(unit(1, 2), [replace(SLOW, deadline=seen)])
    conditions = parse({"or": [{"n": {"gte": COUNT - number}} for number in range(100)]})
    before = seen.looks
    assert before >= 4  # blocks, depths and facets
    view.search(unit(1, 2), [replace(SLOW, filter=conditions, deadline=seen)])
    assert seen.looks - before > 200  # each condition, of the snapshot and of the changes


def test_a_filter_ends_when_none_of_its_searches_is_wanted_any_more(view: GalleryView) -> None:
    over, open_ = Deadline(time.monotonic() - 1), Deadline()
    filter = parse({"shade": [1, 2], "n": {"lt": 11_000}})
    request = SearchRequest(filter=filter, deadline=over)
    _, wanted = view.search(unit(2, 3), [request, replace(request, deadline=open_)])
    assert not wanted.is_overdue and wanted.hits
    (alone,) = view.search(unit(1, 3), [replace(request, filter=parse({"shade": 4}))])
    assert alone.is_overdue
    open_.end()
    with pytest.raises(DeadlineExceeded):
        open_.check()

"""The steps of one search that compute, each in whatever thread calls it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.search.deadline import Deadline
from models.encoder import Encoder
from models.errors import LikebutError
from service.search.encode import PreparedQuery
from service.search.facts_in_words import listing, with_facts
from service.search.query import Answer, NeedsFetch, Query, answer_batch, needs_fetch, prepare
from service.search.stopwatch import Stopwatch
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class SearchSteps:
    """The steps of one search, on the model and the snapshot that it began with."""

    encoder: Encoder
    gallery: Gallery
    settings: Settings
    watch: Stopwatch
    deadline: Deadline

    def parsed(self, parse: Callable[[], Query]) -> Query:
        """Return the query that a body describes; raises what `parse` does."""
        with self.watch.stage("decode"):
            return parse()

    def fetchable(self, query: Query) -> Query | NeedsFetch:
        """Return the query with its facts read, and the images to fetch first, if there are some."""
        view = self.gallery.view()
        query = self._with_facts(query, view)
        return (None if query.is_listing else needs_fetch(query, view)) or query

    def prepared(self, query: Query, view: GalleryView) -> PreparedQuery | Query:
        """Return the query ready for a batch, its images decoded; one of facts alone stays a query."""
        query = self._with_facts(query, view)
        if query.is_listing:
            return query
        return prepare(query, encoder=self.encoder, view=view, settings=self.settings, watch=self.watch)

    def decoded(self, query: Query) -> PreparedQuery | Query:
        """Return the same as `prepared`, on the items as of now."""
        return self.prepared(query, self.gallery.view())

    def listed(self, query: Query) -> Answer:
        """Return the answer to a query of facts alone."""
        return listing(query, self.gallery.view(), encoder=self.encoder, settings=self.settings, watch=self.watch)

    def _with_facts(self, query: Query, view: GalleryView) -> Query:
        with self.watch.stage("decode"):
            query = with_facts(query, view, self.gallery.facts, self.settings)
        return replace(query, request=replace(query.request, deadline=self.deadline))


Preparation = Callable[[GalleryView], PreparedQuery | Query]


def answers(
    preparations: Sequence[Preparation], *, encoder: Encoder, gallery: Gallery
) -> list[Answer | Query | LikebutError]:
    """Return what comes of queries of one kind: an answer, an error of its own, or a query of facts alone."""
    view = gallery.view()
    ready = [_ready(preparation, view) for preparation in preparations]
    queries = [each for each in ready if isinstance(each, PreparedQuery)]
    answered = iter(answer_batch(queries, encoder=encoder, gallery=gallery) if queries else ())
    return [next(answered) if isinstance(each, PreparedQuery) else each for each in ready]


def _ready(preparation: Preparation, view: GalleryView) -> PreparedQuery | Query | LikebutError:
    try:
        return preparation(view)
    except LikebutError as error:
        return error

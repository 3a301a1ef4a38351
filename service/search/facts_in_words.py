"""The facts in a query's words, such as "under 50", made parts of its filter and of its order."""

from dataclasses import replace

from index.gallery_view import GalleryView
from index.items import filters
from index.phrases.fact import Fact
from index.phrases.reading import FactReader
from index.search.request import Hit
from index.search.result_order import SortKey
from models.encoder import Encoder
from service.search.query import Answer, Query, check_k
from service.search.stated_fact import StatedFact
from service.search.stopwatch import Stopwatch
from service.settings import Settings

NO_REFERENCE = "a price was compared with that of no product: give a number, or search from a product that has a price"
NO_PLACE = "{} was ignored: it applies only to a query with an image, or with a text that states more than facts"


def with_facts(query: Query, view: GalleryView, reader: FactReader, settings: Settings) -> Query:
    """Return the query with the facts that its words state in its filter and its order, and without these words.

    The facts of what it returns have been read.
    """
    if not query.reads_facts or len(query.text or "") > settings.max_text_chars:
        return query
    reference = next((each.item_id for each in query.references if each.item_id is not None), None)
    texts: list[str] = []
    understood: list[StatedFact] = []
    lacks_reference = False
    for number, text in enumerate(query.texts):
        is_alone = not query.references
        reading = reader.read(text, view.rows, is_alone=is_alone, reference=reference, literal=query.literal)
        texts.append(reading.words.strip())
        step = number if query.steps else None
        understood += [StatedFact(text[fact.start : fact.end], step, fact) for fact in reading.facts]
        lacks_reference |= reading.lacks_reference
    notes = (NO_REFERENCE,) if lacks_reference else ()
    if not understood:
        return replace(query, notes=notes, reads_facts=False)
    request = query.request
    for stated in understood:
        condition = filters.parse(stated.fact.conditions) if stated.fact.conditions else None
        request = replace(request, filter=filters.both(request.filter, condition))
    sort = [] if request.order.sort else [key for stated in understood if (key := _sort_key(stated.fact)) is not None]
    request = replace(request, order=replace(request.order, sort=request.order.sort or tuple(sort)))
    words = ", ".join(filter(None, texts)) or None
    return replace(
        query, text=words, request=request, understood=tuple(understood), notes=notes, is_sorted_by_words=bool(sort),
        reads_facts=False,
    )  # fmt: skip


def listing(query: Query, view: GalleryView, *, encoder: Encoder, settings: Settings, watch: Stopwatch) -> Answer:
    """Return the items for which all facts of a query hold that says nothing else, in the order of `GET /browse`."""
    request = query.request
    check_k(request, settings)
    view.check(request)
    with watch.stage("search"):
        page = view.browse(request)
    ignored = {
        "group_by": request.group_by is not None, "max_similarity": request.alike is not None,
        "pinned_ids": bool(request.pinned), "exclude_ids": bool(request.exclude),
        "min_score": request.order.min_score is not None, "min_chance": query.min_chance is not None,
        "rerank": request.rerank > 0, "negative": bool(query.unlike),
    }  # fmt: skip
    return Answer(
        [Hit(item, 0.0) for item in page.items],
        page.total,
        page.facets,
        page.ranges,
        view.manifest.name,
        encoder.manifest.model_id,
        watch.took_ms,
        [*query.notes, *(NO_PLACE.format(name) for name, is_given in ignored.items() if is_given)],
        ["the words state facts only: all items that pass the filter were listed"],
        understood=query.understood,
    )


def _sort_key(fact: Fact) -> SortKey | None:
    return None if fact.order is None else SortKey(fact.order.attribute, descending=fact.order.order == "desc")

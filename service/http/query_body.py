"""The query that the body of a search describes."""

from index.items import filters
from index.search.request import SearchRequest
from models.bundle import CANDIDATES
from service.errors import BodyTooLarge, Unusable
from service.schemas import results
from service.schemas.images import QueryImage, WeightedImage
from service.schemas.search import SearchBody
from service.search.query import Query
from service.search.references import ImageReference
from service.settings import Settings

NO_URLS = "this service does not accept image URLs: send the image itself as base64 or as a form file"


def described_query(body: SearchBody, file: bytes | None, settings: Settings) -> Query:
    """Return the query of a body; `file` is the image of a form, for which the body has a placeholder."""
    names = ["image"] if body.image is not None else [f"images.{number}" for number in range(len(body.images))]
    negatives = [f"negative.{number}" for number in range(len(body.negative))]
    pairs = zip(body.references, names, strict=True)
    return Query(
        references=tuple(_reference(image, name, file, settings) for image, name in pairs),
        unlike=tuple(
            _reference(image, name, None, settings) for image, name in zip(body.negative, negatives, strict=True)
        ),
        text=(body.words if body.steps else body.text) or None,
        request=SearchRequest(
            k=body.k,
            offset=body.offset,
            filter=filters.parse(body.filter) if body.filter else None,
            exclude=frozenset(body.exclude_ids),
            pinned=tuple(body.pinned_ids),
            group_by=body.group_by,
            alike=body.max_similarity,
            nprobe=body.nprobe,
            facets=tuple(results.facet_limits(body)),
            facet_limits=results.facet_limits(body),
            order=results.order(body),
            fields=None if body.fields is None else tuple(body.fields),
            rerank=CANDIDATES if body.rerank is True else int(body.rerank),
        ),
        exclude_reference=body.exclude_reference,
        text_weight=body.text_weight,
        min_chance=body.min_chance,
        lexical_weight=body.lexical_weight,
        steps=tuple(body.steps),
        reads_facts=body.facts,
        literal=tuple(body.literal),
    )


def _reference(image: QueryImage, field: str, data: bytes | None, settings: Settings) -> ImageReference:
    """Return an image of a query; `data` is the file of a form."""
    data = image.data() if data is None else data
    if data is not None and len(data) > settings.max_image_bytes:
        raise BodyTooLarge(f"the image has {len(data)} bytes, more than {settings.max_image_bytes}: send a smaller one")
    if image.url is not None and not settings.image_hosts:
        raise Unusable(NO_URLS, fields=[{"field": f"{field}.url", "detail": NO_URLS}])
    box = None if image.box is None else (image.box[0], image.box[1], image.box[2], image.box[3])
    weight = image.weight if isinstance(image, WeightedImage) else 1.0
    return ImageReference(data, image.item_id, image.url, box, weight, image.image)

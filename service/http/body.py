"""The body of a request as it arrives: read within limits of size and time, then parsed as JSON or as a form."""

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request

from index.items import filters
from index.search.request import SearchRequest
from models.bundle import CANDIDATES
from service.errors import BodyTooLarge, BodyTooSlow, Unusable, WrongMediaType, refused
from service.http import multipart
from service.schemas.search import SearchBody, SearchesBody
from service.search.query import Query
from service.settings import Settings

SLACK_BYTES = 256 * 1024  # for everything beside the image
MOST_PARTS = 50_000  # members and values of a search's JSON: each that is wrong would cost memory of its own
PICTURES = 4  # of full size, that several searches may bring along together
BODY_S = 30.0  # a caller that sends more slowly would keep its place from others …
FIRST_S = 5.0  # … as would one that says nothing, so it has this long, and then what it has sent bought it
BYTES_PER_S = 100_000
Body = TypeVar("Body", bound=BaseModel)
NO_URLS = "URLs in requests aren't accepted here: send the picture itself as base64 or as a form file"
Result = TypeVar("Result")
WHOLE = re.compile(r"-?[0-9]{1,9}")  # whether it is large enough is for `SearchBody` to say
REST = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class Posted:
    """A search as it was sent, not parsed yet."""

    content_type: str
    data: bytes


async def search_body(request: Request, settings: Settings) -> Posted:
    """The whole body of a search; raises WrongMediaType, BodyTooLarge and BodyTooSlow."""
    kind = _media_type(request.headers.get("content-type", ""))
    if kind == "application/json":
        limit = base64_bytes(settings.max_image_bytes)
    elif kind == "multipart/form-data":
        limit = settings.max_image_bytes + SLACK_BYTES
    else:
        raise WrongMediaType("send a search as application/json or as multipart/form-data")
    return Posted(request.headers["content-type"], await body(request, max_bytes=limit))


def query(posted: Posted, settings: Settings) -> Query:
    """The query that a body carries; raises InputErrors for everything a body can have wrong."""
    if _media_type(posted.content_type) == "application/json":
        asked = parsed(SearchBody, _few(posted.data))
        image = asked.image.data() if asked.image else None
    else:
        sent = multipart.parse(posted.data, content_type=posted.content_type)
        asked, image = _merged(sent.fields, has_image=sent.image is not None), sent.image
    return _query(asked, image, settings)


def searches(posted: bytes, *, most: int) -> list[dict[str, JsonValue]]:
    """The searches of one body, none of them read yet; raises InputErrors for a body that is no list of them."""
    asked = parsed(SearchesBody, _few(posted)).searches
    if len(asked) > most:
        detail = f"{len(asked)} searches are more than {most}: send them in several calls"
        raise Unusable(detail, fields=[{"field": "searches", "detail": detail}])
    return asked


def one_of_many(posted: dict[str, JsonValue], settings: Settings) -> Query:
    """One search of several; raises as `query` does."""
    try:
        asked = SearchBody.model_validate(posted)
    except ValidationError as error:
        raise refused(error) from error
    return _query(asked, asked.image.data() if asked.image else None, settings)


def _query(asked: SearchBody, image: bytes | None, settings: Settings) -> Query:
    if image is not None and len(image) > settings.max_image_bytes:
        raise BodyTooLarge(
            f"the image has {len(image)} bytes, more than {settings.max_image_bytes}: send a smaller one"
        )
    url = asked.image.url if asked.image else None
    if url is not None and not settings.image_hosts:
        raise Unusable(NO_URLS, fields=[{"field": "image.url", "detail": NO_URLS}])
    return Query(
        image=image,
        item_id=asked.image.item_id if asked.image else None,
        text=asked.text,
        want=SearchRequest(
            k=asked.k,
            offset=asked.offset,
            filter=filters.parse(asked.filter) if asked.filter else None,
            exclude=frozenset(asked.exclude_ids),
            pinned=tuple(asked.pinned_ids),
            group_by=asked.group_by,
            alike=asked.max_similarity,
            nprobe=asked.nprobe,
            facets=tuple(asked.facets),
            rerank=CANDIDATES if asked.rerank is True else int(asked.rerank),
        ),
        exclude_reference=asked.exclude_reference,
        text_weight=asked.text_weight,
        image_url=url,
    )


def searches_bytes(settings: Settings) -> int:
    """The most bytes that the body of several searches has: less than one of items, since each call holds one place."""
    return settings.max_searches_bytes or PICTURES * base64_bytes(settings.max_image_bytes)


def base64_bytes(count: int) -> int:
    """The most bytes that a body with a picture of `count` bytes in base64 has."""
    return count * 7 // 5 + SLACK_BYTES  # four letters for three bytes, and a few line breaks


async def sent(request: Request, *, max_bytes: int) -> bytes:
    """A JSON body as it was sent, not parsed yet; raises WrongMediaType, BodyTooLarge and BodyTooSlow."""
    if _media_type(request.headers.get("content-type", "")) != "application/json":
        raise WrongMediaType("send application/json")
    return await body(request, max_bytes=max_bytes)


async def json_body(request: Request, kind: type[Body]) -> Body:
    """A small JSON body; anything not declared as JSON is refused, so that no foreign web page can send it unasked."""
    return parsed(kind, await sent(request, max_bytes=SLACK_BYTES))


async def body(request: Request, *, max_bytes: int, within_s: float = BODY_S, first_s: float = FIRST_S) -> bytes:
    """The whole body; raises BodyTooLarge as soon as it is known to be, and BodyTooSlow.

    At every moment `first_s` and what has come at `BYTES_PER_S` must not be over, nor `within_s` in all.
    """
    too_large = BodyTooLarge(f"the body has more than {max_bytes} bytes: send a smaller image")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large
    data = bytearray()
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(min(first_s, within_s)) as limit:
            async for chunk in request.stream():
                data += chunk
                if len(data) > max_bytes:
                    raise too_large
                limit.reschedule(began + min(first_s + len(data) / BYTES_PER_S, within_s))
    except TimeoutError as error:
        raise BodyTooSlow(
            f"the body came too slowly: it has {first_s:g} s and one more for each {BYTES_PER_S} bytes,"
            f" but {within_s:g} s at most, so send a smaller image"
        ) from error
    return bytes(data)


async def unless_left(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """What the work gives; ended with ClientDisconnect once the caller has left. The body was read before."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(request.receive())  # after the body nothing comes but the end
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))


def parsed(kind: type[Body], data: bytes) -> Body:
    """A JSON text as a body; raises BadRequest where it is no JSON and Unusable where it is another."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise refused(error) from error


def _few(data: bytes) -> bytes:
    """A JSON text as it is; raises BodyTooLarge where it may have too many parts, those in its texts counted, too."""
    if data.count(b":") + data.count(b",") > MOST_PARTS:
        raise BodyTooLarge(f"the body has more than {MOST_PARTS} members and values: ask for less")
    return data


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _merged(fields: dict[str, str], *, has_image: bool) -> SearchBody:
    """Text and k laid over the JSON in `query`; a stand-in marks the file, which `SearchBody` need not hold twice."""
    try:
        rest = REST.validate_json(_few((fields.get("query") or "{}").encode()))
    except ValidationError as error:
        raise refused(error) from error
    for name in ("text", "k", "image"):
        if name in rest and (name in fields or (name == "image" and has_image)):
            raise Unusable(
                f"{name} is given twice: in the form and in query", fields=[{"field": name, "detail": "twice"}]
            )
    if "text" in fields:
        rest["text"] = fields["text"]
    if fields.get("k"):
        if not WHOLE.fullmatch(fields["k"]):
            raise Unusable("k: not a whole number", fields=[{"field": "k", "detail": "not a whole number"}])
        rest["k"] = int(fields["k"])
    if has_image:
        rest["image"] = {"base64": ""}
    asked = parsed(SearchBody, TypeAdapter(dict[str, JsonValue]).dump_json(rest))
    if asked.image is not None and asked.image.base64 is not None and not has_image:
        raise Unusable(
            "in a form, send the image as the file image",
            fields=[{"field": "query.image.base64", "detail": "use the file"}],
        )
    return asked

"""Request bodies: read within limits of size and time, then parsed as JSON or as a multipart form."""

import asyncio
import codecs
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request

from service.errors import BadRequest, BodyTooLarge, BodyTooSlow, Unusable, WrongEncoding, WrongMediaType, invalid_body
from service.http import multipart
from service.http.query_body import described_query
from service.schemas.meant import invalid
from service.schemas.search import SearchBody, SearchesBody
from service.search.query import Query
from service.settings import Settings

SLACK_BYTES = 256 * 1024  # for everything in a body except the image
SMALL_BYTES = 64 * 1024  # for a body that is parsed in the event loop
SMALL_PARTS = 1_000  # the same for its members and values; 64 KiB of an image look like 500
MAX_PARTS = 50_000  # members and values in the JSON of a search: each invalid one would cost memory
FULL_SIZE_IMAGES = 4  # that fit into one call of several searches by default
BODY_S = 30.0  # for the whole body: a slow caller holds a permit that others need
FIRST_S = 5.0  # for the first bytes; every BYTES_PER_S received add one second
BYTES_PER_S = 100_000
FORM = "multipart/form-data"
Body = TypeVar("Body", bound=BaseModel)
Result = TypeVar("Result")
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")  # `SearchBody` checks the range
JSON_OBJECT = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class Posted:
    """A body as it was received, not parsed yet."""

    content_type: str
    data: bytes

    @property
    def is_form(self) -> bool:
        """True for a multipart form, False for JSON."""
        return self.content_type.partition(";")[0].strip().lower() == FORM

    @property
    def is_small(self) -> bool:
        """True if it takes less time to parse than to pass to a thread, whatever it contains."""
        return len(self.data) <= SMALL_BYTES and _parts(self.data) <= SMALL_PARTS


async def search_body(request: Request, settings: Settings) -> Posted:
    """Reads the whole body of a search; raises WrongMediaType, BodyTooLarge and BodyTooSlow."""
    limit = settings.max_image_bytes
    return await json_or_form(request, max_json_bytes=base64_bytes(limit), max_form_bytes=limit + SLACK_BYTES)


def is_form(request: Request) -> bool:
    """Return True if the content type is that of a form."""
    return _media_type(request) == FORM


async def json_or_form(
    request: Request,
    *,
    max_json_bytes: int,
    max_form_bytes: int,
    media_types: Collection[str] = ("application/json",),
) -> Posted:
    """Reads a body of one of these JSON types, or a form; raises WrongMediaType, BodyTooLarge and BodyTooSlow."""
    media_type = _media_type(request)
    if media_type != FORM and media_type not in media_types:
        raise WrongMediaType(
            f"the content type is {media_type[:100] or 'missing'}: send {' or '.join(media_types)}, or {FORM} (enctype"
            " of an HTML form, curl -F)"
        )
    limit = max_form_bytes if media_type == FORM else max_json_bytes
    return Posted(request.headers["content-type"], await read(request, max_bytes=limit))


def query(posted: Posted, settings: Settings) -> Query:
    """Return the query in a body; raises InputErrors for every mistake that a body can contain."""
    if not posted.is_form:
        return described_query(parse(SearchBody, _limited(posted.data)), None, settings)
    form = multipart.parse(posted.data, content_type=posted.content_type)
    return described_query(_merge(form.fields, has_image=form.image is not None), form.image, settings)


def searches(posted: bytes, *, max_searches: int) -> list[dict[str, JsonValue]]:
    """Return the searches of one body, not validated yet; raises InputErrors if the body is not a list of searches."""
    bodies = parse(SearchesBody, _limited(posted)).searches
    if len(bodies) > max_searches:
        detail = f"{len(bodies)} searches are more than {max_searches}: send them in several calls"
        raise Unusable(detail, fields=[{"field": "searches", "detail": detail}])
    return bodies


def one_of_many(posted: dict[str, JsonValue], settings: Settings) -> Query:
    """Return the query of one search of several; raises as `query` does."""
    return described_query(_validated(posted), None, settings)


def searches_bytes(settings: Settings) -> int:
    """Return the size limit for a body of several searches; lower than for many items, since each call has a permit."""
    return settings.max_searches_bytes or FULL_SIZE_IMAGES * base64_bytes(settings.max_image_bytes)


def base64_bytes(count: int) -> int:
    """Return the size limit for a JSON body with an image of `count` bytes in base64."""
    return count * 7 // 5 + SLACK_BYTES  # base64 has four letters for three bytes, and a few line breaks


def json_body(kind: type[Body]) -> Callable[[Request], Awaitable[Body]]:
    """Return a dependency that reads and validates a small JSON body.

    FastAPI would read the body before the other dependencies, so also for a caller without a key.
    """

    async def body(request: Request) -> Body:
        return parse(kind, await json_bytes(request, max_bytes=SMALL_BYTES))

    return body


async def json_bytes(
    request: Request, *, max_bytes: int, media_types: Collection[str] = ("application/json",)
) -> bytes:
    """Reads a JSON body without parsing it; raises WrongMediaType, BodyTooLarge and BodyTooSlow.

    The content type must be JSON, because a web page of another origin cannot send that without permission (CORS).
    """
    media_type = _media_type(request)
    if media_type not in media_types:
        wanted = " or ".join(media_types)
        raise WrongMediaType(f"the content type is {media_type[:100] or 'missing'}: send {wanted}")
    return await read(request, max_bytes=max_bytes)


async def read(request: Request, *, max_bytes: int, within_s: float = BODY_S, first_s: float = FIRST_S) -> bytes:
    """Reads the whole body, without a byte order mark; raises WrongEncoding, BodyTooLarge early, and BodyTooSlow.

    The time limit starts at `first_s`, grows by one second for every `BYTES_PER_S` bytes, and ends at `within_s`.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise WrongEncoding(f"the body has the content encoding {encoding[:100]}: send it without one")
    too_large = BodyTooLarge(f"the body has more than {max_bytes} bytes: send less, or a smaller image")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large
    chunks: list[bytes] = []
    size, more = 0, True
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(min(first_s, within_s)) as limit:
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunks.append(message.get("body", b""))
                size, more = size + len(chunks[-1]), message.get("more_body", False)
                if size > max_bytes:
                    raise too_large
                if more:
                    limit.reschedule(began + min(first_s + size / BYTES_PER_S, within_s))
    except TimeoutError as error:
        raise BodyTooSlow(
            f"the body arrived too slowly: the limit is {first_s:g} s plus 1 s for every {BYTES_PER_S} bytes, and"
            f" {within_s:g} s at most; send a smaller image"
        ) from error
    return b"".join(chunks).removeprefix(codecs.BOM_UTF8)  # no copy of a single chunk without the mark


async def unless_disconnected(request: Request, work: Coroutine[None, None, Result]) -> Result:
    """Return what the work returns; cancels it and raises ClientDisconnect if the caller leaves first.

    The body must have been read before.
    """
    task, is_waiting = asyncio.current_task(), True
    assert task is not None
    leaving = asyncio.ensure_future(request.receive())  # after the body, the only message left is the disconnect

    def left(_: object) -> None:
        if is_waiting and not leaving.cancelled():
            task.cancel()

    leaving.add_done_callback(left)
    try:
        return await work
    except asyncio.CancelledError as error:
        if leaving.done() and not leaving.cancelled() and not task.uncancel():
            raise ClientDisconnect from error
        raise
    finally:
        is_waiting = False
        leaving.cancel()


def parse(kind: type[Body], data: bytes) -> Body:
    """Return JSON text as a body; raises BadRequest if it is not JSON and Unusable if it does not validate."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise (
            invalid(error, kind) if _is_utf8(data) else BadRequest("the body is not in UTF-8: encode it so")
        ) from error


def _validated(members: dict[str, JsonValue]) -> SearchBody:
    try:
        return SearchBody.model_validate(members)
    except ValidationError as error:
        raise invalid(error, SearchBody) from error


def _limited(data: bytes) -> bytes:
    """Return JSON text unchanged; raises BodyTooLarge if it may have too many parts."""
    if _parts(data) > MAX_PARTS:
        raise BodyTooLarge(f"the body has more than {MAX_PARTS} members and values: send fewer")
    return data


def _parts(data: bytes) -> int:
    """Return how many members and values JSON text may have; those that only its strings seem to have count, too."""
    return data.count(b":") + data.count(b",")


def _is_utf8(data: bytes) -> bool:
    """Return whether bytes that may be JSON are encoded in UTF-8, and not in UTF-16, UTF-32 or an old charset."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data[:4]


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _merge(fields: dict[str, str], *, has_image: bool) -> SearchBody:
    """Return the JSON of `query` with the form's text and k; a placeholder stands for the file to save memory."""
    try:
        members = JSON_OBJECT.validate_json(_limited(fields.get("query", "{}").encode()))
    except ValidationError as error:
        raise invalid_body(error) from error
    box = members.get("image")
    part = box if isinstance(box, dict) and box.keys() == {"box"} else {}  # of the form's file
    for name in ("text", "k", "image"):
        if members.get(name) is not None and (name in fields or (name == "image" and has_image and not part)):
            raise Unusable(
                f"{name} is given twice: in the form and in query", fields=[{"field": name, "detail": "given twice"}]
            )
    if "text" in fields:
        members["text"] = fields["text"]
    if "k" in fields:
        if not WHOLE_NUMBER.fullmatch(fields["k"]):
            raise Unusable("k: not a whole number", fields=[{"field": "k", "detail": "not a whole number"}])
        members["k"] = int(fields["k"])
    if has_image:
        members["image"] = {"base64": "", **part}
    body = _validated(members)
    if body.image is not None and body.image.base64 is not None and not has_image:
        raise Unusable(
            "send the image of a form as the file image, not in query",
            fields=[{"field": "query.image.base64", "detail": "send it as the file image"}],
        )
    return body

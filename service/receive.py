"""The body of a search as it arrives: read within limits, as JSON or as a form."""

from collections.abc import AsyncGenerator
from typing import TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import BadRequest, BodyTooLarge, Unusable, WrongMediaType, unusable
from service.searcher import Query
from service.settings import Settings
from service.wire import SearchBody

SLACK_BYTES = 256 * 1024  # for everything beside the image
Body = TypeVar("Body", bound=BaseModel)
REST = TypeAdapter(dict[str, JsonValue])


async def search_query(request: Request, settings: Settings) -> Query:
    """The query that a request carries; raises InputErrors for everything a body can have wrong."""
    kind = _media_type(request)
    if kind == "application/json":
        # base64 makes four letters of three bytes
        data = await body(request, max_bytes=settings.max_image_bytes * 4 // 3 + SLACK_BYTES)
        asked = parsed(SearchBody, data)
        image = asked.image.data() if asked.image else None
    elif kind == "multipart/form-data":
        data = await body(request, max_bytes=settings.max_image_bytes + SLACK_BYTES)
        asked, image = await _form(request, data)
    else:
        raise WrongMediaType("send a search as application/json or as multipart/form-data")
    if image is not None and len(image) > settings.max_image_bytes:
        raise BodyTooLarge(
            f"the image has {len(image)} bytes, more than {settings.max_image_bytes}: send a smaller one"
        )
    return Query(
        image=image,
        item_id=asked.image.item_id if asked.image else None,
        text=asked.text,
        k=asked.k,
        exclude_reference=asked.exclude_reference,
        exclude_ids=frozenset(asked.exclude_ids),
        text_weight=asked.text_weight,
    )


async def json_body(request: Request, kind: type[Body]) -> Body:
    """A small JSON body; anything not declared as JSON is refused, so that no foreign web page can send it unasked."""
    if _media_type(request) != "application/json":
        raise WrongMediaType("send application/json")
    return parsed(kind, await body(request, max_bytes=SLACK_BYTES))


async def body(request: Request, *, max_bytes: int) -> bytes:
    """The whole body; raises BodyTooLarge as soon as it is known to be, by its header or while it is read."""
    too_large = BodyTooLarge(f"the body has more than {max_bytes} bytes: send a smaller image")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_bytes:
        raise too_large
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > max_bytes:
            raise too_large
    return bytes(data)


def parsed(kind: type[Body], data: bytes) -> Body:
    """A JSON text as a body; raises BadRequest where it is no JSON and Unusable where it is another."""
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise unusable(error.errors()) from error


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _form(request: Request, data: bytes) -> tuple[SearchBody, bytes | None]:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield data

    boundary = parse_options_header(request.headers["content-type"])[1].get(b"boundary")
    if not boundary or b"--" + boundary + b"--" not in data:
        # the parser would take what came so far for the whole
        raise BadRequest("the form is cut off: its closing boundary is missing")
    try:
        parser = MultiPartParser(request.headers, whole(), max_files=1, max_fields=8, max_part_size=SLACK_BYTES)
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError) as error:  # KeyError: no boundary is named
        raise BadRequest(f"the form cannot be read ({getattr(error, 'message', None) or error})") from error
    try:
        fields: dict[str, str] = {}
        image: bytes | None = None
        for name, value in form.multi_items():
            if name == "image" and isinstance(value, UploadFile):
                image = await value.read()
            elif name in ("text", "k", "query") and isinstance(value, str) and name not in fields:
                fields[name] = value
            else:
                detail = "a form has one file image, and the fields text, k and query, each once"
                raise Unusable(detail, fields=[{"field": name, "detail": detail}])
    finally:
        await form.close()
    return _merged(fields, has_image=image is not None), image


def _merged(fields: dict[str, str], *, has_image: bool) -> SearchBody:
    """Text and k laid over the JSON in `query`; a stand-in marks the file, which `SearchBody` need not hold twice."""
    try:
        rest = REST.validate_json(fields.get("query") or "{}")
    except ValidationError as error:
        raise unusable(error.errors()) from error
    for name in ("text", "k", "image"):
        if name in rest and (name in fields or (name == "image" and has_image)):
            raise Unusable(
                f"{name} is given twice: in the form and in query", fields=[{"field": name, "detail": "twice"}]
            )
    if "text" in fields:
        rest["text"] = fields["text"]
    if fields.get("k"):
        if not fields["k"].isdecimal() or len(fields["k"]) > 9:
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

"""The body of POST /index: the description of a job as JSON, or the table itself whose items the gallery gets."""

import asyncio
from collections.abc import Mapping

from fastapi import Request
from pydantic import ValidationError

from index import places, uploads
from service.errors import Unusable, WrongMediaType, invalid_body
from service.http import body as bodies
from service.http.state import app_state
from service.jobs.plan import JobRequest
from service.schemas.gallery import IndexBody

JSON = "application/json"
OCTETS = "application/octet-stream"
PARAMETERS = ("map", "max_loss", "format")
# none of them can be sent by a web page of another origin without permission (CORS), as a form could
SUFFIXES: Mapping[str, str] = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "application/rss+xml": ".xml",
    "application/atom+xml": ".xml",
    "application/vnd.apache.parquet": ".parquet",
}


async def job_request(request: Request) -> JobRequest:
    """Return the job that a body describes; a table in it is stored in the gallery first.

    Raises WrongMediaType, BodyTooLarge, BodyTooSlow, Unusable, GalleryReadOnly, and GalleryError if the disk is full.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == JSON:
        given = next((name for name in PARAMETERS if name in request.query_params), None)
        if given is not None:
            raise _unusable(given, "a parameter of the URL goes with a table as the body: give it in the JSON")
        return JobRequest(**(await bodies.json_body(IndexBody)(request)).model_dump())
    suffix = _suffix(request) if media_type == OCTETS else SUFFIXES.get(media_type)
    if suffix is None:
        raise WrongMediaType(
            f"the content type is {media_type[:100] or 'missing'}: send a job as {JSON}, or a table as one of"
            f" {', '.join(SUFFIXES)}, {OCTETS}"
        )
    options = _options(request)
    state = app_state(request)
    places.check_writable(state.settings.gallery)
    data = await bodies.read(request, max_bytes=state.settings.max_bulk_bytes)
    if not data:
        raise _unusable("body", "the table is empty: send its rows as the body")
    table = await asyncio.to_thread(uploads.store_table, places.folder(state.settings.gallery), data, suffix)
    return JobRequest(source=str(table), map=options.map or {}, max_loss=options.max_loss)


def _suffix(request: Request) -> str:
    """Return the suffix of the format that the URL names; raises Unusable."""
    suffix = "." + request.query_params.get("format", "")
    if suffix not in SUFFIXES.values():
        formats = ", ".join(dict.fromkeys(suffix.removeprefix(".") for suffix in SUFFIXES.values()))
        raise _unusable("format", f"a body of {OCTETS} needs this parameter of the URL, one of {formats}")
    return suffix


def _options(request: Request) -> IndexBody:
    """Return the parameters of the URL as the fields of a body; raises Unusable."""
    columns: dict[str, str] = {}
    for pair in request.query_params.getlist("map"):
        name, equals, column = pair.partition("=")
        if not equals:
            raise _unusable("map", f"{pair[:100]!r} is not NAME=COLUMN, as in map=image%3Dimage_link")
        columns[name.strip()] = column.strip()
    members: dict[str, object] = {"source": "uploaded", "map": columns}
    if "max_loss" in request.query_params:
        try:
            members["max_loss"] = float(request.query_params["max_loss"])
        except ValueError as error:
            raise _unusable("max_loss", "not a number") from error
    try:
        return IndexBody.model_validate(members)
    except ValidationError as error:
        raise invalid_body(error) from error


def _unusable(field: str, detail: str) -> Unusable:
    return Unusable(f"{field}: {detail}", fields=[{"field": field, "detail": detail}])

"""The page and everything it loads, read once at the start and sent from memory; nothing comes from anywhere else."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

WEB = Path(__file__).parents[1] / "web"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class WebAsset:
    """One file of the page."""

    data: bytes
    media_type: str
    etag: str


def assets() -> dict[str, WebAsset]:
    """Every file of the page by its name."""
    found = {}
    for path in sorted(WEB.iterdir()):
        if path.suffix in MEDIA_TYPES:
            data = path.read_bytes()
            found[path.name] = WebAsset(data, MEDIA_TYPES[path.suffix], entity_tag(data))
    return found


def entity_tag(data: bytes) -> str:
    """A tag that changes with the content."""
    return f'"{hashlib.sha256(data).hexdigest()[:20]}"'


def send(request: Request, data: bytes, *, media_type: str, etag: str, cache_control: str) -> Response:
    """The content, or 304 where the caller has it already."""
    headers = {"ETag": etag, "Cache-Control": cache_control}
    if etag in (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)

"""Items whose pictures are on the web: searched by like others, and a host that hangs keeps nobody else waiting."""

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from index.gallery import Gallery
from index.items.items import GalleryItem
from service.search.remote_references import RemoteReferences
from service.settings import Settings

Inside = Callable[..., object]


class Site(BaseHTTPRequestHandler):
    """Serves the file that a path names, as soon as the gate is open."""

    def do_GET(self) -> None:
        asked.set()
        gate.wait(30)
        data = Path(self.path).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: object) -> None:
        """Keeps quiet."""


class Web(Gallery):
    """A gallery whose pictures are all on that site."""

    def item(self, id: str) -> GalleryItem:
        found = super().item(id)
        return dataclasses.replace(found, uri=address[0] + found.uri)


gate, asked = threading.Event(), threading.Event()
address: list[str] = []


@pytest.fixture
def web() -> Iterator[Callable[[FastAPI], None]]:
    """Swaps such a gallery in."""
    gate.set()
    asked.clear()

    def swap(app: FastAPI) -> None:
        searcher, folder = app.state.service.searcher, app.state.service.settings.gallery
        away = Web.open(folder, space_id=searcher.serving.encoder.manifest.space_id)
        searcher.serving = dataclasses.replace(searcher.serving, gallery=away)

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        address[:] = [f"http://127.0.0.1:{server.server_port}"]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield swap
        gate.set()
        server.shutdown()
        thread.join()


BY_ITEM = {"image": {"item_id": "red-box"}, "text": "in blue", "k": 4}


def test_an_item_is_searched_by_wherever_its_picture_lies(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        here = (await client.post("/search", json=BY_ITEM)).json()
        web(app)
        there = (await client.post("/search", json=BY_ITEM)).json()
        assert asked.is_set() and "fetch" in there["took_ms"] and "fetch" not in here["took_ms"]
        assert [hit["id"] for hit in there["hits"]] == [hit["id"] for hit in here["hits"]]
        assert "red-box" not in [hit["id"] for hit in there["hits"]]
        unknown = {"image": {"item_id": "nobody"}}
        several = (await client.post("/searches", json={"searches": [BY_ITEM, unknown]})).json()["answers"]
        assert several[0]["hits"] == there["hits"] and several[1]["status"] == 404
        assert app.state.service.searcher.active == 0

    inside(Settings(gallery=gallery), scenario)


def test_a_host_that_hangs_keeps_no_other_search_waiting(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        web(app)
        service = app.state.service
        service.elsewhere = RemoteReferences(None, max_bytes=10**6, timeout_s=2)
        gate.clear()
        waiting = [asyncio.create_task(client.post("/search", json=BY_ITEM)) for _ in range(3)]
        assert await asyncio.to_thread(asked.wait, 10)
        for _ in range(3):
            assert (await client.post("/search", json={"text": "a ball"})).status_code == 200
        assert not any(each.done() for each in waiting)
        for each in await asyncio.gather(*waiting):
            assert each.status_code == 404 and "did not come in time" in each.json()["detail"]
        gate.set()
        assert (await client.post("/search", json=BY_ITEM)).status_code == 200

    inside(Settings(gallery=gallery, decoders=1, max_waiting=2), scenario)


def test_a_search_that_waits_for_its_picture_ends_with_the_snapshot_it_began_with(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        web(app)
        gate.clear()
        waiting = asyncio.create_task(client.post("/search", json=BY_ITEM))
        assert await asyncio.to_thread(asked.wait, 10)
        app.state.service.searcher.close("a swap is under way")
        gate.set()
        answer = await waiting
        assert answer.status_code == 200
        assert answer.json()["took_ms"]["total"] >= answer.json()["took_ms"]["fetch"]
        assert (await client.post("/search", json=BY_ITEM)).status_code == 503

    inside(Settings(gallery=gallery), scenario)

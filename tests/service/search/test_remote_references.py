"""Items whose images are on the web serve as references, and a host that hangs delays no other search."""

import asyncio
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.items.items import GalleryItem
from index.search.request import SearchRequest
from service.search.remote_references import RemoteReferences
from service.settings import Settings

Inside = Callable[..., object]


class Site(BaseHTTPRequestHandler):
    """Serves the file that a path names, once the gate is open."""

    def do_GET(self) -> None:
        requested.set()
        gate.wait(30)
        if status[0] != 200:
            self.send_response(status[0])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = Path(self.path).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: object) -> None:
        """Keeps quiet."""


class Web(Gallery):
    """Gallery whose images are all on that site."""

    def view(self) -> GalleryView:
        view = super().view()
        return WebView(view.manifest, view.folder, view.rows)


class WebView(GalleryView):
    """Its view."""

    def item(self, id: str) -> GalleryItem:
        item = super().item(id)
        return dataclasses.replace(item, uri=address[0] + item.uri)


gate, requested = threading.Event(), threading.Event()
address: list[str] = []
status = [200]


@pytest.fixture
def web() -> Iterator[Callable[[FastAPI], None]]:
    """Return a function that swaps such a gallery in."""
    gate.set()
    requested.clear()
    status[0] = 200

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


def test_a_remote_image_serves_as_a_reference_like_a_local_one(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        here = (await client.post("/search", json=BY_ITEM)).json()
        web(app)
        there = (await client.post("/search", json=BY_ITEM)).json()
        assert requested.is_set() and "fetch" in there["took_ms"] and "fetch" not in here["took_ms"]
        assert [hit["id"] for hit in there["hits"]] == [hit["id"] for hit in here["hits"]]
        assert "red-box" not in [hit["id"] for hit in there["hits"]]
        unknown = {"image": {"item_id": "nobody"}}
        several = (await client.post("/searches", json={"searches": [BY_ITEM, unknown]})).json()["answers"]
        assert several[0]["hits"] == there["hits"] and several[1]["status"] == 404
        assert app.state.service.searcher.active == 0

    inside(Settings(gallery=gallery, allow_private_hosts=True), scenario)


@pytest.mark.slow
def test_a_host_that_hangs_delays_no_other_search(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        web(app)
        service = app.state.service
        service.remote_references = RemoteReferences(None, max_bytes=10**6, private_hosts=True, timeout_s=2)
        gate.clear()
        waiting = [asyncio.create_task(client.post("/search", json=BY_ITEM)) for _ in range(3)]
        assert await asyncio.to_thread(requested.wait, 10)
        for _ in range(3):
            assert (await client.post("/search", json={"text": "a ball"})).status_code == 200
        assert not any(task.done() for task in waiting)
        for answer in await asyncio.gather(*waiting):
            assert answer.status_code == 504 and "in time" in answer.json()["detail"]
        gate.set()
        assert (await client.post("/search", json=BY_ITEM)).status_code == 200

    inside(Settings(gallery=gallery, allow_private_hosts=True, decoders=1, max_waiting=2), scenario)


@pytest.mark.slow
def test_a_host_that_hangs_delays_no_image_of_another(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        here = app.state.service.searcher.serving
        web(app)
        gate.clear()
        waiting = [asyncio.create_task(client.get("/images/red-box")) for _ in range(12)]
        assert await asyncio.to_thread(requested.wait, 10)
        begun = time.monotonic()
        app.state.service.searcher.serving = here
        for _ in range(3):
            assert (await client.get("/images/red-box", params={"size": 32})).status_code == 200
        assert time.monotonic() - begun < 2
        assert not any(task.done() for task in waiting)
        gate.set()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}

    inside(Settings(gallery=gallery, allow_private_hosts=True), scenario)


def test_a_search_that_waits_for_its_image_keeps_its_snapshot(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        web(app)
        gate.clear()
        waiting = asyncio.create_task(client.post("/search", json=BY_ITEM))
        assert await asyncio.to_thread(requested.wait, 10)
        app.state.service.searcher.close("a swap is under way")
        gate.set()
        answer = await waiting
        assert answer.status_code == 200
        assert answer.json()["took_ms"]["total"] >= answer.json()["took_ms"]["fetch"]
        assert (await client.post("/search", json=BY_ITEM)).status_code == 503

    inside(Settings(gallery=gallery, allow_private_hosts=True), scenario)


def test_an_item_alone_is_searched_by_its_vector_whatever_its_host_does(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None]
) -> None:
    alone = {"image": {"item_id": "red-box"}, "k": 4}

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        view = app.state.service.searcher.live().view()
        (nearest,) = view.search(view.vector("red-box")[np.newaxis], [SearchRequest(k=4, references=("red-box",))])
        local = (await client.post("/search", json=alone)).json()
        assert [(hit["id"], hit["score"]) for hit in local["hits"]] == [
            (hit.item.id, pytest.approx(hit.score, abs=1e-4)) for hit in nearest.hits
        ]
        web(app)
        for status[0] in (200, 503, 404):
            for text in ({}, {"text": None}, {"text": "  "}):
                answer = (await client.post("/search", json={**alone, **text})).json()
                assert answer["hits"] == local["hits"] and "fetch" not in answer["took_ms"]
        assert not requested.is_set()

    inside(Settings(gallery=gallery, allow_private_hosts=True), scenario)


@pytest.mark.slow
@pytest.mark.parametrize(("answered", "expected"), [(503, 502), (429, 502), (403, 502), (404, 404), (410, 404)])
def test_an_image_that_its_host_does_not_deliver_is_told_from_one_that_is_gone(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None], answered: int, expected: int
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        web(app)
        status[0] = answered
        for response in (await client.post("/search", json=BY_ITEM), await client.get("/images/red-box")):
            problem = response.json()
            assert response.status_code == expected and "'red-box'" in problem["detail"]
            assert "127.0.0.1" not in problem["detail"]  # the address is the operator's
            assert ("rebuild" in problem["detail"]) == (expected == 404)
        status[0] = 200
        assert (await client.post("/search", json=BY_ITEM)).status_code == 200
        assert (await client.get("/images/red-box")).status_code == 200

    inside(Settings(gallery=gallery, allow_private_hosts=True), scenario)


@pytest.mark.slow
@pytest.mark.parametrize("size", [None, 32])
def test_an_image_at_a_private_address_is_not_fetched_unless_an_operator_allows_it(
    gallery: Path, inside: Inside, web: Callable[[FastAPI], None], size: int | None
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        web(app)
        image = await client.get("/images/red-box", params={} if size is None else {"size": size})
        for answer in (await client.post("/search", json=BY_ITEM), image):
            assert answer.status_code == 502 and "LIKEBUT_ALLOW_PRIVATE_HOSTS" in answer.json()["detail"]
        assert not requested.is_set()

    inside(Settings(gallery=gallery), scenario)

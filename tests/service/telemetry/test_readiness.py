"""Readiness: the result of the last trial search, and trials that hang."""

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.search.request import SearchRequest, SearchResult
from index.search.rerank import Rescore, no_reranker
from models.arrays import Embeddings, Pixels
from models.preprocess import Box
from service.http.state import AppState
from service.settings import Settings
from service.telemetry.readiness import ReadinessProbe

Inside = Callable[..., object]


class Gated(Gallery):
    """A gallery whose searches can hang, and which counts searches for one hit (the trials)."""

    def view(self) -> GalleryView:
        view = super().view()
        return GatedView(view.manifest, view.folder, view.rows)


class GatedView(GalleryView):
    """The searches of a gated gallery."""

    def search(
        self, queries: Embeddings, requests: Sequence[SearchRequest], *, rescore: Rescore = no_reranker
    ) -> list[SearchResult]:
        trial = requests[0].k == 1
        (gate if trial else others).wait(100)
        if trial:
            searches.append(len(requests))
        return super().search(queries, requests, rescore=rescore)


gate, others = threading.Event(), threading.Event()  # for trial searches, and for searches of callers
searches: list[int] = []


def gated(service: AppState) -> ReadinessProbe:
    """Swaps in a gallery that can hang, and returns the prober of the service."""
    gate.set()
    others.set()
    searches.clear()
    serving = service.searcher.serving
    broken = Gated.open(service.settings.gallery, space_id=serving.encoder.manifest.space_id)
    service.searcher.serving = dataclasses.replace(serving, gallery=broken)
    return service.prober


async def ready(client: httpx.AsyncClient) -> tuple[bool, str]:
    """Return whether /readyz is 200, and its reason; /metrics and /livez must agree."""
    answer = await client.get("/readyz")
    assert answer.status_code in (200, 503)
    metrics = (await client.get("/metrics")).text
    assert f"likebut_ready {int(answer.status_code == 200)}.0\n" in metrics
    assert (await client.get("/livez")).status_code == 200  # a restart would not help
    return answer.status_code == 200, answer.json().get("detail", "")


async def until(client: httpx.AsyncClient, status: int, said: str = "") -> None:
    """Polls /readyz until it answers `status`, and /metrics until it agrees."""
    async with asyncio.timeout(60):
        while True:
            answer = await client.get("/readyz")
            agrees = f"likebut_ready {int(status == 200)}.0\n" in (await client.get("/metrics")).text
            if agrees and answer.status_code == status and said in answer.json().get("detail", ""):
                return
            await asyncio.sleep(0.05)


@pytest.mark.slow
def test_a_trial_that_hangs_makes_it_not_ready_until_it_ends(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        gated(app.state.service)
        try:
            await until(client, 200)
            gate.clear()
            await until(client, 503, "hangs")
            assert not (await ready(client))[0]
        finally:
            gate.set()
        await until(client, 200)

    inside(Settings(gallery=gallery, stale_after_s=3), scenario)


def test_frequent_probes_start_no_more_trials(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        gated(app.state.service)
        answers = await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert searches == [1]

    inside(Settings(gallery=gallery, stale_after_s=3000), scenario)


@pytest.mark.slow
def test_a_new_snapshot_is_tried_before_it_counts_as_ready(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        await until(client, 200)
        gated(app.state.service)
        gate.clear()
        try:
            answer = await client.get("/readyz")
            assert answer.status_code == 503
        finally:
            gate.set()
        await until(client, 200)
        assert searches

    inside(Settings(gallery=gallery, stale_after_s=6), scenario)


@pytest.mark.slow
def test_a_worker_that_hangs_makes_it_not_ready(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        gated(app.state.service)
        await until(client, 200)
        others.clear()
        asked = asyncio.create_task(client.post("/search", json={"text": "x", "k": 5}))
        try:
            await until(client, 503, "hangs")
            assert not (await ready(client))[0]
            searches.clear()
            async with asyncio.timeout(60):
                while not searches:  # the trials go on
                    await asyncio.sleep(0.05)
        finally:
            others.set()
        assert len((await asked).json()["hits"]) == 5
        await until(client, 200)

    inside(Settings(gallery=gallery, stale_after_s=3), scenario)


@pytest.mark.slow
def test_a_decoder_that_hangs_makes_it_not_ready(
    gallery: Path, inside: Inside, image_file: Callable[..., bytes]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert await ready(client) == (True, "")
        encoder, go_on = app.state.service.searcher.serving.encoder, threading.Event()
        own = encoder.preprocess

        def held(data: bytes, *, max_pixels: int, box: Box | None) -> Pixels:
            assert go_on.wait(30)
            found: Pixels = own(data, max_pixels=max_pixels, box=box)
            return found

        encoder.preprocess = held
        asked = asyncio.create_task(client.post("/search", files={"image": image_file()}))
        try:
            await until(client, 503)
            assert "a decoding has been running" in (await ready(client))[1]
            line = next(
                line
                for line in (await client.get("/metrics")).text.splitlines()
                if line.startswith("likebut_worker_busy_seconds ")
            )
            assert float(line.split()[1]) > 1.5
        finally:
            go_on.set()
        assert (await asked).status_code == 200
        while app.state.service.searcher.busy_s:  # a thread becomes free a moment after its caller gets the result
            await asyncio.sleep(0.01)
        await until(client, 200)

    inside(Settings(gallery=gallery, stale_after_s=1.5, decoders=1), scenario)


def test_while_draining_it_is_not_ready_but_answers(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        kept = await client.post("/search", json={"text": "x"})
        app.state.service.prober.drain()
        is_ready, _ = await ready(client)
        assert not is_ready
        answer = await client.post("/search", json={"text": "x"})
        assert answer.status_code == 200
        # otherwise the end of the process would cut off the next request on the connection
        assert answer.headers["connection"] == "close" and "connection" not in kept.headers

    inside(Settings(gallery=gallery), scenario)

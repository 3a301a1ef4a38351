"""POST /index and its jobs: the first gallery, a swap during searches, and failures that change nothing."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image

from index.storage import manifest
from models.bundle import SHIPPED
from models.errors import SpaceMismatch
from service.settings import Settings

Inside = Callable[..., object]


async def finished(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, object]:
    """Return the finished job of an accepted rebuild."""
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/index/jobs/{answer.json()['job']}"
    while True:
        job: dict[str, object] = (await client.get(answer.headers["location"])).json()
        if job["state"] in ("done", "failed"):
            return job
        await asyncio.sleep(0.05)


def of_another_model(gallery: Path, copy: Path) -> Path:
    """Return a copy of a gallery whose manifest names another space."""
    shutil.copytree(gallery, copy)
    (path,) = copy.glob(f"**/{manifest.MANIFEST}")
    path.write_text(manifest.dump(manifest.load(path).model_copy(update={"space_id": "another-space"})))
    return copy


def builds(gallery: Path) -> list[Path]:
    """Return the processes in /proc that build this gallery."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # the process has just ended
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if "index build" in line and str(gallery) in line:
                found.append(path.parent)
    return found


@pytest.mark.slow
def test_without_a_gallery_the_first_job_creates_one(tmp_path: Path, shop: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.get("/livez")).status_code == 200
        ready = await client.get("/readyz")
        assert ready.status_code == 503 and "no gallery" in ready.json()["detail"]
        assert ready.headers["content-type"] == "application/problem+json"
        for answer in (await client.post("/search", json={"text": "x"}), await client.get("/browse")):
            assert answer.status_code == 503 and "nothing to search" in answer.json()["detail"]
        assert (await client.get("/index")).json()["snapshot"] is None

        job = await finished(client, await client.post("/index", json={"source": str(shop), "shards": 3}))
        assert job["state"] == "done", job
        assert job["items"] == 30 and job["skipped"] == 1 and job["error"] is None
        skipped = job["skipped_items"]
        assert isinstance(skipped, list) and skipped[0]["id"] == "broken"
        assert job["started"] and job["finished"]

        assert (await client.get("/readyz")).json() == {"ready": True, "snapshot": job["snapshot"]}
        assert len((await client.post("/search", json={"text": "x", "k": 5})).json()["hits"]) == 5
        live = (await client.get("/index")).json()
        assert live["snapshot"] == job["snapshot"] and live["items"] == 30 and live["shards"] == 3
        assert live["last_job"]["id"] == job["id"]

    inside(Settings(gallery=tmp_path / "gallery"), scenario)


@pytest.mark.slow
def test_a_swap_fails_no_search_and_only_one_job_runs(
    tmp_path: Path, shop: Path, gallery: Path, inside: Inside
) -> None:
    copy = tmp_path / "gallery"
    shutil.copytree(gallery, copy)
    more = tmp_path / "more"
    more.mkdir()
    for number in range(40):
        Image.new("RGB", (80, 80), (number * 6, 90, 200 - number * 5)).save(more / f"plain {number:02}.png")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        snapshots: dict[str, int] = {}
        stop = asyncio.Event()

        async def shopper(text: str) -> None:
            while not stop.is_set():
                answer = await client.post("/search", json={"text": text, "k": 30})
                assert answer.status_code == 200, answer.text
                body = answer.json()
                counts = {hit["id"].startswith("plain") for hit in body["hits"]}
                assert len(counts) == 1  # of one snapshot, never of both
                snapshots[body["snapshot"]] = snapshots.get(body["snapshot"], 0) + 1

        shoppers = [asyncio.create_task(shopper(text)) for text in ("red", "a blue box", "ring")]
        wrong = await finished(client, await client.post("/index", json={"source": str(more)}))
        assert wrong["state"] == "failed" and "40 items, and 30 of the 30 live items" in str(wrong["error"])
        assert "max_loss" in str(wrong["error"])
        accepted = await client.post("/index", json={"source": str(more), "max_loss": 1})
        refused = await client.post("/index", json={"source": str(more), "max_loss": 1})
        assert refused.status_code == 409 and accepted.json()["job"] in refused.json()["detail"]
        job = await finished(client, accepted)
        assert job["state"] == "done", job
        await asyncio.sleep(0.3)
        stop.set()
        await asyncio.gather(*shoppers)
        assert len(snapshots) == 2 and job["snapshot"] in snapshots

    inside(Settings(gallery=copy), scenario)


@pytest.mark.slow
def test_a_failed_job_says_why_and_leaves_the_gallery_serving(tmp_path: Path, gallery: Path, inside: Inside) -> None:
    copy = tmp_path / "gallery"
    shutil.copytree(gallery, copy)
    empty = tmp_path / "empty"
    empty.mkdir()

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = (await client.get("/index")).json()
        job = await finished(client, await client.post("/index", json={"source": str(empty)}))
        assert job["state"] == "failed" and "no rows" in str(job["error"]) and job["snapshot"] is None
        assert (await client.get("/index")).json() == {**before, "last_job": job}
        assert (await client.post("/search", json={"text": "x"})).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'likebut_index_jobs_total{outcome="failed"} 1.0' in text
        assert 'likebut_index_jobs_total{outcome="done"} 0.0' in text

    inside(Settings(gallery=copy), scenario)


def test_a_missing_or_unreadable_source_is_refused_at_once(tmp_path: Path, gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        text = tmp_path / "items.doc"
        text.write_text("id,image\n")
        urls = ("http://127.0.0.1:1/t.csv", "https://127.0.0.1:1/t.csv", "memory://none/t.csv", text.as_uri())
        for source in (str(tmp_path / "nothing"), str(text), "\0", "", *urls):
            answer = await client.post("/index", json={"source": source})
            assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "source"
        assert (await client.post("/index", json={"source": str(tmp_path), "shards": 0})).status_code == 422
        assert (
            await client.post("/index", content=b'{"source": "/"}')
        ).status_code == 415  # without JSON as content type, any web page could send it
        assert (await client.get("/index")).json()["last_job"] is None

    inside(Settings(gallery=gallery), scenario)


def test_the_end_of_the_service_ends_its_job(tmp_path: Path, shop: Path, inside: Inside) -> None:
    gallery = tmp_path / "gallery"

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> FastAPI:
        answer = await client.post("/index", json={"source": str(shop)})
        while not builds(gallery):
            assert (await client.get(answer.headers["location"])).json()["state"] in ("queued", "running")
            await asyncio.sleep(0.01)
        return app

    app = inside(Settings(gallery=gallery), scenario)
    assert builds(gallery) == [] and isinstance(app, FastAPI)
    job = asyncio.run(app.state.service.jobs.last())
    assert job.state == "failed" and "stopped" in job.error


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="only Linux has it")
def test_a_build_lowers_its_priority_before_it_loads_anything(tmp_path: Path, shop: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        accepted = await client.post("/index", json={"source": str(shop)})
        while not (found := builds(tmp_path / "gallery")):
            await asyncio.sleep(0.001)
        (process,) = found
        while os.sched_getscheduler(int(process.name)) != os.SCHED_IDLE:
            await asyncio.sleep(0.001)
        assert "faiss" not in (process / "maps").read_text()
        assert (await finished(client, accepted))["state"] == "done"

    inside(Settings(gallery=tmp_path / "gallery"), scenario)


@pytest.mark.slow
def test_a_gallery_of_another_model_leaves_it_not_ready(
    tmp_path: Path, gallery: Path, shop: Path, inside: Inside
) -> None:
    copy = of_another_model(gallery, tmp_path / "gallery")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for path in ("/readyz", "/browse"):
            answer = await client.get(path)
            assert answer.status_code == 503 and "another model" in answer.json()["detail"], answer.text
        assert (await client.post("/search", json={"text": "x"})).status_code == 503
        job = await finished(client, await client.post("/index", json={"source": str(shop)}))  # which repairs it
        assert job["state"] == "done" and (await client.get("/readyz")).status_code == 200, job

    inside(Settings(gallery=copy), scenario)


def test_a_gallery_of_another_model_does_not_replace_the_live_one(
    tmp_path: Path, gallery: Path, inside: Inside
) -> None:
    copy = tmp_path / "gallery"
    shutil.copytree(gallery, copy)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = (await client.post("/search", json={"text": "x"})).json()
        shutil.rmtree(copy)
        of_another_model(gallery, copy)
        with pytest.raises(SpaceMismatch, match="another model"):
            await app.state.service.searcher.swap(SHIPPED)
        assert (await client.post("/search", json={"text": "x"})).json()["hits"] == before["hits"]
        assert (await client.get("/readyz")).status_code == 200

    inside(Settings(gallery=copy), scenario)


def test_a_broken_gallery_leaves_it_not_ready(tmp_path: Path, inside: Inside) -> None:
    (tmp_path / "CURRENT").write_text("../../etc\n")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        ready = await client.get("/readyz")
        assert ready.status_code == 503 and "CURRENT" in ready.json()["detail"]

    inside(Settings(gallery=tmp_path), scenario)

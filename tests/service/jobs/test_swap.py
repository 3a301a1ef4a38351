"""POST /index with a bundle: model and gallery are swapped together, during searches, or not at all."""

import asyncio
import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from index.search.request import SearchRequest
from index.storage import snapshot
from models.bundle import SHIPPED, Bundle
from service.search import references, stopwatch
from service.search.query import Query
from service.settings import Settings

Inside = Callable[..., object]
Serving = Callable[..., AbstractContextManager[str]]
Pair = tuple[str, str]  # a model and a snapshot


@pytest.fixture
def copy(gallery: Path, tmp_path: Path) -> Path:
    """A copy of the shop's gallery, built by the shipped model, for rebuilds."""
    return Path(shutil.copytree(gallery, tmp_path / "gallery"))


def model(bundle: Path) -> str:
    return Bundle.open(bundle).manifest.model_id


def info(metrics: str) -> list[dict[str, str]]:
    """Return the labels of every info metric."""
    families = text_string_to_metric_families(metrics)
    return [sample.labels for family in families for sample in family.samples if sample.name == "likebut_gallery_info"]


async def swapped(client: httpx.AsyncClient, **body: str) -> dict[str, object]:
    """Return the finished job of that body."""
    answer = await client.post("/index", json=body)
    assert answer.status_code == 202, answer.text
    while True:
        job: dict[str, object] = (await client.get(answer.headers["location"])).json()
        if job["state"] in ("done", "failed"):
            return job
        await asyncio.sleep(0.05)


def test_every_answer_during_a_swap_is_of_one_matching_pair(
    sum_bundle: Path, copy: Path, split_bundle: Path, image_file: Callable[..., bytes], serve: Serving
) -> None:
    upload = {"image": ("x.png", image_file("tent", "blue"))}
    queries: list[dict[str, object]] = [
        {"json": {"text": "a red ball", "k": 30}},
        {"json": {"image": {"item_id": "red-box"}, "text": "in blue", "k": 30}},
        {"files": upload, "data": {"text": "in green", "k": "30"}},
    ]
    stop = threading.Event()

    def ask(client: httpx.Client, query: dict[str, Any]) -> tuple[Pair, list[float]]:
        answer = client.request("POST", "/search", **query)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return (found["model"], found["snapshot"]), [hit["score"] for hit in found["hits"]]

    def shopper(address: str, number: int) -> list[tuple[Pair, list[float]]]:
        with httpx.Client(base_url=address, timeout=60) as client:
            answers = []
            while not stop.is_set():
                answers.append(ask(client, queries[number]))
            return answers

    def watcher(address: str) -> set[Pair]:
        seen = set()
        with httpx.Client(base_url=address, timeout=60) as client:
            while not stop.is_set():
                assert client.get("/readyz").status_code == 200
                live = client.get("/index").json()
                seen.add((live["model"], live["snapshot"]))
                (named,) = info(client.get("/metrics").text)
                seen.add((named["model"], named["snapshot"]))
        return seen

    with (
        serve("--gallery", copy) as address,
        httpx.Client(base_url=address, timeout=60) as client,
        ThreadPoolExecutor(7) as threads,
    ):
        alone = [dict([ask(client, query)]) for query in queries]  # the answers of each pair without swaps
        shoppers = [threads.submit(shopper, address, number % 3) for number in range(6)]
        watching = threads.submit(watcher, address)
        try:
            for bundle in (split_bundle, sum_bundle, SHIPPED):  # another space, another model, and back
                location = client.post("/index", json={"bundle": str(bundle)}).headers["location"]
                while (job := client.get(location).json())["state"] in ("queued", "running"):
                    time.sleep(0.05)
                assert job["state"] == "done", job
                for query, answers in zip(queries, alone, strict=True):
                    pair, scores = ask(client, query)
                    assert pair == (model(bundle), job["snapshot"])
                    answers[pair] = scores
                time.sleep(0.5)
        finally:
            stop.set()
        assert watching.result() <= set(alone[0])
        given = [(number % 3, *answer) for number, each in enumerate(shoppers) for answer in each.result()]
    assert len(alone[0]) == 4  # the two snapshots of the shipped model differ
    assert {pair for _, pair, _ in given} == set(alone[0])
    for number, pair, scores in given:
        np.testing.assert_allclose(scores, alone[number][pair], atol=1e-5)


def test_a_model_of_another_space_stays_for_the_next_rebuild(
    copy: Path, shop: Path, split_bundle: Path, inside: Inside
) -> None:
    manifest = Bundle.open(split_bundle).manifest

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        searcher = app.state.service.searcher
        first = weakref.ref(searcher.serving.encoder)
        encoders = []
        for body in ({"source": str(shop), "bundle": str(split_bundle)}, {"source": str(shop)}):
            job = await swapped(client, **body)
            assert job["state"] == "done" and job["bundle"] == str(split_bundle) and job["items"] == 30, job
            live = (await client.get("/index")).json()
            assert (live["snapshot"], live["model"]) == (job["snapshot"], manifest.model_id)
            assert (live["space"], live["dimension"]) == (manifest.space_id, manifest.dimension)
            named = {"snapshot": job["snapshot"], "model": manifest.model_id, "space": manifest.space_id}
            assert info((await client.get("/metrics")).text) == [named]
            encoders.append(searcher.serving.encoder)
            gc.collect()
            assert first() is None, "the old model is still in memory"
        assert encoders[0] is encoders[1]  # with its reference-image cache

    inside(Settings(gallery=copy), scenario)


def test_a_running_search_keeps_its_model_and_snapshot(copy: Path, split_bundle: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        searcher = app.state.service.searcher
        query = Query((references.ImageReference(item_id="red-box"),), "in blue", SearchRequest(k=5))
        begun, go_on = threading.Event(), threading.Event()

        def parse() -> Query:
            begun.set()
            assert go_on.wait(120)
            return query

        with searcher.permit() as permit:
            before = await searcher.search(lambda: query, permit=permit, watch=stopwatch.Stopwatch())
        with searcher.permit() as permit:
            running = asyncio.create_task(searcher.search(parse, permit=permit, watch=stopwatch.Stopwatch()))
            assert await asyncio.to_thread(begun.wait, 60)
            try:
                job = await swapped(client, bundle=str(split_bundle))
            finally:
                go_on.set()
            found = await running
        assert job["state"] == "done" and searcher.live().manifest.name == job["snapshot"] != found.snapshot
        assert (found.model, found.snapshot, found.hits) == (before.model, before.snapshot, before.hits)

    inside(Settings(gallery=copy), scenario)


@pytest.mark.slow
def test_a_model_of_the_same_space_is_swapped_in_without_a_build(sum_bundle: Path, copy: Path, inside: Inside) -> None:
    before = snapshot.current(copy)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        asked = {"image": {"item_id": "red-box"}, "text": "in blue"}
        old = (await client.post("/search", json=asked)).json()
        job = await swapped(client, bundle=str(sum_bundle))
        assert (job["state"], job["stage"], job["snapshot"], job["items"]) == ("done", "open", before, 30), job
        new = (await client.post("/search", json=asked)).json()
        assert (old["model"], new["model"]) == (model(SHIPPED), model(sum_bundle))
        assert old["snapshot"] == new["snapshot"] and old["hits"] != new["hits"]
        assert (await client.get("/index")).json()["model"] == model(sum_bundle)

    inside(Settings(gallery=copy), scenario)
    assert snapshot.current(copy) == before


def test_a_failed_build_leaves_the_old_model_and_its_snapshot(
    copy: Path, split_bundle: Path, tmp_path: Path, inside: Inside
) -> None:
    (empty := tmp_path / "empty").mkdir()

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = (await client.get("/index")).json()
        old = (await client.post("/search", json={"text": "x"})).json()
        job = await swapped(client, source=str(empty), bundle=str(split_bundle))
        assert job["state"] == "failed" and "no rows" in str(job["error"]) and job["snapshot"] is None
        assert (await client.get("/index")).json() == {**before, "last_job": job}
        new = (await client.post("/search", json={"text": "x"})).json()
        assert (new["model"], new["snapshot"], new["hits"]) == (old["model"], old["snapshot"], old["hits"])
        assert app.state.service.searcher.serving.bundle == SHIPPED

    inside(Settings(gallery=copy), scenario)


def test_an_unusable_bundle_is_refused_before_any_job(
    gallery: Path, shop: Path, split_bundle: Path, tmp_path: Path, inside: Inside
) -> None:
    changed = Path(shutil.copytree(split_bundle, tmp_path / "changed"))
    weights = bytearray((changed / "weights.bin").read_bytes())
    weights[len(weights) // 2] ^= 1
    (changed / "weights.bin").write_bytes(weights)
    wrong = Path(shutil.copytree(split_bundle, tmp_path / "wrong"))  # valid, but its self-test fails
    (wrong / "manifest.json").write_text(
        Bundle.open(wrong).manifest.model_copy(update={"tolerance": 1e-30}).model_dump_json()
    )
    said = {
        str(tmp_path / "nothing"): "nothing",
        "\0": "",
        str(shop): "manifest.json",
        str(shop.parent): "manifest.json",
        str(gallery / "snapshots" / snapshot.current(gallery)): "manifest.json",
        str(changed): "weights.bin",
        str(wrong): "self-test",
    }

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for bundle, reason in said.items():
            answer = await client.post("/index", json={"source": str(shop), "bundle": bundle})
            assert answer.status_code == 422 and reason in answer.json()["detail"], answer.text
            assert [error["field"] for error in answer.json()["errors"]] == ["bundle"]
        neither = await client.post("/index", json={"shards": 2})
        assert neither.status_code == 422 and neither.json()["type"].endswith(":unusable")
        assert (await client.get("/index")).json()["last_job"] is None
        assert (await client.post("/search", json={"text": "x"})).json()["model"] == model(SHIPPED)

    inside(Settings(gallery=gallery), scenario)


def test_without_a_gallery_a_bundle_alone_is_refused(sum_bundle: Path, tmp_path: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = await client.post("/index", json={"bundle": str(sum_bundle)})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "source"

    inside(Settings(gallery=tmp_path / "gallery"), scenario)


def test_only_one_job_also_while_its_bundle_is_tested(sum_bundle: Path, copy: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        answers = await asyncio.gather(*(client.post("/index", json={"bundle": str(sum_bundle)}) for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [202, 409, 409]

    inside(Settings(gallery=copy), scenario)


def test_a_restart_with_the_old_bundle_is_repaired_without_a_build(
    copy: Path, split_bundle: Path, inside: Inside
) -> None:
    async def swap(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await swapped(client, bundle=str(split_bundle)))["state"] == "done"

    async def mend(client: httpx.AsyncClient, app: FastAPI) -> None:
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert model(split_bundle) in ready.json()["detail"] and "--bundle" in ready.json()["detail"]
        assert info((await client.get("/metrics")).text) == []
        await swap(client, app)
        assert (await client.get("/readyz")).json() == {"ready": True, "snapshot": snapshot.current(copy)}

    async def fine(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.post("/search", json={"text": "x"})).json()["model"] == model(split_bundle)

    inside(Settings(gallery=copy), swap)
    built = snapshot.current(copy)
    inside(Settings(gallery=copy), mend)
    inside(Settings(gallery=copy, bundle=split_bundle), fine)
    assert snapshot.current(copy) == built


def test_the_next_rebuild_uses_a_bundle_exported_again_in_place(
    copy: Path, shop: Path, split_bundle: Path, tmp_path: Path, inside: Inside
) -> None:
    bundle = Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        shutil.rmtree(bundle)
        shutil.copytree(split_bundle, bundle)
        assert (await client.post("/search", json={"text": "x"})).json()["model"] == model(SHIPPED)
        job = await swapped(client, source=str(shop))
        assert job["state"] == "done", job
        assert (await client.post("/search", json={"text": "x"})).json()["model"] == model(split_bundle)

    inside(Settings(gallery=copy, bundle=bundle), scenario)

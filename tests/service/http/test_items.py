"""Changes of items while the service runs, snapshots of other processes, compaction, cancelling and roll-back."""

import asyncio
import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from index.storage import snapshot
from service.settings import Settings

Draw = Callable[..., bytes]
Inside = Callable[[Settings, Callable[[httpx.AsyncClient, FastAPI], Awaitable[None]]], None]


@pytest.fixture
def copy(gallery: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gallery, tmp_path / "gallery"))


def sent(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


async def ended(client: httpx.AsyncClient, job: str) -> dict[str, object]:
    """Return the job when it has ended."""
    while True:
        found: dict[str, object] = (await client.get(f"/index/jobs/{job}")).json()
        if found["state"] not in ("queued", "running"):
            return found
        await asyncio.sleep(0.05)


async def best(client: httpx.AsyncClient, image_file: bytes, **body: object) -> list[str]:
    answer = await client.post("/search", json={"image": sent(image_file), **body})
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


@pytest.mark.slow
def test_every_route_sees_an_item_put_changed_and_deleted(copy: Path, inside: Inside, image_file: Draw) -> None:
    data = image_file("cross", "red", side=96)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        path = f"/items/{quote('new/ü', safe='')}"
        body = {"image": sent(data), "attributes": {"price": 7, "colour": "red", "brand": None}}
        put = await client.put(path, json=body)
        assert put.status_code == 200, put.text
        url = put.json()["image_url"]
        expected = {"id": "new/ü", "attributes": {"price": 7, "colour": "red"}, "image_url": url, "images": [url]}
        assert put.json() == expected
        assert (await client.get(put.json()["image_url"])).content == data
        assert (await best(client, data))[0] == "new/ü"
        assert (await client.get("/index")).json()["changes"] == 1
        assert "likebut_gallery_changes 1.0" in (await client.get("/metrics")).text
        changed = await client.put(path, json={"attributes": {"price": 9}})
        assert changed.json()["attributes"] == {"price": 9}
        assert await best(client, data, filter={"price": {"gte": 9, "lt": 9.4}}) == ["new/ü"]
        assert (await client.delete(path)).status_code == 204
        assert (await client.get(path)).status_code == 404
        assert (await client.delete(path)).status_code == 404
        assert "new/ü" not in await best(client, data)
        assert (await client.put("/items/none", json={"attributes": {}})).status_code == 404
        assert (await client.put("/items/x", json={"image": sent(b"no picture")})).status_code == 415
        assert (await client.put("/items/x", json={"image": {"item_id": "red-box"}})).status_code == 422

    inside(Settings(gallery=copy), scenario)


def test_each_of_many_changes_has_its_own_result(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        items: list[dict[str, object]] = [
            {"id": "a", "image": sent(image_file("ring", "red")), "attributes": {"n": 1}},
            {"id": "b", "image": sent(b"nothing")},
            {"id": "c", "image": {"base64": "%%%"}},
            {"id": "red-box", "delete": True},
            {"id": "none", "delete": True},
            {"id": "blue-box", "attributes": {"n": 2}},
            {"id": "large", "image": sent(b"x" * 50_001)},
        ]
        answer = await client.post("/items", json={"items": items})
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
        assert [each["id"] for each in results] == [item["id"] for item in items]
        assert [each["status"] for each in results] == ["put", "failed", "failed", "deleted", "failed", "put", "failed"]
        assert [each["detail"] is None for each in results] == [True, False, False, True, False, True, False]
        assert (await client.get("/items/blue-box")).json()["attributes"] == {"n": 2}
        assert (await client.get("/items/red-box")).status_code == 404
        assert (await client.post("/items", json={"items": []})).status_code == 422
        assert (
            await client.post("/items", content=b"{", headers={"content-type": "application/json"})
        ).status_code == 400

    inside(Settings(gallery=copy), scenario)


@pytest.mark.slow
def test_many_changes_are_compacted_by_themselves_or_on_demand(copy: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        first = (await client.get("/index")).json()["snapshot"]
        await client.post("/items", json={"items": [{"id": "red-box", "delete": True}]})
        accepted = await client.post("/index", json={"compact": True})
        job = await ended(client, accepted.json()["job"])
        assert (job["state"], job["kind"], job["items"]) == ("done", "compact", 29)
        live = (await client.get("/index")).json()
        assert live["snapshot"] == job["snapshot"] != first
        assert live["changes"] == 0 and live["kept"] == [first, job["snapshot"]]
        deleted = [{"id": f"{colour}-ring", "delete": True} for colour in ("red", "blue", "green")]
        await client.post("/items", json={"items": deleted})
        for _ in range(600):  # three changes: by itself
            await asyncio.sleep(0.05)
            live = (await client.get("/index")).json()
            if live["changes"] == 0 and live["last_job"]["state"] == "done":  # open before its job ends
                break
        assert live["items"] == 26 and live["snapshot"] != job["snapshot"]
        back = await ended(client, (await client.post("/index", json={"snapshot": first})).json()["job"])
        assert (back["state"], back["kind"], back["snapshot"]) == ("done", "roll-back", first)
        assert (await client.get("/index")).json()["items"] == 26  # later deletions stay
        unknown = await client.post("/index", json={"snapshot": "none"})
        assert unknown.status_code == 422 and first in unknown.json()["detail"]

    inside(Settings(gallery=copy, compact_after=3), scenario)


def test_a_snapshot_published_by_another_process_is_opened(copy: Path, inside: Inside, shop: Path) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = (await client.get("/index")).json()["snapshot"]
        command = [sys.executable, "-m", "index", "build", str(shop), "--gallery", str(copy), "--progress", "none"]
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
        for _ in range(200):
            await asyncio.sleep(0.05)
            after = (await client.get("/index")).json()["snapshot"]
            if after != before:
                break
        assert after == snapshot.current(copy) != before
        assert len((await client.post("/search", json={"text": "a red box", "k": 3})).json()["hits"]) == 3

    inside(Settings(gallery=copy), scenario)


@pytest.mark.slow
def test_a_deleted_job_ends_and_changes_nothing(copy: Path, inside: Inside, shop: Path) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = (await client.get("/index")).json()["snapshot"]
        job = (await client.post("/index", json={"source": str(shop)})).json()["job"]
        again = await client.post("/index", json={"source": str(shop)})
        assert again.status_code == 409 and job in again.json()["detail"]
        ended_job = (await client.delete(f"/index/jobs/{job}")).json()
        assert ended_job["state"] == "cancelled" and ended_job["error"]
        assert (await client.get("/index")).json()["snapshot"] == before
        assert (await ended(client, (await client.post("/index", json={"source": str(shop)})).json()["job"]))[
            "state"
        ] == ("done")
        assert (await client.delete("/index/jobs/none")).status_code == 404

    inside(Settings(gallery=copy), scenario)


def test_with_a_damaged_shard_the_rest_is_served_with_a_note(copy: Path, inside: Inside) -> None:
    shard = snapshot.live(copy).shards[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = (await client.post("/search", json={"text": "a red box", "k": 30, "lexical_weight": 0})).json()
        assert len(answer["hits"]) == 15
        assert len(answer["notes"]) == 1 and shard.name not in answer["notes"][0]
        assert answer["diagnostics"] == [f"{shard.name} cannot be read: 15 items were not searched"]
        metrics = (await client.get("/metrics")).text
        assert 'likebut_gallery_shards{state="missing"} 1.0' in metrics
        assert (await client.get("/readyz")).status_code == 200

    inside(Settings(gallery=copy), scenario)


def test_filters_facets_groups_pages_and_pins_of_a_search(client: httpx.Client) -> None:
    def ask(**body: object) -> dict[str, object]:
        answer = client.post("/search", json={"text": "a ball", "k": 30, **body})
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    def ids(answer: dict[str, object]) -> list[str]:
        hits = answer["hits"]
        assert isinstance(hits, list)
        return [hit["id"] for hit in hits]

    everything = ids(ask())
    boxes = ask(filter={"category": "box", "colour": ["red", "blue"]}, facets=["colour", "in_stock"])
    assert set(ids(boxes)) == {"red-box", "blue-box"} and boxes["total"] == 2
    facets = boxes["facets"]
    assert isinstance(facets, dict)
    assert facets["colour"] == [{"value": "blue", "count": 1}, {"value": "red", "count": 1}]
    grouped = ids(ask(group_by="colour"))
    assert len(grouped) == 5 and grouped[0] == everything[0]
    assert ids(ask(k=4, offset=3)) == everything[3:7]
    pinned = ids(ask(pinned_ids=["black-tent", "none", "green-bar"], exclude_ids=[everything[0]]))
    assert pinned[:2] == ["black-tent", "green-bar"] and everything[0] not in pinned
    assert len(set(pinned)) == len(pinned) == 29
    assert len(ids(ask(max_similarity=0.5))) < 30
    for wrong, said in (
        ({"filter": {"size": 1}}, "no item has the attribute 'size'"),
        ({"filter": {"price": {"over": 1}}}, "filter.price has the key 'over'"),
        ({"facets": ["size"]}, "no item has the attribute 'size'"),
        ({"nprobe": 10**6}, "nprobe"),
        ({"offset": 10**6}, "offset"),
    ):
        answer = client.post("/search", json={"text": "x", **wrong})
        assert answer.status_code == 422 and said in answer.json()["detail"], json.dumps(answer.json())


@pytest.mark.slow
def test_a_failed_compaction_is_not_retried_every_second(copy: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        ids = [item["id"] for item in (await client.get("/browse?limit=200")).json()["items"]]
        with snapshot.build_lock(copy):  # as if another process built
            await client.post("/items", json={"items": [{"id": id, "delete": True} for id in ids]})
            for _ in range(200):
                await asyncio.sleep(0.05)
                job = (await client.get("/index")).json()["last_job"]
                if job is not None and job["state"] == "failed":
                    break
        assert "another build" in job["error"]
        await asyncio.sleep(2.5)
        assert (await client.get("/index")).json()["last_job"]["id"] == job["id"]
        assert (await client.post("/search", json={"text": "a red box"})).json()["hits"] == []

    inside(Settings(gallery=copy, compact_after=10), scenario)

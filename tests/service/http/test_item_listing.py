"""Pages of GET /items: each item on exactly one, whatever changes meanwhile, within bounds."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from index.build.compact import compact
from service.http import gallery as gallery_routes
from service.settings import Settings

Draw = Callable[..., bytes]
Inside = Callable[[Settings, Callable[[httpx.AsyncClient, FastAPI], Awaitable[None]]], None]


@pytest.fixture
def copy(gallery: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gallery, tmp_path / "gallery"))


def pages(client: httpx.Client, **parameters: object) -> list[list[str]]:
    """Return the ids of each page."""
    found: list[list[str]] = []
    after: str | None = ""
    while after is not None:
        query = {"after": after, **{name: str(value) for name, value in parameters.items()}}
        answer = client.get("/items", params=query).json()
        found.append([item["id"] for item in answer["items"]])
        after = answer["next"]
    return found


def test_pages_list_every_item_once_in_the_order_of_ids(client: httpx.Client) -> None:
    everything = client.get("/items").json()
    assert (everything["total"], everything["next"], len(everything["items"])) == (30, None, 30)
    ids = [item["id"] for item in everything["items"]]
    assert ids == sorted(ids) and "odd/ü ?#&%2F.." in ids
    assert everything["items"][ids.index("red-box")] == client.get("/items/red-box").json()
    for limit in (1, 7, 29, 30, 31):
        found = pages(client, limit=limit)
        assert [id for page in found for id in page] == ids
        assert all(len(page) == limit for page in found[:-1])


def test_a_filter_chooses_the_items(client: httpx.Client) -> None:
    conditions = {"category": "box", "colour": {"not": "red"}}
    found = pages(client, limit=2, filter=json.dumps(conditions))
    assert found == [["black-box", "blue-box"], ["green-box", "yellow-box"]]
    answer = client.get("/items", params={"filter": json.dumps(conditions), "limit": "1"}).json()
    assert answer["total"] == 4
    for filter in ("[", "7", '{"unknown": 1}', '{"price": {"near": 3}}'):
        refused = client.get("/items", params={"filter": filter})
        assert refused.status_code == 422, refused.text
    for parameters in ({"limit": "0"}, {"limit": "1001"}, {"after": "x" * 1025}):
        assert client.get("/items", params=parameters).status_code == 422


def test_changes_and_a_new_snapshot_move_no_other_item(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = [item["id"] for item in (await client.get("/items")).json()["items"]]
        first = (await client.get("/items", params={"limit": "10"})).json()
        seen, boundary = [item["id"] for item in first["items"]], first["next"]
        assert seen == before[:10] and boundary == before[9]
        form = {"image": image_file("ring", "red")}
        assert (await client.put("/items/a-new-one", files=form)).status_code == 200
        assert (await client.put("/items/zz", files=form)).status_code == 200
        for id in (before[2], before[20]):
            assert (await client.patch(f"/items/{id}", json={"attributes": {"price": 1}})).status_code == 200
        assert (await client.delete(f"/items/{boundary}")).status_code == 204
        second = (await client.get("/items", params={"limit": "10", "after": boundary})).json()
        seen += [item["id"] for item in second["items"]]
        await asyncio.to_thread(compact, copy, progress=lambda progress: None)
        while app.state.service.searcher.live().manifest.name == first["snapshot"]:
            await asyncio.sleep(0.1)
        rest = (await client.get("/items", params={"limit": "20", "after": second["next"]})).json()
        assert rest["snapshot"] != first["snapshot"]
        assert seen + [item["id"] for item in rest["items"]] == [*before, "zz"]

    inside(Settings(gallery=copy), scenario)


def test_a_page_of_large_items_ends_early(gallery: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_routes, "PAGE_BYTES", 500)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        page = (await client.get("/items")).json()
        assert 0 < len(page["items"]) < 10 and page["next"] == page["items"][-1]["id"]

    inside(Settings(gallery=gallery), scenario)

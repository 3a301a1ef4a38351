"""Items with several images over HTTP: put, changed, listed, shown, searched by and found by each image."""

import base64
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.settings import Settings
from tests.service.sites import downloading, image_response, serve_site

Draw = Callable[..., bytes]
Scenario = Callable[[httpx.AsyncClient, FastAPI], Awaitable[None]]
Inside = Callable[[Settings, Scenario], None]


@pytest.fixture
def copy(gallery: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gallery, tmp_path / "gallery"))


def encoded(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


def test_an_item_is_put_shown_and_found_by_each_of_its_images(copy: Path, inside: Inside, image_file: Draw) -> None:
    front, back, detail = image_file("cross", "black"), image_file("ball", "blue"), image_file("ring", "green")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        async with serve_site() as site, downloading(site) as downloader:
            app.state.service.downloader = downloader
            site.answers = {"/x.png": image_response(back)}
            body = {"images": [encoded(front), {"url": site.url()}, encoded(detail)], "attributes": {"title": "New"}}
            put = await client.put("/items/new", json=body)
            assert put.status_code == 200, put.text
        paths = ["/images/new", "/images/new?image=1", "/images/new?image=2"]
        assert (put.json()["images"], put.json()["image_url"]) == (paths, paths[0])
        for path, data in zip(paths, (front, back, detail), strict=True):
            assert (await client.get(path)).content == data
        small = await client.get("/images/new?image=2&size=16")
        assert small.headers["content-type"] == "image/jpeg"
        missing = await client.get("/images/new?image=3")
        assert (missing.status_code, "3" in missing.json()["detail"]) == (404, True)
        listed = (await client.get("/items", params={"limit": 1000})).json()["items"]
        assert {item["id"]: item["images"] for item in listed}["new"] == paths
        for number, data in enumerate((front, back, detail)):
            answer = (await client.post("/search", json={"image": encoded(data)})).json()
            hits = [hit for hit in answer["hits"] if hit["id"] == "new"]
            assert [(hit["image"], hit["images"]) for hit in hits] == [(number, paths)]
            assert hits[0]["score"] == pytest.approx(1, abs=2e-3) and answer["total"] == len(listed)
            by_item = {"image": {"item_id": "new", "image": number}, "exclude_reference": False}
            first = (await client.post("/search", json=by_item)).json()["hits"][0]
            assert first["score"] == pytest.approx(1, abs=2e-3)
            changed = {"image": {"item_id": "new", "image": number}, "text": "in red"}
            assert "new" not in [hit["id"] for hit in (await client.post("/search", json=changed)).json()["hits"]]
        for reference in ({"item_id": "new", "image": 3}, {"item_id": "new", "image": 3, "box": [0, 0, 0.5, 0.5]}):
            assert (await client.post("/search", json={"image": reference})).status_code == 404
        own = await client.post("/search", json={"image": {**encoded(front), "image": 1}})
        assert own.status_code == 422

    inside(Settings(gallery=copy), scenario)


def test_new_images_replace_all_and_no_images_keep_all(copy: Path, inside: Inside, image_file: Draw) -> None:
    first, second = image_file("cross", "black"), image_file("ball", "blue")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        files = [("image", first), ("image", second), ("image", first)]
        put = await client.put("/items/new", files=files, data={"attributes": '{"price": 3}'})
        assert put.status_code == 200, put.text
        assert len(put.json()["images"]) == 2  # the same bytes count once
        assert len((await client.patch("/items/new", json={"attributes": {"price": 4}})).json()["images"]) == 2
        assert len((await client.put("/items/new", json={"attributes": {}})).json()["images"]) == 2
        patched = (await client.patch("/items/new", json={"images": [encoded(second), encoded(first)]})).json()
        assert len(patched["images"]) == 2
        assert (await client.get("/images/new")).content == second
        alone = (await client.patch("/items/new", json={"image": encoded(first)})).json()
        assert alone["images"] == ["/images/new"]
        items = [{"id": "a", "images": [encoded(first), encoded(second)]}, {"id": "b"}]
        form: list[tuple[str, bytes | tuple[None, str]]]
        form = [("items", (None, json.dumps(items))), ("b", second), ("b", first)]
        results = (await client.post("/items", files=form)).json()["results"]
        assert [result["status"] for result in results] == ["put", "put"]
        for id, data in (("a", second), ("b", first)):
            assert (await client.get(f"/images/{id}?image=1")).content == data

    inside(Settings(gallery=copy), scenario)


def test_images_that_cannot_be_taken_change_nothing(copy: Path, inside: Inside, image_file: Draw) -> None:
    good = encoded(image_file())

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = (await client.get("/items/red-box")).json()
        bodies: list[tuple[object, int]] = [
            ({"images": [good, encoded(b"no image")]}, 415),
            ({"images": []}, 422),
            ({"images": [good] * 11}, 422),
            ({"image": good, "images": [good]}, 422),
            ({"images": [good, {"item_id": "red-box"}]}, 422),
            ({"images": [good, {"url": "https://cdn.example/x.png"}]}, 422),
            ({"images": [good, 7]}, 422),
            ({"images": good}, 422),
        ]
        for body, status in bodies:
            answer = await client.put("/items/red-box", json=body)
            assert answer.status_code == status, (body, answer.text)
        many = [("image", image_file())] * 11
        assert (await client.put("/items/red-box", files=many)).status_code == 422
        assert (await client.get("/items/red-box")).json() == before

    inside(Settings(gallery=copy), scenario)

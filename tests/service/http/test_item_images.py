"""Images of changed items: named by URL and fetched under the policy for callers, or sent as files of a form."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.http import item_images
from service.http.body import Posted
from service.http.item_changes import many
from service.settings import Settings
from tests.service.sites import Site, downloading, image_response, serve_site

Draw = Callable[..., bytes]
Scenario = Callable[[httpx.AsyncClient, FastAPI], Awaitable[None]]
Inside = Callable[[Settings, Scenario], None]
WithSite = Callable[[httpx.AsyncClient, FastAPI, Site], Awaitable[None]]
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def copy(gallery: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gallery, tmp_path / "gallery"))


def with_site(scenario: WithSite) -> Scenario:
    """Return the scenario with a site from which the service may download."""

    async def run(client: httpx.AsyncClient, app: FastAPI) -> None:
        async with serve_site() as site, downloading(site) as downloader:
            app.state.service.downloader = downloader
            await scenario(client, app, site)

    return run


def test_an_item_gets_the_image_of_a_url(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI, site: Site) -> None:
        first, second = image_file("cross", "black"), image_file("ball", "blue")
        site.answers = {"/x.png": image_response(first), "/y.png": image_response(second)}
        put = await client.put("/items/new", json={"image": {"url": site.url()}, "attributes": {"title": "New"}})
        assert put.status_code == 200, put.text
        assert (await client.get("/images/new")).content == first
        hits = (await client.post("/search", json={"image": {"item_id": "new"}, "exclude_reference": False})).json()
        assert {hit["id"] for hit in hits["hits"][:2]} == {"new", "black-cross"}
        patch = await client.patch("/items/new", json={"image": {"url": site.url("/y.png")}})
        assert patch.json()["attributes"] == {"title": "New"}
        assert (await client.get("/images/new")).content == second

    inside(Settings(gallery=copy), with_site(scenario))


def test_a_url_that_cannot_be_fetched_changes_nothing(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI, site: Site) -> None:
        site.answers = {
            "/gone.png": image_response(b"", status="404 Not Found"),
            "/page.html": image_response(b"<p>", kind="text/html"),
            "/broken.png": image_response(b"no image"),
        }
        image = (await client.get("/images/red-box")).content
        urls = [site.url("/gone.png"), site.url("/page.html"), site.url(host="none.example"), "http://127.0.0.1:1/x"]
        for url in urls:
            for method in ("PUT", "PATCH"):
                answer = await client.request(method, "/items/red-box", json={"image": {"url": url}})
                assert answer.status_code == 422, answer.text
                assert answer.json()["errors"][0]["field"] == "image.url"
        broken = await client.put("/items/red-box", json={"image": {"url": site.url("/broken.png")}})
        assert broken.status_code == 415
        assert (await client.get("/images/red-box")).content == image
        app.state.service.downloader = None
        answer = await client.put("/items/red-box", json={"image": {"url": site.url()}})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "image.url")

    inside(Settings(gallery=copy), with_site(scenario))


def test_each_url_of_many_changes_has_its_own_result(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI, site: Site) -> None:
        site.answers = {f"/{number}.png": image_response(image_file(side=100 + number)) for number in range(20)}
        items: list[object] = [{"id": f"n{n}", "image": {"url": site.url(f"/{n}.png")}} for n in range(20)]
        items[3:3] = [{"id": "bad", "image": {"url": "http://other.example/x"}}, {"id": "red-box", "delete": True}]
        results = (await client.post("/items", json={"items": items})).json()["results"]
        assert [each["id"] for each in results if each["status"] == "failed"] == ["bad"]
        assert (await client.get("/items/red-box")).status_code == 404
        for number in range(20):
            assert (await client.get(f"/images/n{number}")).content == image_file(side=100 + number)

    inside(Settings(gallery=copy), with_site(scenario))


def test_images_of_one_call_are_bounded_in_bytes_and_time(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI, site: Site) -> None:
        state, data = app.state.service, image_file()
        site.answers = {"/x.png": image_response(data)}
        items = [{"id": str(number), "image": {"url": site.url()}} for number in range(40)]
        posted = Posted("application/json", json.dumps({"items": items}).encode())
        for limits in ({"max_bytes": 3 * len(data)}, {"max_bytes": 10**9, "within_s": 0.0}):
            site.heads.clear()
            drafts = many(posted, state)
            await item_images.fetch_all(drafts, state.downloader, **limits)
            assert len(site.heads) == 40 - len(drafts.problems) <= 3 + item_images.FETCHES
            assert all(number in drafts.problems for number in range(12, 40))

    inside(Settings(gallery=copy), with_site(scenario))


def test_a_slow_host_delays_no_other_change(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI, site: Site) -> None:
        gate = asyncio.Event()

        async def slow(writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            writer.write(image_response(image_file()))
            await writer.drain()

        site.answers = {"/x.png": slow}
        waiting = asyncio.create_task(client.put("/items/slow", json={"image": {"url": site.url()}}))
        while not site.heads:
            await asyncio.sleep(0.01)
        assert app.state.service.edit_pool.active == 0
        assert (await client.patch("/items/red-box", json={"attributes": {"price": 3}})).status_code == 200
        assert not waiting.done()
        gate.set()
        assert (await waiting).status_code == 200

    inside(Settings(gallery=copy), with_site(scenario))


def test_an_item_is_put_and_patched_by_a_form(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        data = image_file("cross", "black")
        form = {"attributes": json.dumps({"title": "New", "price": 3})}
        put = await client.put("/items/new", files={"image": data}, data=form)
        assert put.json()["attributes"] == {"title": "New", "price": 3}, put.text
        assert (await client.get("/images/new")).content == data
        patch = await client.patch("/items/new", data={"attributes": '{"price": null}'})
        assert patch.status_code == 415  # an HTML form without enctype
        patch = await client.patch("/items/new", files={"attributes": (None, '{"price": null}')})
        assert patch.json()["attributes"] == {"title": "New"}
        for files, status in (
            ({"attributes": (None, "{")}, 400),
            ({"attributes": (None, "[]")}, 422),
            ({"attributes": (None, '{"price": "cheap"}')}, 422),
            ({"title": (None, "New")}, 422),
            ({"image": (None, "http://cdn.example/x.png")}, 422),
            ({"image": b"no image"}, 415),
        ):
            assert (await client.put("/items/new", files=files)).status_code == status, files
        assert (await client.get("/images/new")).content == data

    inside(Settings(gallery=copy), scenario)


def test_a_page_of_another_origin_changes_nothing_by_a_form(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        files = {"items": (None, '[{"id": "red-box", "delete": true}]')}
        for origin in ("https://evil.example", "null"):
            refused = await client.post("/items", files=files, headers={"Origin": origin})
            assert refused.status_code == 403 and origin in refused.json()["detail"]
        assert (await client.get("/items/red-box")).status_code == 200
        own = {"Origin": f"http://{client.base_url.netloc.decode()}"}
        assert (await client.post("/items", files=files, headers=own)).status_code == 200
        assert (await client.get("/items/red-box")).status_code == 404

    inside(Settings(gallery=copy), scenario)


def test_a_form_of_many_changes_names_images_by_id(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        first, second = image_file("cross", "black"), image_file("ball", "blue")
        items = [{"id": "a/b", "attributes": {"price": 1}}, {"id": "ü"}, {"id": "red-box", "merge": True}, {"id": 7}]
        files: list[tuple[str, bytes | tuple[None, str]]]
        files = [("items", (None, json.dumps(items))), ("a/b", first), ("ü", second)]
        results = (await client.post("/items", files=files)).json()["results"]
        assert [each["status"] for each in results] == ["put", "put", "patched", "failed"]
        assert (await client.get("/images/a/b")).content == first
        assert (await client.get("/images/%C3%BC")).content == second
        unknown = await client.post("/items", files=[*files, ("other", first)])
        assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "other")
        assert (await client.post("/items", files=files[1:])).status_code == 422
        assert (await client.post("/items", files=[*files, ("", first)])).status_code == 422

    inside(Settings(gallery=copy), scenario)

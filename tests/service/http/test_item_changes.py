"""Changes of items over HTTP: PUT replaces, PATCH merges, and nothing of a change is ignored silently."""

import base64
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from service.settings import Settings

Draw = Callable[..., bytes]
Inside = Callable[[Settings, Callable[[httpx.AsyncClient, FastAPI], Awaitable[None]]], None]
JSON = {"Content-Type": "application/json"}
BOX = {"title": "Red Box", "category": "box", "colour": "red", "price": 5.5, "in_stock": True, "brand": "Acme"}


@pytest.fixture
def copy(gallery: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gallery, tmp_path / "gallery"))


def sent(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


async def attributes(client: httpx.AsyncClient, id: str) -> dict[str, object]:
    found: dict[str, object] = (await client.get(f"/items/{id}")).json()["attributes"]
    return found


def test_patch_merges_and_put_replaces(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = await attributes(client, "red-box")
        assert before == BOX | {"price": before["price"], "in_stock": before["in_stock"]}
        image = (await client.get("/images/red-box")).content
        for media_type in ("application/json", "application/merge-patch+json"):
            body = json.dumps({"attributes": {"price": 19, "brand": None}, "image": None})
            answer = await client.patch("/items/red-box", content=body, headers={"Content-Type": media_type})
            assert answer.status_code == 200, answer.text
            expected = {name: value for name, value in (before | {"price": 19}).items() if name != "brand"}
            assert answer.json()["attributes"] == await attributes(client, "red-box") == expected
        assert (await client.get("/images/red-box")).content == image
        data = image_file("cross", "black")
        assert (await client.patch("/items/red-box", json={"image": sent(data)})).json()["attributes"] == expected
        assert (await client.get("/images/red-box")).content == data
        unchanged = await client.patch("/items/red-box", json={"attributes": None})
        assert unchanged.json()["attributes"] == expected
        assert (await client.put("/items/red-box", json={"attributes": {"price": 7}})).status_code == 200
        assert await attributes(client, "red-box") == {"price": 7}
        assert (await client.get("/images/red-box")).content == data
        unknown = await client.patch("/items/none", json={"image": sent(data), "attributes": {"price": 1}})
        assert unknown.status_code == 404
        assert (await client.get("/items/none")).status_code == 404
        assert (await client.patch("/items/red-box", content=b"{}")).status_code == 415

    inside(Settings(gallery=copy), scenario)


def test_a_put_without_attributes_keeps_them(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = await attributes(client, "red-box")
        assert before
        for body in ({}, {"attributes": None}, {"image": sent(image_file("box", "red"))}):
            assert (await client.put("/items/red-box", json=body)).json()["attributes"] == before
        changes = [{"id": "red-box"}, {"id": "red-ring", "attributes": {}}, {"id": "unknown", "delete": True}]
        results = (await client.post("/items", json={"items": changes})).json()["results"]
        assert [result["status"] for result in results] == ["put", "put", "failed"]
        assert "image" not in results[2]["detail"]
        assert await attributes(client, "red-box") == before
        assert await attributes(client, "red-ring") == {}

    inside(Settings(gallery=copy), scenario)


def test_each_change_of_many_says_whether_it_merges(copy: Path, inside: Inside, image_file: Draw) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        ring = await attributes(client, "red-ring")
        items: list[object] = [
            {"id": "red-ring", "merge": True, "attributes": {"price": 1.5, "sale": True}},
            {"id": "red-ring", "merge": True, "attributes": {"sale": None, "stock": 3}},
            {"id": "red-box", "attributes": {"price": 2.5}},
            {"id": "none", "merge": True, "image": sent(image_file()), "attributes": {"price": 1}},
            {"id": "red-ball", "merge": True, "delete": True},
            {"id": "red-tent", "delete": True, "attributes": None, "merge": None},
        ]
        results = (await client.post("/items", json={"items": items})).json()["results"]
        assert [each["status"] for each in results] == ["patched", "patched", "put", "failed", "failed", "deleted"]
        assert await attributes(client, "red-ring") == ring | {"price": 1.5, "stock": 3}
        assert await attributes(client, "red-box") == {"price": 2.5}

    inside(Settings(gallery=copy), scenario)


WRONG: list[tuple[str, str, str]] = [  # a change as JSON, the field and a word of the cause
    ('{"attributes": {"price": NaN}}', "attributes.price", "finite"),
    ('{"attributes": {"price": -Infinity}}', "attributes.price", "finite"),
    ('{"attributes": {"price": 1e999}}', "attributes.price", "finite"),
    ('{"attributes": {"price": 1' + "0" * 5000 + "}}", "attributes.price", "finite"),
    ('{"attributes": {"price": 9007199254740993}}', "price", "number"),
    ('{"attributes": {"price": "cheap"}}', "price", "number"),
    ('{"attributes": {"ean": 123456789012345678901234}}', "ean", "64 bits"),
    ('{"attributes": {"size": {"eu": 40}}}', "attributes.size", "list of texts"),
    ('{"attributes": {"tags": ["a", 1]}}', "attributes.tags", "list of texts"),
    ('{"attributes": {"title": "\\ud800"}}', "attributes.title", "half a character"),
    ('{"attributes": {"\\ud800": "x"}}', "attributes.?", "half a character"),
    ('{"attributes": {"price": 1, "price": 2}}', "attributes.price", "twice"),
    ('{"attributes": {"price": 1}, "attributes": {}}', "attributes", "twice"),
    ('{"image": {"base64": "", "base64": ""}}', "image.base64", "twice"),
    ('{"attributes": [["price", 1]]}', "attributes", "dictionary"),
    ('{"price": 1}', "price", "no such field"),
    ('{"price": null}', "price", "no such field"),
]


def test_a_change_that_cannot_be_kept_whole_is_refused_by_field(copy: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        before = await attributes(client, "red-box")
        for change, field, cause in WRONG:
            for method in ("PUT", "PATCH"):
                answer = await client.request(method, "/items/red-box", content=change, headers=JSON)
                detail = answer.json()["detail"]
                assert (answer.status_code, field in detail, cause in detail) == (422, True, True), answer.text
        entries = [change.replace("{", '{"id": "red-box", ', 1) for change, _, _ in WRONG]
        good = '{"id": "red-ring", "merge": true, "attributes": {"price": 3}}'
        body = f'{{"items": [{", ".join([*entries, "5", "[]", good])}]}}'
        answer = await client.post("/items", content=body, headers=JSON)
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
        for (_, field, cause), result in zip(WRONG, results, strict=False):
            assert (result["id"], result["status"]) == ("red-box", "failed")
            assert field in result["detail"] and cause in result["detail"], result
        assert [(each["id"], each["status"]) for each in results[len(WRONG) :]] == [
            (None, "failed"),
            (None, "failed"),
            ("red-ring", "patched"),
        ]
        assert await attributes(client, "red-box") == before
        assert (await attributes(client, "red-ring"))["price"] == 3

    inside(Settings(gallery=copy), scenario)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"items": []}', 422),
        (b'{"items": [1], "items": [2]}', 422),
        (b"[" * 100_000, 400),
        (b'{"items": [{"id": "\xff"}]}', 400),
        (b'{"items": [' + b"{}," * 600_000 + b"{}]}", 413),
        (b'{"items": [' + b"{}," * 1000 + b"{}]}", 422),
    ],
)
def test_a_body_that_is_no_list_of_changes_is_refused(client: httpx.Client, body: bytes, status: int) -> None:
    assert client.post("/items", content=body, headers=JSON).status_code == status

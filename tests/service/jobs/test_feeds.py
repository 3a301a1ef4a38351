"""Tables as shops have them become a gallery by POST /index."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from index.build.create import create
from models.bundle import MANIFEST, SHIPPED, Bundle
from service.settings import Settings
from tests.service.http.test_index_jobs import Inside, finished


@pytest.mark.slow
def test_a_job_maps_columns_and_a_rebuild_remembers_it(
    tmp_path: Path, shop: Path, split_bundle: Path, inside: Inside
) -> None:
    table = tmp_path / "t.csv"
    rows = [f"{number};{image};Été" for number, image in enumerate(sorted(shop.parent.glob("*-b*.png")))]
    table.write_text("\n".join(["SKU;Photo;Title", *rows]), encoding="cp1252")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        body = {"source": str(table), "map": {"id": "sku", "image": "photo"}}
        job = await finished(client, await client.post("/index", json=body))
        assert (job["state"], job["items"]) == ("done", len(rows)), job
        notes = job["notes"]
        assert isinstance(notes, list) and [("Windows-1252" in note) for note in notes] == [True, False, False]
        assert "unlike those that the model" in notes[-1]  # shapes, as none of the drawn products
        item = (await client.get("/items/0")).json()
        assert item["attributes"] == {"title": "Été"}
        rebuilt = await finished(client, await client.post("/index", json={"bundle": str(split_bundle)}))
        assert (rebuilt["state"], rebuilt["kind"], rebuilt["items"]) == ("done", "build", len(rows)), rebuilt
        again = await finished(client, await client.post("/index", json={"source": str(table)}))
        assert again["state"] == "failed" and "--map id=COLUMN" in str(again["error"])
        for name, column in (("", "x"), ("a=b", "x"), ("id", " "), ("id", "a\0")):
            answer = await client.post("/index", json={"source": str(table), "map": {name: column}})
            assert answer.status_code == 422, (name, column)
        answer = await client.post("/index", json={"compact": True, "map": {"id": "x"}})
        assert answer.status_code == 422

    inside(Settings(gallery=tmp_path / "gallery"), scenario)


@pytest.mark.slow
def test_a_table_may_be_the_body(tmp_path: Path, shop: Path, inside: Inside) -> None:
    images = sorted(shop.parent.glob("*-b*.png"))
    rows = "".join(f"{number};{image};5,00 €\n" for number, image in enumerate(images))
    table = ("SKU;Photo;Price\n" + rows).encode("cp1252")
    kind = {"content-type": "text/csv; charset=windows-1252"}

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        query = {"map": ["id=SKU", "image=Photo"], "max_loss": "1"}
        octets = {"content-type": "application/octet-stream"}
        for content, wrong, headers, status in (
            (table, {"map": "id"}, kind, 422), (table, {"max_loss": "x"}, kind, 422),
            (table, {"max_loss": "2"}, kind, 422), (table, {"map": "=x"}, kind, 422), (b"", query, kind, 422),
            (table, query, {"content-type": "text/plain"}, 415),
            (table, query, {"content-type": "multipart/form-data; boundary=x"}, 415),
            (table * 100, query, kind, 413),
            (table, query, octets, 422), (table, {**query, "format": "xlsx"}, octets, 422),
            (b"", {**query, "format": "csv"}, octets, 422),
        ):  # fmt: skip
            answer = await client.post("/index", content=content, params=wrong, headers=headers)
            assert answer.status_code == status, (wrong, headers, answer.text)
        answer = await client.post("/index", json={"compact": True}, params={"max_loss": "1"})
        assert answer.status_code == 422
        assert not list((tmp_path / "gallery").glob("tables/*"))
        job = await finished(client, await client.post("/index", content=table, params=query, headers=kind))
        assert (job["state"], job["items"]) == ("done", len(images)), job
        (stored,) = (tmp_path / "gallery" / "tables").iterdir()
        assert (stored.read_bytes(), str(stored.resolve())) == (table, job["source"])
        item = (await client.get("/items/0")).json()
        assert item["attributes"] == {"price": 5.0, "currency": "EUR"}

    inside(Settings(gallery=tmp_path / "gallery", max_bulk_bytes=len(table) + 10), scenario)


@pytest.mark.slow
def test_a_gallery_that_changes_filled_moves_to_another_model(
    tmp_path: Path, image_file: Callable[..., bytes], inside: Inside
) -> None:
    create(tmp_path / "gallery", Bundle.open(SHIPPED).manifest)
    other = tmp_path / "other"
    shutil.copytree(SHIPPED, other)
    facts = json.loads((other / MANIFEST).read_text())
    (other / MANIFEST).write_text(json.dumps(facts | {"space_id": "another", "model_id": "other"}))

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        files = {"image": ("x.png", image_file("ball", "red"))}
        answer = await client.put("/items/a", files=files, data={"attributes": '{"price": 5}'})
        assert answer.status_code in (200, 201), answer.text
        job = await finished(client, await client.post("/index", json={"bundle": str(other)}))
        assert (job["state"], job["kind"], job["source"], job["items"]) == ("done", "build", "", 1), job
        found = (await client.post("/search", json={"text": "a red ball"})).json()
        assert (found["model"], [hit["id"] for hit in found["hits"]]) == ("other", ["a"])

    inside(Settings(gallery=tmp_path / "gallery"), scenario)

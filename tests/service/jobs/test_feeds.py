"""Tables as shops have them become a gallery by POST /index."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

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
        assert isinstance(notes, list) and [("Windows-1252" in note) for note in notes] == [True, False]
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

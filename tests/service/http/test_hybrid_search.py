"""Typed titles, brands and ids over HTTP: first among the hits, live after a change, whatever surrounds the words."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from fastapi import FastAPI

from index.storage import snapshot
from models.bundle import SHIPPED
from service.settings import Settings
from tests.service.conftest import COLOURS, SHAPES, Scenario
from tests.service.http.test_index_jobs import finished

Result = TypeVar("Result")
Inside = Callable[[Settings, Scenario[Result]], Result]


def hits(client: httpx.Client, **fields: object) -> list[dict[str, Any]]:
    answer = client.post("/search", json={"k": 5, **fields})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["hits"]
    return found


def test_every_title_and_id_finds_its_item_first(client: httpx.Client) -> None:
    for shape in SHAPES[1:]:
        for colour in COLOURS:
            for text, name in ((f"{colour} {shape}".title(), "title"), (f"{colour}-{shape}", "id")):
                first, *_ = hits(client, text=text)
                assert first["id"] == f"{colour}-{shape}"
                assert name in first["matched"]


def test_a_brand_is_found_and_not_read_as_a_slip(client: httpx.Client) -> None:
    answer = client.post("/search", json={"text": "acme", "k": 3}).json()
    assert answer["hits"][0]["id"] == "red-box" and answer["hits"][0]["matched"] == ["brand"]
    assert answer["notes"] == []
    without = client.post("/search", json={"text": "acme", "k": 3, "lexical_weight": 0}).json()
    assert all(hit["matched"] == [] for hit in without["hits"])


@pytest.mark.parametrize("around", ['"{}"', "({})", "[{}]", "#{}", "{}:", "«{}»", "'{}'", "*{}*"])
def test_punctuation_around_words_changes_no_hit(client: httpx.Client, around: str) -> None:
    plain = [hit["id"] for hit in hits(client, text="blue ring", k=24)]
    assert [hit["id"] for hit in hits(client, text=around.format("blue ring"), k=24)] == plain


def test_words_count_beside_an_image_too(client: httpx.Client) -> None:
    first, *_ = hits(client, image={"item_id": "red-ring"}, text="acme")
    assert first["id"] == "red-box" and first["matched"] == ["brand"]


def test_a_weight_without_a_text_is_said_and_a_wrong_one_refused(client: httpx.Client) -> None:
    answer = client.post("/search", json={"image": {"item_id": "red-box"}, "lexical_weight": 0.5})
    assert any("lexical_weight" in note for note in answer.json()["notes"])
    refused = client.post("/search", json={"text": "red", "lexical_weight": 1.5})
    assert refused.status_code == 422 and refused.json()["errors"][0]["field"] == "lexical_weight"


def test_changed_words_are_searched_at_once(inside: Inside[None], gallery: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(gallery, tmp_path / "gallery")

    async def scenario(client: httpx.AsyncClient, _: FastAPI) -> None:
        async def first(text: str) -> tuple[str, list[str]]:
            hit = (await client.post("/search", json={"text": text, "k": 1})).json()["hits"][0]
            return hit["id"], hit["matched"]

        changed = await client.patch("/items/blue-bar", json={"attributes": {"title": "Quaxel 3000", "sku": "QX-1"}})
        assert changed.status_code == 200
        assert await first("quaxel 3000") == ("blue-bar", ["title"])
        assert await first("QX1") == ("blue-bar", ["sku"])
        assert (await first("Blue Bar"))[1] != ["title"]
        assert (await client.delete("/items/blue-bar")).status_code == 204
        assert await first("quaxel 3000") != ("blue-bar", ["title"])

    inside(Settings(bundle=SHIPPED, gallery=copy), scenario)


@pytest.mark.slow
def test_a_job_indexes_the_chosen_attributes(inside: Inside[None], gallery: Path, shop: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(gallery, tmp_path / "gallery")

    async def scenario(client: httpx.AsyncClient, _: FastAPI) -> None:
        body = {"source": str(shop), "lexical": ["Colour", "shape"]}
        job = await finished(client, await client.post("/index", json=body))
        assert job["state"] == "done", job
        hit = (await client.post("/search", json={"text": "blue", "k": 1})).json()["hits"][0]
        assert hit["attributes"]["colour"] == "blue" and hit["matched"] == ["colour"]
        for refused in ({"source": str(shop), "lexical": ["a,b"]}, {"compact": True, "lexical": ["title"]}):
            assert (await client.post("/index", json=refused)).status_code == 422

    inside(Settings(bundle=SHIPPED, gallery=copy), scenario)
    assert snapshot.live_manifest(copy).lexical == ("colour", "shape")

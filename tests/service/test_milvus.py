"""The service and the commands over a gallery in Milvus: the same answers as over a folder, and changes at once."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from index.__main__ import main as index
from models.bundle import SHIPPED
from service.__main__ import main
from service.settings import Settings
from service.workers.threads import NICER

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")

Inside = Callable[..., Any]
REQUEST = {
    "text": "a red box",
    "k": 30,
    "facets": ["colour", "price"],
    "filter": {"price": {"gte": 3}},
    "lexical_weight": 0,
}


@pytest.fixture(scope="module")
def place(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a gallery of the shop, built by the command."""
    address = f"milvus-lite:{tmp_path_factory.mktemp('milvus') / 'shop.db'}"
    assert index(["build", str(shop), "--gallery", address, "--progress", "none"]) == 0
    return address


def hits(answer: httpx.Response) -> list[tuple[str, float, dict[str, Any]]]:
    assert answer.status_code == 200, answer.text
    return [(hit["id"], round(hit["score"], 5), hit["attributes"]) for hit in answer.json()["hits"]]


def test_a_search_answers_as_over_a_folder(place: str, gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> tuple[Any, Any, Any]:
        found = await client.post("/search", json=REQUEST)
        like = await client.post(
            "/search", json={"image": {"item_id": "blue-ring"}, "text": "in red", "k": 9, "lexical_weight": 0}
        )
        page = await client.get(
            "/browse", params={"sort": json.dumps([{"attribute": "price", "order": "desc"}]), "k": 5}
        )
        assert page.status_code == 200, page.text
        facets = found.json()["facets"], found.json().get("ranges")
        return hits(found), hits(like), (facets, [item["id"] for item in page.json()["items"]])

    assert inside(Settings(gallery=Path(place)), scenario) == inside(Settings(gallery=gallery), scenario)


def test_the_command_searches_it(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "--gallery", place, "--text", "a red box", "-k", "3", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["hits"]) == 3


def test_an_item_is_put_and_deleted_at_once(place: str, inside: Inside, image_file: Callable[..., bytes]) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        picture = {"image": ("new.png", image_file("box", "yellow"), "image/png")}
        put = await client.put("/items/new", files=picture, data={"attributes": json.dumps({"price": 777.5})})
        assert put.status_code == 200, put.text
        wanted = {"text": "a yellow box", "filter": {"price": 777.5}}
        assert [hit[0] for hit in hits(await client.post("/search", json=wanted))] == ["new"]
        assert (await client.get("/images/new")).status_code == 200
        merged = await client.patch("/items/new", json={"attributes": {"price": 778.0, "colour": "sun"}})
        assert merged.status_code == 200, merged.text
        assert hits(await client.post("/search", json=wanted)) == []
        (again,) = hits(await client.post("/search", json={"text": "box", "filter": {"colour": "sun"}}))
        assert again[2] == {"price": 778.0, "colour": "sun"}
        assert (await client.get("/index")).json()["items"] == 31
        assert (await client.delete("/items/new")).status_code == 204
        assert hits(await client.post("/search", json={"text": "box", "filter": {"colour": "sun"}})) == []
        assert (await client.delete("/items/new")).status_code == 404

    inside(Settings(gallery=Path(place)), scenario)


def test_what_it_lacks_is_refused_by_name(place: str, inside: Inside, image_file: Callable[..., bytes]) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        completed = await client.get("/suggestions", params={"q": "re"})
        assert completed.status_code == 422 and "index of words" in completed.text
        two = [("image", (f"{colour}.png", image_file("box", colour), "image/png")) for colour in ("red", "blue")]
        put = await client.put("/items/two", files=two)
        assert put.status_code == 422 and "several images" in put.text
        compacted = await client.post("/index", json={"compact": True})
        assert compacted.status_code == 422 and "compact" in compacted.text

    inside(Settings(gallery=Path(place)), scenario)


def test_a_rebuild_keeps_vectors_and_later_changes(
    place: str, shop: Path, inside: Inside, image_file: Callable[..., bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    async def put(client: httpx.AsyncClient, app: FastAPI) -> None:
        picture = {"image": ("late.png", image_file("tent", "black"), "image/png")}
        assert (await client.put("/items/late", files=picture)).status_code == 200

    async def ids(client: httpx.AsyncClient, app: FastAPI) -> tuple[set[str], int]:
        facts = (await client.get("/index")).json()
        return {hit[0] for hit in hits(await client.post("/search", json={"text": "x", "k": 40}))}, len(facts["kept"])

    inside(Settings(gallery=Path(place)), put)
    capsys.readouterr()
    assert index(["build", str(shop), "--gallery", place, "--max-loss", ".2", "--progress", "json"]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (done["embedded"], done["reused"], done["items"]) == (0, 30, 30)
    present, kept = inside(Settings(gallery=Path(place)), ids)
    assert len(present) == 30 and "late" not in present  # the source was read after it, and does not have it
    assert kept == 2
    assert index(["rollback", place, done["snapshot"]]) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are Linux's")
def test_no_thread_that_a_search_waits_for_has_the_lowest_priority(place: str, inside: Inside) -> None:
    def priorities() -> dict[str, int]:
        found = {}
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended meanwhile
                found[thread.name] = os.getpriority(os.PRIO_PROCESS, int(thread.name))
        return found

    async def search(client: httpx.AsyncClient, app: FastAPI) -> dict[str, int]:
        assert (await client.post("/search", json={"text": "x"})).status_code == 200
        return priorities()

    before = priorities()
    during = inside(Settings(gallery=Path(place)), search)
    new = [priority for thread, priority in during.items() if thread not in before]
    assert new and max(new) <= os.getpriority(os.PRIO_PROCESS, 0) + NICER


def test_options_of_a_folder_are_refused(place: str, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert index(["build", str(shop), "--gallery", place, "--shards", "2"]) != 0
    assert "--shards is not for a gallery in Milvus" in capsys.readouterr().err
    for wrong in ("milvus://nowhere", "milvus:host/shop", "milvus-lite:file"):
        assert main(["search", "--gallery", wrong, "--text", "x"]) != 0
        assert "is no address of Milvus" in capsys.readouterr().err
    assert SHIPPED.exists()

"""A gallery folder that is moved, removed or replaced under the service: not ready, no writes, and back by itself."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from index.storage.snapshot import JOURNAL
from service.settings import Settings

Inside = Callable[..., object]
PUT = {"attributes": {"title": "New"}}


@pytest.fixture
def copy(gallery: Path, tmp_path: Path) -> Path:
    return shutil.copytree(gallery, tmp_path / "here" / "gallery")


async def until(client: httpx.AsyncClient, status: int) -> str:
    """Polls /readyz until it answers `status`; returns its detail."""
    async with asyncio.timeout(30):
        while (answer := await client.get("/readyz")).status_code != status:
            await asyncio.sleep(0.1)
        return str(answer.json().get("detail", ""))


async def check_unwritable(client: httpx.AsyncClient) -> None:
    """Every kind of write is refused with 503, and searches go on."""
    image = {"base64": "aGVsbG8="}
    writes = [
        await client.put("/items/red-box", json=PUT),
        await client.put("/items/red-box", json={**PUT, "image": image}),
        await client.delete("/items/red-box"),
        await client.post("/items", json={"items": [{"id": "red-box", "delete": True}]}),
    ]
    for write in writes:
        assert write.status_code == 503 and "moved, removed or replaced" in write.json()["detail"]
    assert "journal.sqlite" in await until(client, 503)
    assert (await client.post("/search", json={"text": "a ball"})).status_code == 200


def renamed(path: Path) -> None:
    path.rename(path.with_name("moved"))


def renamed_parent(path: Path) -> None:
    path.parent.rename(path.parent.with_name("there"))


@pytest.mark.slow
@pytest.mark.parametrize("harm", [renamed, renamed_parent])
def test_a_folder_that_was_moved_is_written_again_when_it_is_back(
    copy: Path, inside: Inside, harm: Callable[[Path], None]
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        await until(client, 200)
        assert (await client.put("/items/red-box", json=PUT)).status_code == 200
        harm(copy)
        await check_unwritable(client)
        assert not copy.exists()  # no write made it anew
        if harm is renamed:
            copy.with_name("moved").rename(copy)
        else:
            copy.parent.with_name("there").rename(copy.parent)
        assert (await client.delete("/items/red-box")).status_code == 204
        await until(client, 200)
        assert (await client.get("/items/red-box")).status_code == 404

    inside(Settings(gallery=copy), scenario)


@pytest.mark.slow
@pytest.mark.parametrize("harm", [shutil.rmtree, lambda path: (path / JOURNAL).unlink()])
def test_a_folder_that_was_removed_is_served_again_from_its_backup(
    copy: Path, inside: Inside, harm: Callable[[Path], None], tmp_path: Path
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        await until(client, 200)
        assert (await client.delete("/items/red-box")).status_code == 204
        backup = shutil.copytree(copy, tmp_path / "backup")
        harm(copy)
        await check_unwritable(client)
        shutil.rmtree(copy, ignore_errors=True)
        backup.rename(copy)
        await until(client, 200)
        assert (await client.get("/items/red-box")).status_code == 404
        assert (await client.delete("/items/blue-box")).status_code == 204

    inside(Settings(gallery=copy), scenario)


@pytest.mark.slow
def test_a_folder_that_was_replaced_is_served_instead(copy: Path, gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        await until(client, 200)
        assert (await client.delete("/items/red-box")).status_code == 204
        copy.rename(copy.with_name("moved"))
        await check_unwritable(client)
        shutil.copytree(gallery, copy.with_name("other")).rename(copy)
        await until(client, 200)
        assert (await client.get("/items/red-box")).status_code == 200  # of the gallery that is there now
        assert (await client.delete("/items/red-box")).status_code == 204

    inside(Settings(gallery=copy), scenario)


def test_a_service_whose_journal_lost_changes_does_not_start_to_serve(copy: Path, inside: Inside) -> None:
    async def changed(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.delete("/items/red-box")).status_code == 204

    async def refused(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert "likebut index repair" in await until(client, 503)
        assert (await client.delete("/items/blue-box")).status_code == 503
        assert (await client.post("/search", json={"text": "a ball"})).status_code == 503

    inside(Settings(gallery=copy), changed)
    for path in copy.glob("journal*"):
        path.unlink()
    inside(Settings(gallery=copy), refused)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "text"), [("CURRENT", None), ("CURRENT", "nonsense"), ("CHANGES", "7")])
def test_a_gallery_that_takes_no_change_is_not_ready(copy: Path, inside: Inside, name: str, text: str | None) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.patch("/items/red-box", json={"attributes": {"price": 3}})).status_code == 200
        await until(client, 200)
        before = (copy / name).read_text()
        if text is None:
            (copy / name).unlink()
        else:
            (copy / name).write_text(text)
        await until(client, 503)
        assert (await client.patch("/items/red-box", json={"attributes": {"price": 4}})).status_code == 503
        assert (await client.post("/search", json={"text": "a ball"})).status_code == 200
        (copy / name).write_text(before)
        await until(client, 200)
        assert (await client.patch("/items/red-box", json={"attributes": {"price": 5}})).status_code == 200

    inside(Settings(gallery=copy), scenario)

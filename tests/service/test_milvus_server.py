"""The service over Milvus's own server: jobs that build, and an outage that ends."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from outages import milvus_server
from outages.milvus_server import StandaloneServer
from service.settings import Settings

Inside = Callable[..., Any]
WITHIN_S = 150.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StandaloneServer, str]]:
    if reason := milvus_server.reason_to_skip():
        pytest.skip(reason)
    server = StandaloneServer(tmp_path_factory.mktemp("server"))
    try:
        yield server, server.start()
    finally:
        server.kill()


async def until(client: httpx.AsyncClient, path: str, wanted: Callable[[httpx.Response], bool]) -> httpx.Response:
    """Asks again and again until an answer is as wanted."""
    for _ in range(int(WITHIN_S * 2)):
        answer = await client.get(path)
        if wanted(answer):
            return answer
        await asyncio.sleep(0.5)
    raise AssertionError(answer.text)


def test_a_job_builds_and_an_outage_ends(
    server: tuple[StandaloneServer, str], shop: Path, inside: Inside, image_file: Callable[..., bytes],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    milvus, where = server
    monkeypatch.setenv("MILVUS_FILES", str(tmp_path))

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.post("/search", json={"text": "red"})).status_code == 503
        started = await client.post("/index", json={"source": str(shop)})
        assert started.status_code == 202, started.text
        path = f"/index/jobs/{started.json()['job']}"
        done = await until(client, path, lambda answer: answer.json()["state"] not in ("queued", "running"))
        assert done.json()["state"] == "done", done.text
        picture = {"image": ("new.png", image_file("box", "yellow"), "image/png")}
        put = await client.put("/items/new", files=picture, data={"attributes": json.dumps({"price": 777.5})})
        assert put.status_code == 200, put.text
        wanted = {"text": "a yellow box", "filter": {"price": 777.5}}
        assert [hit["id"] for hit in (await client.post("/search", json=wanted)).json()["hits"]] == ["new"]

        milvus.kill()
        refused = await client.post("/search", json=wanted)
        assert refused.status_code == 503 and refused.headers["retry-after"], refused.text
        changed = await client.delete("/items/new")
        assert changed.status_code == 503, changed.text
        await until(client, "/readyz", lambda answer: answer.status_code == 503)
        assert milvus.start() == where
        await until(client, "/readyz", lambda answer: answer.status_code == 200)
        for _ in range(int(WITHIN_S)):
            answer = await client.post("/search", json=wanted)
            if answer.status_code == 200 and answer.json()["hits"]:
                break
            await asyncio.sleep(1)
        assert [hit["id"] for hit in answer.json()["hits"]] == ["new"]

    inside(Settings(gallery=Path(f"milvus://{where}/shop")), scenario)

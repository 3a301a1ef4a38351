"""A search that is still at work when its deadline passes is a 504, and the others of its batch are answered."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.arrays import Embeddings
from models.tokenizer import Tokens
from service.settings import Settings

Inside = Callable[[Settings, Callable[[httpx.AsyncClient, FastAPI], Awaitable[None]]], None]
DEADLINE_S = 3.0


@pytest.mark.slow
def test_an_overdue_search_of_a_batch_is_a_504_and_its_neighbour_is_answered(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        searcher = app.state.service.searcher
        entered, go_on = threading.Event(), threading.Event()
        own, sizes = searcher.serving.encoder.words, []

        def slow(tokens: Tokens) -> Embeddings:
            sizes.append(len(tokens.ids))
            if len(sizes) == 1:
                entered.set()
                assert go_on.wait(30)
            else:
                time.sleep(1.5 * DEADLINE_S)
            found: Embeddings = own(tokens)
            return found

        searcher.serving.encoder.words = slow
        first = asyncio.create_task(client.post("/search", json={"text": "first"}))
        assert await asyncio.to_thread(entered.wait, 30)
        bodies = [{"text": "long", "facets": ["colour"]}, {"text": "short"}]
        waiting = [asyncio.create_task(client.post("/search", json=body)) for body in bodies]
        while searcher.depth < 2:
            await asyncio.sleep(0.01)
        go_on.set()
        late, plain = await asyncio.gather(*waiting)
        assert late.status_code == 504 and late.json()["type"].endswith(":deadline-exceeded")
        assert plain.status_code == 200 and plain.json()["hits"]
        assert (await first).status_code == 200
        assert sizes == [1, 2]  # nothing was computed twice

    inside(Settings(gallery=gallery, deadline_s=DEADLINE_S, passes=1, decoders=2), scenario)

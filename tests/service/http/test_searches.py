"""POST /searches: a separate answer for each search; deadlines and a full queue."""

import asyncio
import base64
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from models.arrays import Embeddings
from models.tokenizer import Tokens
from service.auth import keys
from service.http import body as bodies
from service.listening import listen
from service.settings import Settings
from service.workers.pool import PUBLIC

Inside = Callable[[Settings, Callable[[httpx.AsyncClient, FastAPI], Awaitable[None]]], None]
Draw = Callable[..., bytes]


def test_each_search_is_answered_as_if_sent_alone(client: httpx.Client, image_file: Draw) -> None:
    image = {"base64": base64.b64encode(image_file("ring", "green")).decode()}
    asked = [
        {"text": "a red ball", "k": 3},
        {"image": image, "k": 2},
        {"image": image, "text": "in blue", "k": 4, "text_weight": 0.2},
        {"image": {"item_id": "red-box"}, "text": "in blue", "k": 4, "text_weight": 0.9},
        {"text": "a ball", "filter": {"colour": "red"}, "facets": ["category"]},
        {"k": 3},
        {"text": "x", "k": 0},
        {"text": "x", "filter": {"nothing": 1}},
        {"image": {"base64": "!"}},
        {"image": {"item_id": "none"}},
        {"text": "x", "nonsense": 1},
    ]
    together = client.post("/searches", json={"searches": asked})
    assert together.status_code == 200, together.text
    answers = together.json()["answers"]
    assert len(answers) == len(asked)
    for each, answer in zip(asked, answers, strict=True):
        alone = client.post("/search", json=each).json()
        if "hits" not in alone:
            assert {**answer, "instance": ""} == {**alone, "instance": ""}
            continue
        assert [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in alone["hits"]]
        assert [hit["score"] for hit in answer["hits"]] == pytest.approx(
            [hit["score"] for hit in alone["hits"]], abs=1e-5
        )
        assert (answer["total"], answer["facets"]) == (alone["total"], alone["facets"])
        assert {"decode", "encode", "search"} <= set(answer["took_ms"])
    assert [answer.get("status") for answer in answers] == [*([None] * 5), 422, 422, 422, 400, 404, 422]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"searches": []}, 422),
        ({"searches": [{"text": "x"}] * 33}, 422),
        ({"searches": ["x"]}, 422),
        ({}, 422),
        ([], 422),
    ],
)
def test_a_body_without_a_list_of_searches_is_refused(client: httpx.Client, body: object, status: int) -> None:
    assert client.post("/searches", json=body).status_code == status


def test_the_body_of_several_searches_has_a_size_limit(gallery: Path, inside: Inside) -> None:
    async def sent(client: httpx.AsyncClient, size: int) -> int:
        content = b'{"searches": [{"text": "x"}]}'.ljust(size)
        return (
            await client.post("/searches", content=content, headers={"content-type": "application/json"})
        ).status_code

    async def by_itself(client: httpx.AsyncClient, app: FastAPI) -> None:
        most = 4 * bodies.base64_bytes(1000)
        assert [await sent(client, size) for size in (most, most + 1)] == [200, 413]

    async def as_set(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert [await sent(client, size) for size in (2000, 2001)] == [200, 413]

    inside(Settings(gallery=gallery, max_image_bytes=1000), by_itself)
    inside(Settings(gallery=gallery, max_searches_bytes=2000), as_set)


def test_every_search_of_a_call_counts(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        body = {"searches": [{"text": "x"}] * 3}
        with app.state.service.searcher.permit():
            refused = await client.post("/searches", json=body)
        assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
        never = await client.post("/searches", json={"searches": [{"text": "x"}] * 4})
        assert never.status_code == 422 and "more than 3" in never.json()["detail"]
        answered = await client.post("/searches", json={"searches": [{"text": "x"}] * 3})
        assert [len(each["hits"]) > 0 for each in answered.json()["answers"]] == [True] * 3
        assert app.state.service.searcher.active == 0

    inside(Settings(gallery=gallery, decoders=1, max_waiting=2), scenario)


def test_a_key_may_send_as_many_searches_as_it_has_permits(gallery: Path, tmp_path: Path, inside: Inside) -> None:
    ring = tmp_path / "keys.json"
    key = {"X-API-Key": keys.add(ring, name="shop", role="search", rate_per_s=None, burst=None)}

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        most = app.state.service.searcher.most_of("the key shop")
        assert most < app.state.service.searcher.capacity < 32
        calls = ({"searches": [{"text": "x"}] * count} for count in (most + 1, most))
        too_many, as_many = [await client.post("/searches", json=call, headers=key) for call in calls]
        assert too_many.status_code == 422 and f"more than {most}" in too_many.json()["detail"]
        assert as_many.status_code == 200

    inside(Settings(gallery=gallery, keys=ring, decoders=1, max_waiting=11), scenario)


def test_the_largest_call_of_any_caller_fits_in_one_of_many_workers(
    gallery: Path, tmp_path: Path, inside: Inside
) -> None:
    ring = tmp_path / "keys.json"
    keys.add(ring, name="shop", role="search", rate_per_s=None, burst=None)

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        answered = await client.post("/searches", json={"searches": [{"text": "x"}] * 32})
        assert answered.status_code == 200
        assert all("hits" in each for each in answered.json()["answers"])

    async def images(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert app.state.service.searcher.most_of(PUBLIC) >= 8  # four to be like, and four to be unlike

    inside(Settings(gallery=gallery, keys=ring, workers=16, public_rate_per_s=1, burst=100), scenario)
    inside(Settings(gallery=gallery, keys=ring, workers=16, public_rate_per_s=1, max_searches=1), images)


@pytest.mark.slow
def test_late_searches_get_504_and_waiting_searches_share_a_batch(
    gallery: Path, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "service.workers.batcher.BATCH_S", 1000.0
    )  # otherwise the batch that hangs would limit the next batch to one item

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        searcher = app.state.service.searcher
        entered, go_on = threading.Event(), threading.Event()
        own = searcher.serving.encoder.words

        def held(tokens: Tokens) -> Embeddings:
            entered.set()
            assert go_on.wait(30)
            found: Embeddings = own(tokens)
            return found

        searcher.serving.encoder.words = held
        first = asyncio.create_task(client.post("/search", json={"text": "first"}))
        assert await asyncio.to_thread(entered.wait, 30)
        late = [asyncio.create_task(client.post("/search", json={"text": "late"})) for _ in range(2)]
        while searcher.depth < 2:
            await asyncio.sleep(0.01)
        assert searcher.busy_s > 0
        for each in await asyncio.gather(*late):
            assert each.status_code == 504 and each.json()["type"].endswith(":deadline-exceeded")
        others = [asyncio.create_task(client.post("/search", json={"text": f"{number}"})) for number in range(5)]
        while searcher.depth < 5:
            await asyncio.sleep(0.01)
        text = (await client.get("/metrics")).text
        assert "likebut_queue_depth 5.0" in text and "likebut_queue_capacity 66.0" in text
        go_on.set()
        assert (await first).status_code == 200
        assert {each.status_code for each in await asyncio.gather(*others)} == {200}
        text = (await client.get("/metrics")).text
        assert 'likebut_batch_size_sum{graph="text"} 6.0' in text
        assert 'likebut_batch_size_count{graph="text"} 2.0' in text
        assert 'likebut_rejected_total{reason="deadline-exceeded"} 2.0' in text

    inside(Settings(gallery=gallery, deadline_s=3, passes=1, decoders=2), scenario)


def test_a_caller_who_left_is_not_computed(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        searcher = app.state.service.searcher
        entered, go_on = threading.Event(), threading.Event()
        own, sizes = searcher.serving.encoder.words, []

        def held(tokens: Tokens) -> Embeddings:
            sizes.append(len(tokens.ids))
            entered.set()
            assert go_on.wait(30)
            found: Embeddings = own(tokens)
            return found

        searcher.serving.encoder.words = held
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
        listening = listen("127.0.0.1", 0)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        body = b'{"text": "x"}'
        head = "POST /search HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"

        async def asked() -> asyncio.StreamWriter:
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            return writer

        writers = [await asked()]
        assert await asyncio.to_thread(entered.wait, 30)
        writers += [await asked() for _ in range(3)]
        while searcher.depth < 3:
            await asyncio.sleep(0.01)
        for writer in writers[1:]:
            writer.close()
            await writer.wait_closed()
        while searcher.active > 1:
            await asyncio.sleep(0.01)
        go_on.set()
        while searcher.active:
            await asyncio.sleep(0.01)
        writers[0].close()
        await writers[0].wait_closed()
        assert (await client.post("/search", json={"text": "y"})).status_code == 200
        assert sizes == [1, 1]
        assert (
            'likebut_http_requests_total{method="POST",route="/search",status="499"} 3.0'
            in (await client.get("/metrics")).text
        )
        server.should_exit = True
        await serving

    inside(Settings(gallery=gallery, passes=1), scenario)

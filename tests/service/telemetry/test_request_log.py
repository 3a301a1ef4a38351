"""Metrics, request ids, logs, headers, load shedding and internal errors."""

import asyncio
import dataclasses
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.types import Message

from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.search.request import SearchRequest, SearchResult
from models.bundle import SHIPPED, Bundle
from service.errors import BodyTooSlow, Overloaded, status_of
from service.http import body as bodies
from service.search.query import Query
from service.search.stopwatch import Stopwatch
from service.settings import Settings
from service.telemetry.json_logs import JsonLineFormatter
from service.workers.pool import Pool

Inside = Callable[..., object]


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_count_requests_stages_and_refusals(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for _ in range(3):
            found = (await client.post("/search", json={"text": "ball"})).json()
        await client.post("/search", json={"text": ""})
        await client.post("/search", content=b"{", headers={"Content-Type": "application/json"})
        await client.get("/items/red-box")
        await client.get("/items/nobody")
        await client.get("/some/secret/path")
        await client.request("BREW", "/search")
        answer = await client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=")
        assert "secret" not in answer.text and "red-box" not in answer.text and "nobody" not in answer.text
        found_samples = samples(answer.text)

        def value(name: str, **labels: str) -> float:
            return found_samples[name, tuple(sorted(labels.items()))]

        assert value("likebut_http_requests_total", route="/search", method="POST", status="200") == 3
        assert value("likebut_http_requests_total", route="/search", method="POST", status="422") == 1
        assert value("likebut_http_requests_total", route="/search", method="other", status="405") == 1
        assert value("likebut_http_requests_total", route="/items/{id:path}", method="GET", status="404") == 1
        assert value("likebut_http_requests_total", route="unmatched", method="GET", status="404") == 1
        assert value("likebut_request_duration_seconds_count", route="/search") == 6
        # the two that failed have the stages wait and decode; there is no total, which a sum would count twice
        for stage, times in (("wait", 5), ("decode", 5), ("encode", 3), ("search", 3)):
            assert value("likebut_stage_duration_seconds_count", stage=stage) == times
        assert 'stage="total"' not in answer.text
        assert value("likebut_rejected_total", reason="unusable") == 1
        assert value("likebut_rejected_total", reason="bad-request") == 1
        assert value("likebut_inflight_searches") == 0
        assert value("likebut_gallery_items") == 30
        space = Bundle.open(SHIPPED).manifest.space_id
        assert value("likebut_gallery_info", snapshot=found["snapshot"], model=found["model"], space=space) == 1
        assert value("likebut_index_job_progress_ratio") == 0
        assert value("process_resident_memory_bytes") > 0

    inside(Settings(gallery=gallery), scenario)


def test_a_request_id_goes_in_and_out_and_into_the_log(
    gallery: Path, inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="likebut")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = await client.post("/search", json={"text": "a private wish"}, headers={"X-Request-Id": "abc-1"})
        assert answer.headers["x-request-id"] == "abc-1"
        for bad in ("a b", "x" * 200, '"\\n'):
            assert (await client.get("/livez", headers={"X-Request-Id": bad})).headers["x-request-id"] != bad

    inside(Settings(gallery=gallery), scenario)
    lines = [json.loads(JsonLineFormatter().format(record)) for record in caplog.records if record.name == "likebut"]
    assert len(lines) == 1  # successful probes are not logged
    assert lines[0]["request_id"] == "abc-1" and lines[0]["route"] == "/search" and lines[0]["status"] == 200
    assert set(lines[0]["stages_ms"]) == {"wait", "decode", "encode", "search", "total"}
    assert "private" not in json.dumps(lines)


def test_an_internal_error_is_a_problem_without_details(
    gallery: Path, inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        class Broken(Gallery):
            def view(self) -> GalleryView:
                view = super().view()
                return BrokenView(view.manifest, view.folder, view.rows)

        class BrokenView(GalleryView):
            def search(self, *_: object, **__: object) -> list[SearchResult]:
                raise RuntimeError("the secret of the house")

        searcher = app.state.service.searcher
        broken = Broken.open(gallery, space_id=searcher.serving.encoder.manifest.space_id)
        searcher.serving = dataclasses.replace(searcher.serving, gallery=broken)
        answer = await client.post("/search", json={"text": "x"})
        assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
        assert "secret" not in answer.text and answer.headers["x-request-id"] in answer.json()["detail"]
        ready = await client.get("/readyz")
        assert ready.status_code == 503 and "trial search failed" in ready.json()["detail"]
        assert 'route="/search",status="500"} 1.0' in (await client.get("/metrics")).text

    inside(Settings(gallery=gallery), scenario)
    (failed,) = [record for record in caplog.records if record.levelname == "ERROR" and record.name == "likebut"]
    assert "the secret of the house" in json.loads(JsonLineFormatter().format(failed))["exception"]


def test_more_searches_than_may_wait_are_refused_at_once(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        answers = await asyncio.gather(*(client.post("/search", json={"text": "x"}) for _ in range(40)))
        counts = {status: sum(answer.status_code == status for answer in answers) for status in (200, 429)}
        assert counts[200] + counts[429] == 40 and counts[200] >= 3 and counts[429] >= 1
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1 and refused.json()["type"].endswith(":overloaded")
        assert (await client.post("/search", json={"text": "x"})).status_code == 200
        assert (await client.get("/readyz")).status_code == 200

    inside(Settings(gallery=gallery, decoders=1, max_waiting=2), scenario)


def test_an_overload_is_answered_before_the_body_is_read(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        read = []

        async def body() -> AsyncIterator[bytes]:
            read.append(True)
            yield b'{"text": "x"}'

        async def asked() -> int:
            answer = await client.post("/search", content=body(), headers={"Content-Type": "application/json"})
            return answer.status_code

        with app.state.service.searcher.permit():
            assert await asked() == 429 and not read
        assert await asked() == 200 and read
        # a permit is free again after any failure
        for content, kind in (
            (b"{", "application/json"),
            (b"x", "text/plain"),
            (b"x" * 20_000_000, "application/json"),
        ):
            await client.post("/search", content=content, headers={"Content-Type": kind})
        assert app.state.service.searcher.active == 0

    inside(Settings(gallery=gallery, decoders=1, max_waiting=0), scenario)


def test_a_body_is_parsed_in_a_thread_of_the_pool(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        threads = []

        def parse() -> Query:
            threads.append(threading.current_thread().name)
            return Query((), "x", SearchRequest(k=1))

        searcher = app.state.service.searcher
        with searcher.permit() as permit:
            await searcher.search(parse, permit=permit, watch=Stopwatch())
        assert threads[0].startswith("likebut-search")

    inside(Settings(gallery=gallery), scenario)


def test_a_body_that_does_not_arrive_is_refused() -> None:
    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    request = Request({"type": "http", "method": "POST", "headers": []}, never)
    with pytest.raises(BodyTooSlow) as raised:
        asyncio.run(bodies.read(request, max_bytes=10, within_s=0.05))
    assert status_of(raised.value) == 408
    with pytest.raises(BodyTooSlow):
        asyncio.run(asyncio.wait_for(bodies.read(request, max_bytes=10, first_s=0.05), 10))


@pytest.mark.slow
@pytest.mark.parametrize(("piece", "whole"), [(200_000, True), (500, False)])
def test_the_time_limit_of_a_body_grows_with_its_bytes(piece: int, whole: bool) -> None:
    left = 20

    async def slowly() -> Message:
        nonlocal left
        await asyncio.sleep(0.05)
        left -= 1
        return {"type": "http.request", "body": b"x" * piece, "more_body": left > 0}

    request = Request({"type": "http", "method": "POST", "headers": []}, slowly)
    reading = bodies.read(request, max_bytes=10_000_000, first_s=0.8)  # the whole body takes one second
    if whole:
        assert len(asyncio.run(reading)) == 20 * piece
    else:
        with pytest.raises(BodyTooSlow):
            asyncio.run(reading)


def test_the_end_of_a_pool_waits_for_its_work_without_stopping_the_loop() -> None:
    async def scenario() -> list[str]:
        events: list[str] = []
        gate = threading.Event()

        def work() -> None:
            gate.wait(10)
            events.append("work")

        async def elsewhere() -> None:
            await asyncio.sleep(0.05)
            events.append("loop")
            gate.set()

        async with Pool("test", workers=1, max_waiting=1) as pool:
            tasks = [asyncio.create_task(pool.run(work)), asyncio.create_task(elsewhere())]
            await asyncio.sleep(0.02)
        events.append("end")
        await asyncio.gather(*tasks)
        return events

    assert asyncio.run(scenario()) == ["loop", "work", "end"]


def test_a_departed_caller_frees_its_permit_when_its_work_ends() -> None:
    async def scenario() -> None:
        gate = threading.Event()
        async with Pool("test", workers=1, max_waiting=0) as pool:
            first = asyncio.create_task(pool.run(gate.wait))
            await asyncio.sleep(0.05)
            first.cancel()
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await pool.run(lambda: True)
            gate.set()
            while pool.active:
                await asyncio.sleep(0.01)
            assert await pool.run(lambda: threading.current_thread().name.startswith("likebut-test"))

    asyncio.run(scenario())


def test_every_response_has_the_security_headers(client: httpx.Client) -> None:
    for path in ("/", "/docs", "/livez", "/nowhere", "/browse"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"


def test_the_openapi_document_names_every_route_and_body(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    operations = {
        operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()
    }
    assert set(operations) == {
        "search", "searches", "browse", "getItem", "getItemImage", "startIndexJob", "getIndexJob", "getGallery",
        "cancelIndexJob", "putItem", "patchItem", "deleteItem", "changeItems", "listItems", "live", "ready", "metrics",
        "getLimits", "getStorefront", "getSuggestions", "listAttributes",
    }  # fmt: skip
    for operation in operations.values():
        assert operation["summary"]
        assert "application/problem+json" in operation["responses"]["default"]["content"]
    assert set(operations["search"]["requestBody"]["content"]) == {"application/json", "multipart/form-data"}
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    for name in (part.split('"')[0] for part in text.split("#/components/schemas/")[1:]):
        assert name in schemas
    assert set(schemas["IndexBody"]["properties"]) == {
        "source", "bundle", "shards", "encoding", "recall", "compact", "snapshot", "max_loss", "map", "lexical",
    }  # fmt: skip
    assert "required" not in schemas["IndexBody"]  # source or bundle is enough
    assert "bundle" in schemas["Job"]["required"]
    examples = schemas["SearchBody"]["examples"]
    assert len(examples) == 2
    for example in examples:
        assert client.post("/search", json=example).status_code == 200

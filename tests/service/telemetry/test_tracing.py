"""Traces: the caller's trace continues, the log names it, and a collector gets the spans."""

import asyncio
import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from models.arrays import Embeddings
from models.errors import ConfigError
from models.tokenizer import Tokens
from service.settings import Settings
from service.telemetry import tracing
from service.telemetry.json_logs import JsonLineFormatter

Inside = Callable[..., Any]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WRITTEN = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Runs an OTLP collector; yields its URL and the bodies that it receives."""
    got: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", got
        server.shutdown()
        thread.join()


def written(answer: httpx.Response) -> tuple[str, str, str]:
    """Return the trace, span and flags in the headers of a response."""
    found = WRITTEN.fullmatch(answer.headers["traceparent"])
    assert found is not None
    return found[1], found[2], found[3]


def test_a_callers_trace_continues_in_the_response_and_the_log(
    gallery: Path, inside: Inside, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="likebut")

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> str:
        for flags in ("00", "01"):
            answer = await client.get("/livez", headers={"traceparent": f"00-{TRACE}-{SPAN}-{flags}"})
            trace, span, sampled = written(answer)
            assert (trace, sampled) == (TRACE, flags) and span != SPAN
        own = [written(await client.get("/livez"))[0] for _ in range(2)]
        assert len({TRACE, *own}) == 3
        asked = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "shop=1"}
        return written(await client.post("/search", json={"text": ""}, headers=asked))[1]

    span = inside(Settings(gallery=gallery), scenario)
    (line,) = [json.loads(JsonLineFormatter().format(record)) for record in caplog.records if record.name == "likebut"]
    assert (line["trace_id"], line["span_id"], line["status"]) == (TRACE, span, 422)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "x", f"00-{TRACE}-{SPAN}", f"00-{TRACE.upper()}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", "0" * 999,
    ],
)  # fmt: skip
def test_an_invalid_traceparent_is_ignored(wrong: str) -> None:
    context = tracing.request_span([(b"traceparent", wrong.encode())])
    assert context.is_valid and not context.trace_flags.sampled
    assert f"{context.trace_id:032x}" != TRACE
    assert WRITTEN.fullmatch(tracing.traceparent(context))


def test_a_collector_gets_spans_of_each_search_and_its_stages(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> tuple[str, dict[str, float]]:
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        for path in ("/livez", "/readyz", "/metrics"):
            await client.get(path, headers=headers)
        answer = await client.post("/search?x=1", json={"text": "a secret wish"}, headers=headers)
        unsampled = await client.get("/browse", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
        assert written(unsampled)[0] == TRACE
        trace, span, _ = written(answer)
        assert trace == TRACE
        return span, answer.json()["took_ms"]

    with collector() as (url, got):
        before = time.time_ns()
        span_id, took_ms = inside(Settings(gallery=gallery, otlp_endpoint=url), scenario)
        after = time.time_ns()
    (resource,) = [found for body in got for found in ExportTraceServiceRequest.FromString(body).resource_spans]
    assert b"secret" not in b"".join(got)
    assert {"service.name": "likebut"}.items() <= attributes(resource.resource.attributes).items()
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert set(spans) == {"POST /search", "wait", "decode", "encode", "search"}
    request = spans.pop("POST /search")
    assert (request.trace_id.hex(), request.parent_span_id.hex(), request.span_id.hex()) == (TRACE, SPAN, span_id)
    assert request.kind == Span.SPAN_KIND_SERVER
    said = attributes(request.attributes)
    assert said["http.route"] == "/search" and said["http.response.status_code"] == "200"
    assert before < request.start_time_unix_nano < request.end_time_unix_nano < after
    ends = request.start_time_unix_nano
    for stage in ("wait", "decode", "encode", "search"):
        span = spans[stage]
        assert (span.trace_id, span.parent_span_id) == (request.trace_id, request.span_id)
        assert span.start_time_unix_nano >= ends
        ends = span.end_time_unix_nano
        assert (ends - span.start_time_unix_nano) / 1e6 == pytest.approx(took_ms[stage], abs=1e-3)
    assert ends <= request.end_time_unix_nano


@pytest.mark.slow
def test_a_caller_who_leaves_loses_no_spans(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        encoder, entered, go_on = app.state.service.searcher.serving.encoder, asyncio.Event(), threading.Event()
        own, loop = encoder.words, asyncio.get_running_loop()

        def held(tokens: Tokens) -> Embeddings:
            loop.call_soon_threadsafe(entered.set)
            assert go_on.wait(30)
            found: Embeddings = own(tokens)
            return found

        async def leaving() -> dict[str, object]:
            if not abandoned:
                abandoned.append(True)
                return {"type": "http.request", "body": b'{"text": "x"}', "more_body": False}
            await entered.wait()
            return {"type": "http.disconnect"}

        async def send(message: object) -> None:
            raise AssertionError("the caller has left")

        abandoned: list[bool] = []
        encoder.words = held
        kind, parent = (b"content-type", b"application/json"), (b"traceparent", f"00-{TRACE}-{SPAN}-01".encode())
        sent = [(b"host", b"localhost"), kind, parent]
        scope = {"type": "http", "method": "POST", "path": "/search", "raw_path": b"/search", "query_string": b"",
                 "root_path": "", "scheme": "http", "http_version": "1.1", "headers": sent,
                 "client": ("127.0.0.1", 1), "server": ("shop", 80), "asgi": {"version": "3.0"}}  # fmt: skip
        try:
            await app(scope, leaving, send)
        finally:
            go_on.set()
        headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
        assert (await client.post("/search", json={"text": "y"}, headers=headers)).status_code == 200

    with collector() as (url, got):
        before = time.time_ns()
        inside(Settings(gallery=gallery, otlp_endpoint=url), scenario)
    resources = [found for body in got for found in ExportTraceServiceRequest.FromString(body).resource_spans]
    spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert [span.name for span in spans].count("POST /search") == 2
    assert [span.name for span in spans].count("decode") == 2
    assert all(span.start_time_unix_nano > before - 10**9 for span in spans)


def attributes(found: Iterable[KeyValue]) -> dict[str, str]:
    """Return the attributes of an OTLP span, each value as a string."""
    return {each.key: str(getattr(each.value, each.value.WhichOneof("value") or "")) for each in found}


@pytest.mark.slow
def test_a_missing_collector_affects_no_search_and_no_shutdown(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> float:
        assert (await client.post("/search", json={"text": "x"})).status_code == 200
        return time.monotonic()

    with collector() as (url, _):
        pass
    answered = inside(Settings(gallery=gallery, otlp_endpoint=url), scenario)
    assert isinstance(answered, float) and time.monotonic() - answered < 8


def test_without_an_endpoint_no_sdk_is_imported() -> None:
    code = (
        "import sys; from service.http import app; from service.settings import Settings; app.create_app(Settings());"
    )
    code += "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_an_endpoint_without_the_sdk_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match="otlp_endpoint"):
        tracing.connect("http://127.0.0.1:4318")


def test_an_endpoint_that_is_not_a_url_is_refused() -> None:
    with pytest.raises(ConfigError, match="LIKEBUT_OTLP_ENDPOINT cannot be 'collector:4317'"):
        Settings.read({"LIKEBUT_OTLP_ENDPOINT": "collector:4317"}, {})

"""The metrics against the documentation, promtool and a real Prometheus."""

import asyncio
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from index.storage import snapshot
from models.bundle import SHIPPED, Bundle
from service.settings import Settings

Inside = Callable[..., object]
OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
ROW = re.compile(r"^\| `(likebut_\w+)` \| (\w+) \| (.*?) \|", flags=re.MULTILINE)
needs_prometheus = pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus is installed")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool is installed")


async def used(client: httpx.AsyncClient) -> str:
    """The metrics of a service that has answered and refused a search."""
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.post("/search", json={"image": {"item_id": "red-box"}, "text": "x"})).status_code == 200
    assert (await client.post("/search", json={"text": ""})).status_code == 422
    return (await client.get("/metrics")).text


def test_the_table_in_the_docs_lists_every_metric(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> str:
        return await used(client)

    text = inside(Settings(gallery=gallery), scenario)
    assert isinstance(text, str)
    found = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("likebut_") and not family.name.endswith("_created"):  # added by the client library
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = {label for sample in family.samples for label in sample.labels}
            found[name] = (family.type, labels - {"le"})
    written = {
        name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in ROW.findall(OPERATIONS.read_text())
    }
    assert written == found


def test_metrics_name_the_active_model_and_the_age_of_its_snapshot(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> str:
        return await used(client)

    manifest, made = Bundle.open(SHIPPED).manifest, snapshot.live_manifest(gallery).created
    samples = {
        sample.name: sample
        for family in text_string_to_metric_families(str(inside(Settings(gallery=gallery), scenario)))
        for sample in family.samples
    }
    assert samples["likebut_ready"].value == samples["likebut_model_info"].value == 1
    assert samples["likebut_model_info"].labels == {
        "model": manifest.model_id, "space": manifest.space_id, "provider": "cpu",
    }  # fmt: skip
    said = datetime.fromtimestamp(samples["likebut_index_last_success_timestamp_seconds"].value, UTC)
    assert abs((said - made).total_seconds()) < 1e-3


@pytest.mark.slow
def test_a_roll_back_does_not_lower_the_last_success(gallery: Path, shop: Path, tmp_path: Path, inside: Inside) -> None:
    copy = Path(shutil.copytree(gallery, tmp_path / "gallery"))

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        async def times() -> tuple[float, float]:
            text = (await client.get("/metrics")).text
            samples = {family.name: family.samples for family in text_string_to_metric_families(text)}
            (created,) = samples["likebut_gallery_created_timestamp_seconds"]
            (success,) = samples["likebut_index_last_success_timestamp_seconds"]
            return created.value, success.value

        async def done(**body: object) -> None:
            location = (await client.post("/index", json=body)).headers["location"]
            while (job := (await client.get(location)).json())["state"] in ("queued", "running"):
                await asyncio.sleep(0.05)
            assert job["state"] == "done", job

        first = await times()
        assert first[0] == first[1]
        before = snapshot.current(copy)
        await done(source=str(shop))
        second = await times()
        assert second[0] == second[1] > first[1]
        await done(snapshot=before)
        assert await times() == (first[0], second[1])

    inside(Settings(gallery=copy), scenario)


@needs_promtool
def test_promtool_has_no_complaints(gallery: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> str:
        return await used(client)

    text = str(inside(Settings(gallery=gallery), scenario))
    ours = "\n".join(line for line in text.splitlines() if "likebut_" in line) + "\n"
    done = subprocess.run(["promtool", "check", "metrics"], input=ours, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[httpx.Client]:
    """Runs a Prometheus that scrapes `target` every half second."""
    config = {"scrape_configs": [{"job_name": "likebut", "static_configs": [{"targets": [target]}]}]}
    settings = {"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"}, **config}
    (folder / "prometheus.yaml").write_text(json.dumps(settings))  # JSON is YAML
    words = ["--config.file", "prometheus.yaml", "--storage.tsdb.path", "data", "--web.listen-address", "127.0.0.1:0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["prometheus", *words], cwd=folder, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while not (found := re.search(r'msg="Listening on" address=(\S+)', (folder / "log").read_text())):
            assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.05)
        with httpx.Client(base_url=f"http://{found[1]}", timeout=10) as client:
            yield client
    finally:
        process.terminate()
        process.wait(timeout=30)


@needs_prometheus
def test_prometheus_scrapes_metrics_and_has_percentiles(served: str, client: httpx.Client, tmp_path: Path) -> None:
    def asked(query: str) -> list[dict[str, object]]:
        answer = prom.get("/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, object]] = answer["data"]["result"]
        return found

    def value(query: str) -> float:
        (one,) = asked(query)
        pair = one["value"]
        assert isinstance(pair, list)
        return float(pair[1])

    with prometheus(tmp_path, served.removeprefix("http://")) as prom:
        end = time.monotonic() + 30
        rate = 'sum(rate(likebut_http_requests_total{route="/search"}[5s]))'
        while not asked(f"{rate} > 0"):  # needs two scrapes with a search between them
            assert time.monotonic() < end, prom.get("/api/v1/targets").text
            assert client.post("/search", json={"text": "a red ball"}).status_code == 200
            time.sleep(0.1)
        assert value("up") == 1 and value("likebut_ready") == 1
        for what in (
            'request_duration_seconds_bucket{route="/search"}',
            'stage_duration_seconds_bucket{stage="encode"}',
        ):
            assert 0 < value(f"histogram_quantile(0.99, sum by (le) (rate(likebut_{what}[5s])))") < 10
        assert value("count(likebut_model_info)") == 1
        assert value("time() - likebut_index_last_success_timestamp_seconds") < 3600

"""Repeated searches about one image, and the metrics of the reference-image cache."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from index.build.build import build
from models.encoder import Encoder
from service.settings import Settings

Inside = Callable[..., None]


@pytest.fixture(scope="module")
def gallery_of_split(shop: Path, split_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's gallery, built by a bundle with a split query graph."""
    folder = tmp_path_factory.mktemp("split") / "gallery"
    build(shop, folder, Encoder.open(split_bundle), progress=lambda _: None)
    return folder


def counts(text: str) -> dict[str, float]:
    """Return the metrics of the cache."""
    return {
        sample.labels.get("result", "bytes"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("likebut_reference_cache") and not sample.name.endswith("_created")
    }


def test_further_searches_about_an_image_hit_the_cache(
    gallery_of_split: Path, split_bundle: Path, inside: Inside
) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        async def ask(item: str, text: str | None) -> httpx.Response:
            answer = await client.post("/search", json={"image": {"item_id": item}, "text": text, "k": 5})
            assert answer.status_code == 200
            return answer

        async def counted() -> dict[str, float]:
            return counts((await client.get("/metrics")).text)

        assert await counted() == {"hit": 0, "miss": 0, "bytes": 0}
        first = await ask("red-box", "in blue")
        one = await counted()
        assert one["hit"] == 0 and one["miss"] == 1 and one["bytes"] > 0
        assert (await ask("red-box", "in blue")).json()["hits"] == first.json()["hits"]
        await ask("red-box", "with $50 * {text}")
        await ask("red-box", None)  # an image alone uses the gallery graph
        await ask("blue-box", "in red")
        assert await counted() == {"hit": 2, "miss": 2, "bytes": 2 * one["bytes"]}
        cut = await ask("red-box", "stripes " * 60)
        assert "the text was cut" in cut.json()["notes"][0]

    inside(Settings(gallery=gallery_of_split, bundle=split_bundle), scenario)


def test_a_disabled_cache_stores_nothing(gallery_of_split: Path, split_bundle: Path, inside: Inside) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        for _ in range(2):
            await client.post("/search", json={"image": {"item_id": "red-box"}, "text": "in blue"})
        assert counts((await client.get("/metrics")).text) == {"hit": 0, "miss": 0, "bytes": 0}

    settings = Settings.read({"LIKEBUT_REFERENCE_CACHE_MB": "0"}, {})
    settings = settings.model_copy(update={"gallery": gallery_of_split, "bundle": split_bundle})
    inside(settings, scenario)

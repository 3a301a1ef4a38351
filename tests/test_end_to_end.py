"""The whole house through its front door: draw a shop, index it, serve it, ask it, measure it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pyarrow.parquet
import pytest

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "models" / "bundles" / "two-stage"


def likebut(*words: str | Path) -> str:
    command = [sys.executable, "-m", "service.cli", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("house") / "shop"
    likebut("catalogue", out, "--split", "test", "--products", "120", "--triplets", "40", "--size", "128")
    return out


@pytest.fixture(scope="module")
def gallery(shop: Path) -> Path:
    out = shop.parent / "gallery"
    likebut("index", "build", shop / "items.parquet", "--gallery", out, "--bundle", BUNDLE, "--progress", "none")
    return out


@pytest.fixture(scope="module")
def service(gallery: Path, serve: Callable[..., AbstractContextManager[str]]) -> Iterator[httpx.Client]:
    with (
        serve("--bundle", BUNDLE, "--gallery", gallery) as address,
        httpx.Client(base_url=address, timeout=30) as client,
    ):
        assert client.get("/readyz").status_code == 200
        yield client


def test_a_picture_and_words_find_products_over_http(service: httpx.Client, shop: Path) -> None:
    triplets = [json.loads(line) for line in (shop / "triplets.jsonl").read_text().splitlines()]
    images = {row["id"]: row["image"] for row in pyarrow.parquet.read_table(shop / "items.parquet").to_pylist()}
    found = 0
    for triplet in triplets:  # the baseline finds a good part of them among the first twenty of 120
        asked = {"image": {"item_id": triplet["reference"]}, "text": triplet["text"], "k": 20}
        hits = service.post("/search", json=asked).json()["hits"]
        found += bool({hit["id"] for hit in hits} & set(triplet["satisfying"]))
    assert found >= len(triplets) / 2

    triplet = triplets[0]
    picture = (shop / images[triplet["reference"]]).read_bytes()
    uploaded = service.post(
        "/search", files={"image": ("reference", picture)}, data={"text": triplet["text"], "k": "12"}
    )
    assert uploaded.status_code == 200, uploaded.text
    assert len(uploaded.json()["hits"]) == 12
    by_id = service.post("/search", json={"image": {"item_id": triplet["reference"]}, "text": triplet["text"], "k": 12})
    assert triplet["reference"] not in {hit["id"] for hit in by_id.json()["hits"]}
    shown = service.get(by_id.json()["hits"][0]["image_url"])
    assert shown.headers["content-type"].startswith("image/")


def test_text_alone_finds_what_it_describes(service: httpx.Client) -> None:
    for text, category in (("a pair of boots", "boots"), ("a striped mug", "mug"), ("knit hat", "beanie")):
        answer = service.post("/search", json={"text": text, "k": 3, "lexical_weight": 0}).json()  # titles have "hat"
        assert [hit["attributes"]["category"] for hit in answer["hits"]] == [category] * 3
        assert answer["took_ms"]["total"] > 0


def test_the_bundle_is_measured_as_the_readme_says() -> None:
    words = ("evaluate", "catalogue", "--bundle", BUNDLE, "--products", "200", "--queries", "80", "--json")
    result = json.loads(likebut(*words))
    assert list(result["protocol"]["galleries"].values()) == [200]
    assert result["protocol"]["queries"] == 80
    assert "never ranked" in result["protocol"]["says"].values()
    for name in ("image only", "text only", "sum"):
        row = result["rows"][name]
        assert set(row) == {"R@1", "R@5", "R@10", "R@50", "mAP@10"}
        assert all(0 <= value["low"] <= value["value"] <= value["high"] <= 1 for value in row.values())
        assert row["R@50"]["value"] > 0.3  # of 200 items, a quarter by chance
        assert row["R@1"]["value"] <= row["R@5"]["value"] <= row["R@10"]["value"] <= row["R@50"]["value"]


def test_an_expected_failure_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    for words in (
        ("bundle", "verify", tmp_path),
        ("index", "inspect", tmp_path),
        ("index", "build", tmp_path / "nothing", "--gallery", tmp_path / "gallery", "--bundle", BUNDLE),
        ("train", tmp_path / "none.toml", "--out", tmp_path / "run"),
        ("frobnicate",),
    ):
        command = [sys.executable, "-m", "service.cli", *map(str, words)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ})
        assert done.returncode == 2, words
        assert done.stderr.startswith("likebut: ")
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr

"""Queries of several images: weights, images to be unlike, steps, and a part of an image."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from models.arrays import Embeddings, normalised, unlike
from models.bundle import SHIPPED
from models.encoder import Encoder
from service.auth import keys
from service.search.encode import UNLIKE
from service.settings import Settings

Draw = Callable[..., bytes]
RED, GREEN = {"item_id": "red-box"}, {"item_id": "green-ring"}
TEXT = "with long sleeves"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(SHIPPED, threads=1)


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [hit["id"] for hit in answer.json()["hits"]]


def scores(answer: httpx.Response) -> dict[str, float]:
    assert answer.status_code == 200, answer.text
    return {hit["id"]: hit["score"] for hit in answer.json()["hits"]}


def pixels(encoder: Encoder, image_file: Draw, *names: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.stack([encoder.preprocess(image_file(name.split("-")[1], name.split("-")[0])) for name in names])


def check(answer: httpx.Response, query: Embeddings, encoder: Encoder, image_file: Draw) -> None:
    """Check the scores of hits against cosines (1, d) that are computed here."""
    found = {id: score for id, score in scores(answer).items() if not id.startswith("odd")}
    assert len(found) > 5
    vectors = encoder.gallery(pixels(encoder, image_file, *found))
    np.testing.assert_allclose(list(found.values()), (query @ vectors.T)[0], atol=2e-3)  # stored in half precision


def search(client: httpx.Client, **body: object) -> httpx.Response:
    return client.post("/search", json={"k": 40, **body})


def test_one_of_several_images_is_the_same_as_an_image(client: httpx.Client) -> None:
    for text in ({}, {"text": TEXT}):
        alone, listed = search(client, image=RED, **text), search(client, images=[RED], **text)
        assert alone.json()["hits"] == listed.json()["hits"]


def test_two_images_with_a_text_are_the_mean_of_their_queries(
    client: httpx.Client, encoder: Encoder, image_file: Draw
) -> None:
    answer = search(client, images=[{**RED, "weight": 3}, GREEN], text=TEXT)
    parts = encoder.queries(pixels(encoder, image_file, "red-box", "green-ring"), [TEXT] * 2, text_weight=0.0)
    check(answer, normalised(3 * parts[:1] + parts[1:]), encoder, image_file)
    assert not {"red-box", "green-ring"} & set(ids(answer))
    assert all(hit["chance"] is None for hit in answer.json()["hits"])  # the calibration is of one image


def test_two_items_without_a_text_are_the_mean_of_their_vectors_and_an_upload_may_stand_beside(
    client: httpx.Client, encoder: Encoder, image_file: Draw
) -> None:
    parts = encoder.gallery(pixels(encoder, image_file, "red-box", "green-ring"))
    expected = normalised(parts[:1] + 2 * parts[1:])
    upload = {"base64": base64.b64encode(image_file("ring", "green")).decode()}
    for other in (GREEN, upload):
        check(search(client, images=[RED, {**other, "weight": 2}]), expected, encoder, image_file)


@pytest.mark.parametrize("asked", [{"image": RED, "text": TEXT}, {"text": "a green ring"}, {"image": RED}])
def test_hits_are_unlike_a_negative_image_which_is_none_of_them(
    client: httpx.Client, encoder: Encoder, image_file: Draw, asked: dict[str, Any]
) -> None:
    answer = search(client, **asked, negative=[{**GREEN, "weight": 2}])
    if "image" not in asked:
        query = encoder.texts([asked["text"]])
    elif "text" in asked:
        query = encoder.queries(pixels(encoder, image_file, "red-box"), [TEXT], text_weight=0.0)
    else:
        query = encoder.gallery(pixels(encoder, image_file, "red-box"))
    image, weights = encoder.gallery(pixels(encoder, image_file, "green-ring")), np.array([2 * UNLIKE], np.float32)
    check(answer, unlike(query, image, weights=weights), encoder, image_file)
    assert "green-ring" in ids(search(client, **asked)) and "green-ring" not in ids(answer)


def test_queries_with_and_without_a_negative_image_in_one_batch_do_not_affect_each_other(client: httpx.Client) -> None:
    asked = [
        {"text": "a ring", "k": 9, "negative": [RED, GREEN]},
        {"text": "a ring", "k": 9},
        {"text": "a box", "k": 9, "negative": [GREEN]},
    ]
    together = client.post("/searches", json={"searches": asked}).json()["answers"]
    for each, answer in zip(asked, together, strict=True):
        alone = client.post("/search", json=each).json()["hits"]
        assert [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in alone]
        assert [hit["score"] for hit in answer["hits"]] == pytest.approx([hit["score"] for hit in alone], abs=1e-4)


def test_steps_are_one_text_about_the_first_image(client: httpx.Client) -> None:
    steps = search(client, image=RED, steps=["in green", " without a belt ", "shorter"])
    assert scores(steps) == scores(search(client, image=RED, text="in green, without a belt, shorter"))


def test_a_part_of_an_image_is_searched_as_if_it_had_been_cut_out(client: httpx.Client, image_file: Draw) -> None:
    whole = Image.new("RGB", (400, 200), "white")
    whole.paste(Image.open(io.BytesIO(image_file("ring", "green"))).resize((100, 100)), (200, 50))
    part = whole.crop((200, 50, 300, 150))
    files = []
    for image in (whole, part):
        file = io.BytesIO()
        image.save(file, "PNG")
        files.append(base64.b64encode(file.getvalue()).decode())
    box = [0.5, 0.25, 0.75, 0.75]
    boxed = search(client, image={"base64": files[0], "box": box})
    assert ids(boxed)[0] == "green-ring"
    assert scores(boxed) == scores(search(client, image={"base64": files[1]}))
    assert scores(boxed) != scores(search(client, image={"base64": files[0]}))
    query = '{"k": 40, "image": {"box": [0.5, 0.25, 0.75, 0.75]}}'
    form = client.post("/search", files={"image": base64.b64decode(files[0])}, data={"query": query})
    assert scores(form) == scores(boxed)
    assert scores(search(client, image={**RED, "box": box})) != scores(search(client, image=RED))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"image": RED, "images": [GREEN]}, ""),
        ({"text": "red", "steps": ["blue"]}, ""),
        ({"negative": [RED]}, ""),
        ({"images": [RED] * 5}, "images"),
        ({"images": [{**RED, "weight": 0}]}, "images.0.weight"),
        ({"image": {**RED, "box": [0.5, 0, 0.4, 1]}}, "image"),
        ({"image": {**RED, "box": [0, 0, 2, 1]}}, "image.box.2"),
        ({"images": [RED, {"url": "https://example.com/x.png"}]}, "images.1.url"),
        ({"text": "red", "negative": [{"url": "https://example.com/x.png"}]}, "negative.0.url"),
        ({"text": "red", "steps": [""]}, "steps.0"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    answer = client.post("/search", json=body)
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]} or not field


def test_an_unknown_item_among_several_is_named(client: httpx.Client) -> None:
    for body in ({"images": [RED, {"item_id": "none"}]}, {"image": RED, "negative": [{"item_id": "none"}]}):
        answer = client.post("/search", json=body)
        assert answer.status_code == 404 and "none" in answer.json()["detail"]


def test_each_image_to_decode_counts_as_a_search(gallery: Path, inside: Callable[..., object], tmp_path: Path) -> None:
    ring = tmp_path / "keys.jsonl"
    key, other = (keys.add(ring, name=name, role="search", rate_per_s=0.001, burst=4) for name in ("shop", "other"))

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        four = {"images": [RED, GREEN, {"item_id": "blue-box"}, {"item_id": "blue-ring"}]}
        statuses = []
        for secret, body in ((key, {**four, "text": TEXT}), (other, four)):  # without a text, their vectors are stored
            answers = [
                await client.post("/search", json=sent, headers={"X-API-Key": secret})
                for sent in (body, *[{"text": "a box"}] * 4)
            ]
            statuses.append([answer.status_code for answer in answers])
        assert statuses == [[200, 429, 429, 429, 429], [200, 200, 200, 200, 429]]
        assert app.state.service.searcher.active == 0

    inside(Settings(gallery=gallery, keys=ring), scenario)


def test_images_beyond_the_permits_of_the_service_are_refused(gallery: Path, inside: Callable[..., object]) -> None:
    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        answers = [
            await client.post("/search", json={"images": images, "text": TEXT})
            for images in ([RED, GREEN, {"item_id": "blue-box"}], [RED, GREEN])
        ]
        assert [answer.status_code for answer in answers] == [429, 200]
        assert app.state.service.searcher.active == 0

    inside(Settings(gallery=gallery, max_waiting=0, decoders=2), scenario)

"""Images that are costly to decode get 413, and nothing else notices them."""

import base64
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from bombs import bombs

Serve = Callable[..., AbstractContextManager[str]]
NEIGHBOUR_S = 3.0  # for a text search beside costly images, on a loaded machine


@pytest.fixture(scope="module")
def address(gallery: Path, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    copy = shutil.copytree(gallery, tmp_path_factory.mktemp("costly") / "gallery")
    with serve("--gallery", copy) as served:
        yield served


@pytest.mark.slow
def test_costly_images_are_refused_while_texts_are_found(address: str) -> None:
    costly = bombs()
    done = threading.Event()
    longest: list[float] = []

    def neighbour() -> None:
        with httpx.Client(base_url=address, timeout=30) as client:
            while not done.is_set():
                begin = time.monotonic()
                answer = client.post("/search", json={"text": "red"})
                longest.append(time.monotonic() - begin)
                assert answer.status_code == 200 and answer.json()["hits"]
                assert client.get("/readyz").status_code == 200
                time.sleep(0.02)

    with httpx.Client(base_url=address, timeout=60) as client, ThreadPoolExecutor(4) as pool:
        texts = pool.submit(neighbour)
        images = pool.map(lambda data: client.post("/search", files={"image": data}), costly.values())
        answers = dict(zip(costly, images, strict=True))
        done.set()
        texts.result()
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code not in (413, 422)} == {}
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers.values())
    slow = [name for name in answers if answers[name].json()["type"].endswith(":image-too-costly")]
    assert len(slow) >= len(costly) - 1
    assert len(longest) > 20 and max(longest) < NEIGHBOUR_S


def test_a_costly_image_of_an_item_is_refused(address: str, image_file: Callable[..., bytes]) -> None:
    data = bombs()["BMP, 200 lines of 250 000"]
    costly, fine = ({"base64": base64.b64encode(image).decode()} for image in (data, image_file()))
    with httpx.Client(base_url=address, timeout=60) as client:
        answer = client.put("/items/costly", json={"image": costly})
        assert answer.status_code == 413 and answer.json()["type"] == "urn:likebut:problem:image-too-costly"
        assert client.get("/items/costly").status_code == 404
        items = [{"id": "costly", "image": costly}, {"id": "fine", "image": fine}]
        results = client.post("/items", json={"items": items}).json()["results"]
        assert [result["status"] for result in results] == ["failed", "put"]
        assert client.delete("/items/fine").status_code == 204

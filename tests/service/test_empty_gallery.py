"""A service that starts without items is ready, filled by changes, and keeps them over a restart."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx

from index.__main__ import main

Serve = Callable[..., AbstractContextManager[str]]
Draw = Callable[..., bytes]


def test_an_empty_gallery_is_served_filled_and_served_again(tmp_path: Path, serve: Serve, image_file: Draw) -> None:
    gallery = tmp_path / "new"
    with serve("--gallery", gallery) as address, httpx.Client(base_url=address, timeout=60) as client:
        refused = client.put("/items/red", files={"image": image_file("ball", "red")})
        assert (refused.status_code, str(gallery) in refused.json()["detail"]) == (503, True)
    assert not gallery.exists()
    assert main(["create", str(gallery)]) == 0
    with serve("--gallery", gallery) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert client.get("/readyz").status_code == 200
        for path in ("/items", "/browse"):
            answer = client.get(path).json()
            assert (answer["items"], answer["total"]) == ([], 0)
        answer = client.post("/search", json={"text": "a red ball", "facets": ["price"], "filter": {"price": 1}}).json()
        assert (answer["hits"], answer["total"], answer["facets"]) == ([], 0, {"price": []})
        assert client.get("/openapi.json").status_code == 200
        for colour in ("red", "blue"):
            image, data = {"image": image_file("ball", colour)}, {"attributes": '{"price": 3}'}
            assert client.put(f"/items/{colour}", files=image, data=data).status_code == 200
        hits = client.post("/search", json={"text": "a blue ball", "filter": {"price": 3}}).json()["hits"]
        assert [hit["id"] for hit in hits] == ["blue", "red"]
        live = client.get("/index").json()
        assert (live["items"], live["changes"]) == (2, 2)
        swap = client.post("/index", json={"source": str(tmp_path / "none")})
        assert swap.status_code == 422
    with serve("--gallery", gallery) as address, httpx.Client(base_url=address, timeout=60) as client:
        assert [item["id"] for item in client.get("/items").json()["items"]] == ["blue", "red"]
        hits = client.post("/search", json={"text": "a red ball"}).json()["hits"]
        assert [hit["id"] for hit in hits] == ["red", "blue"]

"""Ids of all kinds: each that a build accepts can be read, searched by, changed and deleted."""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from index.__main__ import main
from index.sources.rows import MAX_ID_CHARS

Draw = Callable[..., bytes]
Serve = Callable[..., AbstractContextManager[str]]
IDS = [
    "two\nlines", "\n", "end\n", "\r\n", "a\rb", "tab\t", "\u2028", "\x00", "\x1b[31m", " ", " a ", "a b+c",
    "a/b", "/a", "a/", "//", "a/../b", "../x", "./x", "...", "a/.", "%2F", "a%2fb", "%", "%00", "%zz", "?x=1", "#x",
    "\u00e4\u00f6\u00fc", "a\u0308", "\u4e16\u754c", "\U0001f455", "\ufeffx", "\ufffd", "'\"<>&;", "\\", "null", "0",
    "1e5", "a?b#c", "x" * MAX_ID_CHARS, "\U0001f455" * MAX_ID_CHARS,
]  # fmt: skip


@pytest.fixture(scope="module")
def odd(image_file: Draw, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with all these ids."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "a.png").write_bytes(image_file())
    lines = [json.dumps({"id": id, "image": "a.png", "n": number}) for number, id in enumerate(IDS)]
    (folder / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert main(["build", str(folder / "t.jsonl"), "--gallery", str(folder / "g"), "--progress", "none"]) == 0
    return folder / "g"


def test_every_accepted_id_is_within_reach(odd: Path, serve: Serve, image_file: Draw) -> None:
    image = {"base64": base64.b64encode(image_file("box", "blue")).decode()}
    with serve("--gallery", odd) as address, httpx.Client(base_url=address, timeout=30) as client:
        for number, id in enumerate(IDS):
            path = f"/items/{quote(id, safe='')}"
            item = client.get(path).json()
            assert (item.get("id"), item.get("attributes")) == (id, {"n": number}), (id, item)
            assert client.get(item["image_url"]).headers["content-type"] == "image/png", id
            assert client.get(f"{item['image_url']}?size=32").headers["content-type"] == "image/jpeg", id
            found = client.post("/search", json={"image": {"item_id": id}, "k": 100, "exclude_ids": [IDS[0]]})
            assert found.status_code == 200, (id, found.text)
            assert client.put(path, json={"image": image, "attributes": {"n": -number}}).json()["id"] == id
            assert client.patch(path, json={"attributes": {"n": 7}}).json()["attributes"] == {"n": 7}
        deletions = [{"id": id, "delete": True} for id in IDS[:5]]
        (result, *_) = client.post("/items", json={"items": deletions}).json()["results"]
        assert result == {"id": IDS[0], "status": "deleted", "detail": None}
        for id in IDS[5:]:
            assert client.delete(f"/items/{quote(id, safe='')}").status_code == 204, id
        assert client.get("/browse").json()["total"] == 0


@pytest.mark.parametrize("id", ["x" * (MAX_ID_CHARS + 1), "\u00e4" * 5000, "..", "."])
def test_an_id_out_of_reach_is_refused(client: httpx.Client, image_file: Draw, id: str) -> None:
    image = {"base64": base64.b64encode(image_file()).decode()}
    path = f"/items/{quote(id, safe='')}"
    if id not in (".", ".."):  # which clients take out of a path
        answer = client.put(path, json={"image": image})
        assert answer.status_code == 422 and "id" in answer.json()["detail"]
        assert client.get(path).status_code == client.delete(path).status_code == 404
    (result,) = client.post("/items", json={"items": [{"id": id, "image": image}]}).json()["results"]
    assert result["status"] == "failed" and "id" in result["detail"]

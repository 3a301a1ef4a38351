"""A service on a replica takes up what is pulled, answers as the writer's service, and takes no changes."""

import base64
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx

from index.storage import snapshot
from tests.imports import ROOT

Serve = Callable[..., AbstractContextManager[str]]
WITHIN_S = 60.0


def index(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "index", *map(str, words)], cwd=ROOT, check=True, capture_output=True)


def test_a_replica_follows_its_writer_and_refuses_changes(
    gallery: Path, tmp_path: Path, serve: Serve, image_file: Callable[..., bytes]
) -> None:
    writer, place, replica = tmp_path / "writer", tmp_path / "place", tmp_path / "replica"
    shutil.copytree(gallery, writer)
    index("push", writer, place)
    with serve("--gallery", writer) as address, httpx.Client(base_url=address, timeout=60) as client:
        answer = client.put("/items/new", files={"image": image_file("cross", "black")}, data={"attributes": "{}"})
        assert answer.status_code == 200
        query = {"text": "a black cross", "k": 30}
        command = [sys.executable, "-m", "index", "pull", str(place), "--gallery", str(replica), "--watch", ".2"]
        with (
            serve("--gallery", replica) as other,  # before anything is pulled
            httpx.Client(base_url=other, timeout=60) as reader,
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as pulling,
        ):
            try:
                for name, count in ((snapshot.current(writer), 30), ("", 31)):
                    if not name:
                        index("push", writer, place)
                        name = snapshot.current(writer)
                    end = time.monotonic() + WITHIN_S
                    while reader.get("/readyz").json().get("snapshot") != name:
                        assert time.monotonic() < end
                        time.sleep(0.1)
                    assert reader.get("/index").json()["items"] == count
                expected, answer = client.post("/search", json=query).json(), reader.post("/search", json=query).json()
                assert answer["hits"] == expected["hits"] and len(answer["hits"]) == 30
                assert reader.get("/images/new").content == image_file("cross", "black")
                image = {"base64": base64.b64encode(image_file()).decode()}
                for refused in (
                    reader.put("/items/new", json={"image": image}),
                    reader.patch("/items/new", json={"attributes": {"price": 1}}),
                    reader.delete("/items/new"),
                    reader.post("/index", json={"compact": True}),
                    reader.post("/index", json={"source": "tests"}),
                ):
                    assert refused.status_code == 403 and str(place) in refused.json()["detail"], refused.text
                    assert refused.json()["type"] == "urn:likebut:problem:gallery-read-only"
            finally:
                pulling.terminate()
            assert pulling.wait(20) == 0

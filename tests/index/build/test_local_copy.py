"""A source is copied as items with images on this disk: files stay, downloads are fetched once."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from index.build.local_copy import IMAGES, ITEMS, copy
from models.errors import SourceError


class Pictures(BaseHTTPRequestHandler):
    """Serves one image, and counts the requests."""

    paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        if self.path != "/there.png":
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"bytes of an image")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_files_stay_where_they_are_and_downloads_are_fetched_once(tmp_path: Path, host: str) -> None:
    (tmp_path / "own.png").write_bytes(b"own")
    table = tmp_path / "products.csv"
    rows = [
        "id,picture,colour",
        "a,own.png,red",
        f"b,{host}/there.png,blue",
        f"c,{host}/gone.png,red",
        "d,none.png,red",
        "e,,",
    ]
    table.write_text("\n".join(rows) + "\n")
    out = tmp_path / "copy"
    for _ in range(2):
        Pictures.paths.clear()
        copied = copy(str(table), out, columns={"image": "picture"})
        assert copied.items == 2
        assert copied.skipped == {
            "the image cannot be fetched": 1,
            "no file is at the path of the image": 1,
            "the row names no image": 1,
        }
    assert Pictures.paths == ["/gone.png"]  # the other one was there
    first, second = map(json.loads, (out / ITEMS).read_text().splitlines())
    assert first == {"id": "a", "image": str(tmp_path / "own.png"), "attributes": {"colour": "red"}}
    assert Path(second["image"]).read_bytes() == b"bytes of an image"
    assert Path(second["image"]).parent == out / IMAGES


def test_a_source_that_a_build_refuses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        copy(str(tmp_path / "none.csv"), tmp_path / "copy", columns={})

"""A rebuild keeps what it cannot fetch, repeats what failed for the moment, and is refused if it would lose much."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from index.build.build import Built, build
from index.build.compact import compact
from index.build.snapshot_writer import Progress
from index.gallery import Gallery
from index.sources.download import HostFailure
from index.sources.retries import STREAK, HostRetries
from index.storage import snapshot
from index.storage.changes import Delete
from models.encoder import Encoder
from models.errors import ConfigError, LossRefused
from tests.index.conftest import Draw
from tests.index.uploads import opened, quiet

COUNT = 40


class Host(BaseHTTPRequestHandler):
    """Serves the images of a folder, or for a path the statuses to answer first, in turn."""

    folder: ClassVar[Path]
    statuses: ClassVar[dict[str, list[int]]] = {}
    requests: ClassVar[Counter[str]] = Counter()
    retry_after: ClassVar[str] = ""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.requests[name] += 1
        statuses = self.statuses.get(self.path, [])
        status = statuses[0] if len(statuses) == 1 else statuses.pop(0) if statuses else 200
        data = (self.folder / name).read_bytes() if status == 200 else b""
        if status == 0:
            return  # a reset connection
        self.send_response(status)
        if status == 200:
            self.send_header("ETag", f'"{hash(data)}"')
        elif self.retry_after:
            self.send_header("Retry-After", self.retry_after)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: object) -> None:
        """Keeps quiet."""


@pytest.fixture
def host(tmp_path: Path, draw: Draw) -> Iterator[str]:
    Host.folder, Host.retry_after = draw(tmp_path / "images", COUNT), ""
    Host.statuses.clear()
    Host.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Host) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def table(path: Path, host: str, numbers: range, *, folder: str = "") -> Path:
    """A table of these images; returns its path."""
    rows = [{"id": str(n), "image": f"{host}/{folder}{n:04d}.png"} for n in numbers]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def rebuilt(source: Path, folder: Path, encoder: Encoder, *, max_loss: float = 0.05) -> Built:
    return build(source, folder, encoder, max_loss=max_loss, progress=quiet)


def vectors(folder: Path, encoder: Encoder) -> dict[str, bytes]:
    view = opened(folder, encoder).view()
    return {id: view.vector(id).tobytes() for id in view.ids}


def test_items_whose_images_are_unreachable_keep_their_vectors(tmp_path: Path, host: str, encoder: Encoder) -> None:
    source, folder = table(tmp_path / "t.jsonl", host, range(COUNT)), tmp_path / "g"
    first = rebuilt(source, folder, encoder)
    before = vectors(folder, encoder)
    Host.statuses |= {f"/{n:04d}.png": [403] for n in range(0, COUNT, 2)}
    seen: list[Progress] = []
    again = build(source, folder, encoder, progress=seen.append)
    assert (again.items, again.unreachable, again.reused, again.skipped) == (COUNT, COUNT // 2, COUNT, [])
    assert any("20 images could not be fetched" in note and "'0'" in note and "403" in note for note in again.notes)
    assert max(each.unreachable for each in seen) == COUNT // 2
    assert again.snapshot == first.snapshot and vectors(folder, encoder) == before
    table(source, host, range(COUNT + 1))  # a new item, unreachable and unknown
    Host.statuses[f"/{COUNT:04d}.png"] = [403]
    more = rebuilt(source, folder, encoder)
    assert (more.items, more.unreachable, [each.id for each in more.skipped]) == (COUNT, 20, [str(COUNT)])
    assert vectors(folder, encoder) == before


def test_an_item_at_a_new_address_that_is_unreachable_keeps_its_vector_until_it_is_there(
    tmp_path: Path, host: str, encoder: Encoder
) -> None:
    source, folder = table(tmp_path / "t.jsonl", host, range(COUNT)), tmp_path / "g"
    rebuilt(source, folder, encoder)
    before = vectors(folder, encoder)
    table(source, host, range(COUNT), folder="new/")
    Host.statuses["/new/0003.png"] = [403]
    moved = rebuilt(source, folder, encoder)
    assert (moved.unreachable, moved.embedded) == (1, 0)
    assert vectors(folder, encoder) == before
    assert opened(folder, encoder).view().item("3").uri.endswith("/new/0003.png")
    Host.statuses.clear()
    (Host.folder / "0003.png").write_bytes((Host.folder / "0004.png").read_bytes())
    rebuilt(source, folder, encoder)
    after = vectors(folder, encoder)
    assert after["3"] == after["4"] != before["3"]


@pytest.mark.slow
def test_what_fails_for_the_moment_is_repeated(tmp_path: Path, host: str, encoder: Encoder) -> None:
    Host.statuses |= {
        "/0000.png": [503, 200],
        "/0001.png": [429, 429, 200],
        "/0002.png": [0, 200],
        "/0003.png": [500],
        "/0004.png": [404],
    }
    built = rebuilt(table(tmp_path / "t.jsonl", host, range(COUNT)), tmp_path / "g", encoder)
    assert [each.id for each in built.skipped] == ["3", "4"]
    assert [Host.requests[f"{n:04d}.png"] for n in range(6)] == [2, 3, 2, 5, 1, 1]


def test_retry_after_is_waited_for_within_bounds() -> None:
    answers: list[HostFailure | str] = [HostFailure("busy", retry_after_s=0.3), "image"]

    def attempt() -> str:
        answer = answers.pop(0)
        if isinstance(answer, HostFailure):
            raise answer
        return answer

    began = time.monotonic()
    retries = HostRetries(back_off_s=(0.0,))
    assert retries.run("http://a/x", attempt) == "image"
    assert 0.3 <= time.monotonic() - began < 5
    answers[:] = [HostFailure("busy", retry_after_s=3600)]
    with pytest.raises(HostFailure):
        retries.run("http://a/x", attempt)
    assert time.monotonic() - began < 5


def test_a_host_that_is_down_costs_no_wait_for_each_image_and_hurts_no_other() -> None:
    attempts = Counter[str]()

    def down() -> str:
        attempts["down"] += 1
        raise HostFailure("down")

    def refused() -> str:
        attempts["refused"] += 1
        raise HostFailure("403", transient=False)

    retries = HostRetries(back_off_s=(0.01, 0.01), wasted_s=0.05)
    for _ in range(1000):
        with pytest.raises(HostFailure):
            retries.run("http://down/x", down)
        with pytest.raises(HostFailure):
            retries.run("http://refused/x", refused)
    assert STREAK <= attempts["down"] <= STREAK + 3 * 3
    assert attempts["refused"] == 1000
    assert retries.run("http://other/x", lambda: "image") == "image"


def test_a_build_that_would_lose_items_is_refused_and_its_repeat_embeds_nothing_again(
    tmp_path: Path, host: str, encoder: Encoder
) -> None:
    source, folder = table(tmp_path / "t.jsonl", host, range(COUNT)), tmp_path / "g"
    live = rebuilt(source, folder, encoder).snapshot
    Host.statuses |= {f"/{n:04d}.png": [404] for n in range(10)}
    for n in range(10, 15):
        (Host.folder / f"{n:04d}.png").write_bytes((Host.folder / "0000.png").read_bytes() + bytes(n))
    with pytest.raises(LossRefused, match=r"30 items, and 10 of the 40 live items .*'0'.*404.*--max-loss"):
        rebuilt(source, folder, encoder)
    assert snapshot.current(folder) == live
    built = rebuilt(source, folder, encoder, max_loss=0.25)
    assert (built.items, built.embedded, built.reused) == (30, 0, 30)


def test_a_wrong_table_is_refused_before_anything_is_read(tmp_path: Path, host: str, encoder: Encoder) -> None:
    source, folder = table(tmp_path / "t.jsonl", host, range(COUNT)), tmp_path / "g"
    rebuilt(source, folder, encoder)
    opened(folder, encoder).change([Delete("0"), Delete("1")])  # which the source may lack
    Host.requests.clear()
    wrong = table(tmp_path / "wrong.jsonl", host, range(2, 5))
    with pytest.raises(LossRefused, match=r"wrong\.jsonl has 3 items, and 35 of the 38 live items .*max_loss"):
        rebuilt(wrong, folder, encoder)
    assert not Host.requests
    with pytest.raises(ConfigError, match="max-loss"):
        rebuilt(wrong, folder, encoder, max_loss=1.5)
    assert rebuilt(table(wrong, host, range(2, COUNT)), folder, encoder).items == COUNT - 2
    assert rebuilt(table(wrong, host, range(3, COUNT)), folder, encoder).items == COUNT - 3  # 1 of 38: 2.6 %


@pytest.mark.slow
def test_a_rebuild_or_a_compaction_without_a_change_makes_no_snapshot(
    tmp_path: Path, encoder: Encoder, draw: Draw
) -> None:
    source, folder = draw(tmp_path / "images", 6), tmp_path / "g"
    first = rebuilt(source, folder, encoder)
    opened(folder, encoder).change([Delete("0000")])
    second = compact(folder, progress=quiet).snapshot
    for _ in range(4):
        done = compact(folder, progress=quiet)
        assert (done.snapshot, done.changes, done.items) == (second, 0, 5)
        assert "nothing changed" in done.notes[0]
    third = rebuilt(source, folder, encoder).snapshot  # the source has the deleted item
    for path in source.iterdir():
        path.touch()
    for _ in range(4):
        built = rebuilt(source, folder, encoder)
        assert built.snapshot == third and "nothing changed" in built.notes[0]
    assert [path.name for path in snapshot.folders(folder)] == [first.snapshot, second, third]
    assert not list((folder / snapshot.SNAPSHOTS).glob(".*"))
    damaged = snapshot.live(folder).path / snapshot.VECTORS
    damaged.write_bytes(bytes(damaged.stat().st_size))
    assert rebuilt(source, folder, encoder).snapshot != third  # a rebuild repairs what is damaged
    view = Gallery.open(folder, space_id=encoder.manifest.space_id).view()
    assert np.isfinite(view.vector("0000")).all()

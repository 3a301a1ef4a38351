"""A gallery that the service may read and not write: searched with all changes, and every change of it refused."""

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest
from pyarrow import parquet

from index import edits
from index.edits import Put
from index.gallery import Gallery
from index.storage import snapshot
from models.bundle import SHIPPED
from models.encoder import Encoder
from tests.service.conftest import drawn, encoded

Serve = Callable[..., AbstractContextManager[str]]
BIND = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(SHIPPED)


@pytest.fixture
def writable(gallery: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gallery, tmp_path / "gallery"))


@pytest.fixture
def under() -> Iterator[Callable[[Path], list[str]]]:
    """Returns the command under which a process may not write a folder; root needs a mount of its own for that."""
    closed: list[Path] = []

    def prefix(folder: Path) -> list[str]:
        if os.geteuid() != 0:
            folder.chmod(0o555)
            closed.append(folder)
            return []
        command = ["unshare", "--mount", "sh", "-c", BIND, str(folder)]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
            pytest.skip("root may not mount here")
        return command

    yield prefix
    for folder in closed:
        folder.chmod(0o755)


def change(gallery: Gallery, encoder: Encoder, price: float) -> None:
    patch = Put("red-box", None, {"price": price}, merge=True)
    assert edits.apply([patch], lambda: (encoder, gallery), max_pixels=1) == [None]


def check(address: str, *, price: float | None) -> None:
    """Searches, browses, and tries every kind of change."""
    image = {"base64": base64.b64encode(encoded(drawn("ring", "red"))).decode()}
    with httpx.Client(base_url=address, timeout=30) as client:
        assert client.get("/readyz").status_code == 200
        search = client.post("/search", json={"text": "a box", "filter": {"price": price}, "facets": ["price"]})
        assert search.status_code == 200
        assert [hit["id"] for hit in search.json()["hits"]] == ([] if price is None else ["red-box"])
        assert client.get("/browse").json()["total"] == 30
        assert client.get("/images/red-box?size=32").status_code == 200
        for answer in (
            client.put("/items/red-box", json={"image": image}),
            client.put("/items/red-box", json={"attributes": {}}),
            client.patch("/items/red-box", json={"attributes": {"price": 1}}),
            client.delete("/items/red-box"),
            client.post("/items", json={"items": [{"id": "red-box", "delete": True}]}),
            client.post("/index", json={"compact": True}),
            client.post("/index", json={"source": "tests"}),
            client.post("/index", json={"snapshot": client.get("/index").json()["snapshot"]}),
        ):
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:likebut:problem:gallery-read-only")
        assert client.get("/readyz").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["none", "closed", "killed", "copied without shared memory"])
def test_a_read_only_gallery_is_searched_with_its_changes(
    journal: str, writable: Path, encoder: Encoder, serve: Serve, under: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    for file in (*snapshot.JOURNAL_FILES, snapshot.HIGH_WATER):
        (writable / file).unlink(missing_ok=True)
    folder = writable
    if journal != "none":
        with_changes = Gallery.open(writable, space_id=encoder.manifest.space_id)
        change(with_changes, encoder, 99.5)
        if journal != "closed":
            folder = Path(shutil.copytree(writable, tmp_path / "copy"))  # as a killed process leaves it
        with_changes.journal.close()
    if journal.startswith("copied"):
        (folder / snapshot.JOURNAL_FILES[2]).unlink()
    before = sorted(folder.rglob("*"))
    prefix = under(folder)
    with serve("--gallery", folder, "--bundle", SHIPPED, under=prefix) as address:
        check(address, price=None if journal == "none" else 99.5)
    command = [*prefix, sys.executable, "-m", "index", "export", str(folder), str(tmp_path / "out")]
    subprocess.run(command, check=True, capture_output=True)
    table = parquet.read_table(tmp_path / "out" / "metadata" / "metadata_0.parquet").to_pylist()
    assert ("red-box", 99.5) in [(row["id"], row["price"]) for row in table] or journal == "none"
    assert sorted(folder.rglob("*")) == before


@pytest.mark.slow
def test_a_reader_follows_a_writer_in_another_process(
    writable: Path, encoder: Encoder, serve: Serve, under: Callable[[Path], list[str]]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("the writer needs the folder writable while the reader may not write it")
    writer = Gallery.open(writable, space_id=encoder.manifest.space_id)
    with serve("--gallery", writable, "--bundle", SHIPPED, under=under(writable)) as address:
        for price in (88.5, 99.5):
            change(writer, encoder, price)
            check(address, price=price)
    change(writer, encoder, 1.5)
    writer.journal.close()

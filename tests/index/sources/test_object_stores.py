"""A store gives the same rows, pictures and fingerprints as a folder of this disk."""

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import pytest

from index.build.build import build
from index.build.snapshot_writer import Progress
from index.sources import object_stores
from index.sources.image_bytes import read_if_changed, read_image, unchanged
from index.sources.rows import SourceRow, rows
from index.storage import snapshot
from models.encoder import Encoder
from models.errors import ImageTooLarge, SourceError, UnreadableImage

if TYPE_CHECKING:
    from tests.index.conftest import Draw


@pytest.fixture
def store() -> Iterator[str]:
    """The URL of an empty folder of a store in memory."""
    system, name = fsspec.filesystem("memory"), f"/{uuid.uuid4().hex}"
    system.mkdir(name)
    yield f"memory:/{name}"
    system.rm(name, recursive=True)


def put(url: str, data: bytes) -> None:
    system, path = fsspec.core.url_to_fs(url)
    system.pipe_file(path, data)


def quiet(progress: Progress) -> None:
    """Ignore the progress."""


def test_a_folder_in_a_store_has_the_ids_of_the_same_folder_here(tmp_path: Path, store: str) -> None:
    for name in ("b.png", "a/c.JPG", ".hidden.png", ".cache/x.png", "a.png", "notes.txt", "bag.jpg", "bag.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
        put(f"{store}/{name}", name.encode())
    local = list(rows(tmp_path))
    for source in (store, tmp_path.as_uri()):
        found = list(rows(source))
        assert [row.id for row in found] == [row.id for row in local]
        assert [read_image(row) for row in found] == [read_image(row) for row in local]
        assert all(row.image.startswith(source.partition(":")[0]) for row in found)


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_table_in_a_store_names_pictures_beside_it(tmp_path: Path, store: str, suffix: str) -> None:
    text = {
        "csv": "id,image,price\na,p/a.png,1\nb,../b.png,2\nc,http://h/c.png,3\nd,/d.png,4\n",
        "jsonl": '{"id": "a", "image": "p/a.png"}\n{"id": "b", "image": "../b.png"}\n'
        '{"id": "c", "image": "http://h/c.png"}\n{"id": "d", "image": "/d.png"}\n',
    }[suffix]
    put(f"{store}/tables/t.{suffix}", text.encode())
    images = [row.image for row in rows(f"{store}/tables/t.{suffix}")]
    assert images == [f"{store}/tables/p/a.png", f"{store}/b.png", "http://h/c.png", "/d.png"]


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("memory://nowhere", "memory://nowhere cannot be read"),
        ("nope://a/b", "nope://a/b cannot be read .*Protocol not known"),
        ("zip://a::memory://b", "name one store"),
        ("s3://bucket/t.csv", "takes a driver that is not there .*s3fs.*: install"),
    ],
)
def test_a_store_that_cannot_be_read_is_one_sentence(source: str, match: str) -> None:
    if source.startswith("s3") and "s3fs" in sys.modules:
        pytest.skip("s3fs is installed")
    with pytest.raises(SourceError, match=match):
        list(rows(source))


def test_a_missing_driver_is_the_sources_fault_and_a_missing_object_the_rows(store: str) -> None:
    with pytest.raises(SourceError, match="s3fs"):
        read_image(SourceRow("a", "s3://bucket/a.png", {}))
    for image in (f"{store}/none.png", "nope://a.png"):
        with pytest.raises(UnreadableImage):
            read_image(SourceRow("a", image, {}))
    put(f"{store}/large", b"x" * 11)
    with pytest.raises(ImageTooLarge):
        read_image(SourceRow("a", f"{store}/large", {}), max_image_bytes=10)


def test_an_old_object_is_known_by_its_listing_and_a_changed_one_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    (row,) = rows(tmp_path.as_uri())
    assert row.fingerprint == ""  # too young
    os.utime(tmp_path / "a.png", (1e9, 1e9))
    (row,) = rows(tmp_path.as_uri())
    picture = read_if_changed(row, unless="")
    assert picture is not None and picture.fingerprint == row.fingerprint != ""
    assert unchanged(row, picture.fingerprint)
    assert read_if_changed(row, unless=picture.fingerprint) is None
    os.utime(tmp_path / "a.png", (1e9 + 1, 1e9 + 1))
    (row,) = rows(tmp_path.as_uri())
    assert not unchanged(row, picture.fingerprint)
    assert read_if_changed(row, unless=picture.fingerprint) is not None


def test_a_gallery_of_a_store_is_built_and_built_again(
    tmp_path: Path, store: str, encoder: Encoder, draw: "Draw"
) -> None:
    for path in draw(tmp_path / "p", 3).iterdir():
        put(f"{store}/{path.name}", path.read_bytes())
    assert build(store, tmp_path / "g", encoder, progress=quiet).embedded == 3
    assert snapshot.live_manifest(tmp_path / "g").source == store
    again = build(store, tmp_path / "g", encoder, progress=quiet)
    assert (again.embedded, again.reused) == (0, 3)


def test_only_urls_of_other_schemes_are_stores() -> None:
    assert object_stores.is_store("s3://a") and object_stores.is_store("FILE:///a")
    assert not any(map(object_stores.is_store, ("http://a", "HTTPS://a", "/a", "a/b.png", "C:/a", "1://a")))

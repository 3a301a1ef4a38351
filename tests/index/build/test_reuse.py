"""A rebuild embeds what changed and nothing else, and never takes a vector on weaker grounds than the same bytes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import parquet

from index.build.build import Built, build
from index.build.snapshot_writer import Progress
from index.items import items
from index.storage import snapshot
from models.arrays import Embeddings, Pixels, Vectors
from models.encoder import Encoder
from models.preprocess import Box

if TYPE_CHECKING:
    from tests.index.conftest import Draw


class Counting(Encoder):
    """The shipped model, which counts the pictures it decodes and those it embeds."""

    decoded = embedded = 0

    def preprocess(self, data: bytes, *, max_pixels: int = 1 << 24, box: Box | None = None) -> Pixels:
        self.decoded += 1
        return super().preprocess(data, max_pixels=max_pixels, box=box)

    def gallery(self, pixels: Pixels) -> Embeddings:
        self.embedded += len(pixels)
        return super().gallery(pixels)


def quiet(progress: Progress) -> None:
    """Ignore the progress."""


def settle(folder: Path) -> None:
    """Makes every file old enough to be trusted."""
    for path in folder.iterdir():
        os.utime(path, ns=(path.stat().st_mtime_ns - 10**10,) * 2)


def vectors_of(gallery: Path) -> dict[str, Vectors]:
    live = snapshot.live(gallery).path
    ids = parquet.read_table(live / snapshot.ITEMS, columns=["id"]).column("id").to_pylist()
    return dict(zip(ids, np.load(live / snapshot.VECTORS), strict=True))


@pytest.fixture
def counting(bundle: Path) -> Counting:
    encoder = Counting.open(bundle)
    assert isinstance(encoder, Counting)
    encoder.decoded = encoder.embedded = 0
    return encoder


def counts(built: Built) -> tuple[int, int, int]:
    return built.embedded, built.reused, len(built.skipped)


def test_only_what_changed_is_read_and_embedded(
    tmp_path: Path, counting: Counting, encoder: Encoder, draw: "Draw"
) -> None:
    folder, gallery = draw(tmp_path / "p", 12), tmp_path / "g"
    settle(folder)
    assert counts(build(folder, gallery, counting, progress=quiet)) == (12, 0, 0)
    (folder / "0002.png").write_bytes(draw(tmp_path / "other", 13).joinpath("0012.png").read_bytes())
    (folder / "0003.png").write_bytes(b"")
    (folder / "0004.png").unlink()
    (folder / "new.png").write_bytes((tmp_path / "other" / "0011.png").read_bytes())
    os.utime(folder / "0005.png")  # touched, and still the same picture
    (folder / "0006.png").rename(folder / "renamed.png")
    counting.decoded = counting.embedded = 0
    assert counts(build(folder, gallery, counting, max_loss=0.25, progress=quiet)) == (2, 9, 1)
    assert (counting.decoded, counting.embedded) == (3, 2)  # an empty file is tried
    build(folder, tmp_path / "fresh", encoder, progress=quiet)
    found, expected = vectors_of(gallery), vectors_of(tmp_path / "fresh")
    assert list(found) == list(expected)
    for id, vector in expected.items():
        np.testing.assert_allclose(found[id], vector, atol=1e-3, err_msg=id)


def test_a_picture_with_a_known_fingerprint_is_not_even_opened(tmp_path: Path, encoder: Encoder, draw: "Draw") -> None:
    folder, gallery = draw(tmp_path / "p", 3), tmp_path / "g"
    settle(folder)
    build(folder, gallery, encoder, progress=quiet)
    status = (folder / "0001.png").stat()
    (folder / "0001.png").write_bytes(b"x" * status.st_size)  # which nobody could see without opening it
    os.utime(folder / "0001.png", ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert counts(build(folder, gallery, encoder, progress=quiet)) == (0, 3, 0)
    os.utime(folder / "0001.png", ns=(status.st_mtime_ns + 1, status.st_mtime_ns + 1))
    assert counts(build(folder, gallery, encoder, max_loss=0.4, progress=quiet)) == (0, 2, 1)


def test_a_picture_too_young_for_a_fingerprint_is_read_again_and_known_by_its_bytes(
    tmp_path: Path, counting: Counting, draw: "Draw"
) -> None:
    folder, gallery = draw(tmp_path / "p", 3), tmp_path / "g"
    build(folder, gallery, counting, progress=quiet)
    states = items.states(snapshot.live(gallery).path / snapshot.ITEMS)
    assert states.column("fingerprint").to_pylist() == ["", "", ""]
    assert all(len(content) == 64 for content in states.column("content").to_pylist())
    young = (folder / "0001.png").stat()
    (folder / "0001.png").write_bytes((folder / "0002.png").read_bytes().ljust(young.st_size))
    os.utime(folder / "0001.png", ns=(young.st_mtime_ns, young.st_mtime_ns))  # within the clock's granularity
    assert counts(build(folder, gallery, counting, progress=quiet))[:2] == (1, 2)


def test_nothing_is_reused_of_another_space_or_of_a_damaged_snapshot(
    tmp_path: Path, counting: Counting, draw: "Draw"
) -> None:
    folder, gallery = draw(tmp_path / "p", 3), tmp_path / "g"
    settle(folder)
    build(folder, gallery, counting, progress=quiet)
    own = counting.manifest
    counting.manifest = own.model_copy(update={"space_id": "f" * 64})
    assert counts(build(folder, gallery, counting, progress=quiet)) == (3, 0, 0)
    counting.manifest = own
    assert counts(build(folder, gallery, counting, progress=quiet)) == (3, 0, 0)
    assert counts(build(folder, gallery, counting, progress=quiet)) == (0, 3, 0)
    vectors = snapshot.live(gallery).path / snapshot.VECTORS
    damaged = bytearray(vectors.read_bytes())
    damaged[-1] ^= 1
    vectors.write_bytes(damaged)
    assert counts(build(folder, gallery, counting, progress=quiet)) == (3, 0, 0)


def test_what_a_killed_build_embedded_is_as_new_to_the_lists_as_before(
    tmp_path: Path, encoder: Encoder, draw: "Draw", monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, pictures = tmp_path / "g", draw(tmp_path / "p", 24)
    (tmp_path / "first").mkdir()
    for path in sorted(pictures.iterdir())[:12]:
        path.rename(tmp_path / "first" / path.name)
    build(tmp_path / "first", gallery, encoder, progress=quiet)

    def lists() -> str:
        (entry,) = (each for each in snapshot.live_manifest(gallery).files if each.file == snapshot.LISTS)
        return entry.sha256

    before = lists()
    with monkeypatch.context() as patch:
        patch.setattr("index.build.build.write", _killed)
        with pytest.raises(KeyboardInterrupt):
            build(pictures, gallery, encoder, max_loss=1, progress=quiet)
    assert counts(build(pictures, gallery, encoder, max_loss=1, progress=quiet)) == (0, 12, 0)
    assert lists() != before
    assert counts(build(pictures, gallery, encoder, progress=quiet)) == (0, 12, 0)
    assert snapshot.live_manifest(gallery).stale == 0


def _killed(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt

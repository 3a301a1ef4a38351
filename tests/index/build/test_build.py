"""A source becomes the live snapshot, whatever is wrong with single pictures and whenever the build is killed."""

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index.build.build import Built, build
from index.build.resume import BUILDING
from index.build.snapshot_writer import Progress
from index.gallery import Gallery
from index.search.request import SearchRequest
from index.sources.embedded import SkippedRow
from index.storage import snapshot
from index.vectors.encodings import IndexOptions
from models.arrays import normalised
from models.encoder import Encoder
from models.errors import ConfigError, GalleryError, JobRunning, SourceError
from tests.index.uploads import quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw


def ids_of(gallery: Path, encoder: Encoder) -> list[str]:
    opened = Gallery.open(gallery, space_id=encoder.manifest.space_id)
    vectors = np.load(snapshot.live(gallery).path / snapshot.VECTORS).astype(np.float32)
    return [found.hits[0].item.id for found in opened.view().search(vectors, [SearchRequest(k=1)] * len(vectors))]


@pytest.mark.slow
def test_a_folder_becomes_a_gallery_whose_vectors_are_the_encoders(
    tmp_path: Path, encoder: Encoder, draw: "Draw"
) -> None:
    folder = draw(tmp_path / "pictures", 130)
    seen: list[Progress] = []
    built = build(folder, tmp_path / "gallery", encoder, progress=seen.append)
    assert (built.items, list(built.skipped)) == (130, [])
    live = snapshot.live(tmp_path / "gallery")
    assert live.manifest.name == built.snapshot
    assert [shard.count for shard in live.manifest.shards] == [130]
    assert live.manifest.recall_at_10 >= 0.99
    pixels = np.stack([encoder.preprocess(path.read_bytes()) for path in sorted(folder.iterdir())])
    kept = np.load(live.path / snapshot.VECTORS).astype(np.float32)
    np.testing.assert_allclose(kept, encoder.gallery(pixels), atol=1e-3)
    assert ids_of(tmp_path / "gallery", encoder) == [f"{number:04d}" for number in range(130)]
    assert list(dict.fromkeys(each.stage for each in seen)) == ["read", "embed", "train", "write", "publish"]
    assert all(each.done <= each.total for each in seen)
    assert not (tmp_path / "gallery" / BUILDING).exists()


def test_bad_pictures_are_reported_by_name_and_lose_nothing(tmp_path: Path, encoder: Encoder, draw: "Draw") -> None:
    folder = draw(tmp_path / "pictures", 6)
    whole = (folder / "0001.png").read_bytes()
    (folder / "0001.png").write_bytes(whole[: len(whole) // 2])
    (folder / "0003.png").write_bytes(b"")
    (folder / "0004.png").write_text("this is no picture")
    (folder / "notes.txt").write_text("nor is this")
    table = tmp_path / "table.jsonl"
    names = [*(f"{number:04d}.png" for number in range(6)), "missing.png", "notes.txt", None]
    table.write_text(
        "".join(
            json.dumps({"id": str(number), "image": name and f"pictures/{name}"}) + "\n"
            for number, name in enumerate(names)
        )
    )
    built = build(table, tmp_path / "gallery", encoder, progress=quiet)
    assert built.items == 3
    assert [each.id for each in built.skipped] == ["1", "3", "4", "6", "7", "8"]
    assert built.skipped[3].uri == str(folder.parent.resolve() / "pictures/missing.png")
    assert all(each.reason for each in built.skipped)
    assert ids_of(tmp_path / "gallery", encoder) == ["0", "2", "5"]
    lines = (snapshot.live(tmp_path / "gallery").path / snapshot.SKIPPED).read_text().splitlines()
    assert [SkippedRow(**json.loads(line)) for line in lines] == list(built.skipped)


def test_a_source_without_one_usable_picture_is_refused_and_the_old_gallery_stays(
    tmp_path: Path, encoder: Encoder, draw: "Draw"
) -> None:
    first = build(draw(tmp_path / "pictures", 3), tmp_path / "gallery", encoder, progress=quiet)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "a.png").write_bytes(b"")
    with pytest.raises(SourceError, match="no usable image among 1 rows; the first, 'a'"):
        build(bad, tmp_path / "gallery", encoder, max_loss=1, progress=quiet)
    assert snapshot.current(tmp_path / "gallery") == first.snapshot


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["read", "embed", "train", "write", "publish"])
def test_a_build_that_fails_at_any_stage_leaves_the_old_gallery_and_the_next_one_succeeds(
    tmp_path: Path, encoder: Encoder, draw: "Draw", stage: str
) -> None:
    class Stop(Exception):
        """The disk is full, say."""

    def stop(progress: Progress) -> None:
        if progress.stage == stage:
            raise Stop

    gallery = tmp_path / "gallery"
    first = build(draw(tmp_path / "old", 3), gallery, encoder, progress=quiet)
    with pytest.raises(Stop):
        build(draw(tmp_path / "new", 4), gallery, encoder, progress=stop)
    assert snapshot.current(gallery) == first.snapshot
    assert len(Gallery.open(gallery, space_id=encoder.manifest.space_id).view()) == 3
    assert not list((gallery / snapshot.SNAPSHOTS).glob(f".{snapshot.DRAFT}*"))
    build(tmp_path / "new", gallery, encoder, progress=quiet)
    assert len(Gallery.open(gallery, space_id=encoder.manifest.space_id).view()) == 4


def test_a_second_build_of_one_gallery_is_refused_while_the_first_runs(
    tmp_path: Path, encoder: Encoder, draw: "Draw"
) -> None:
    folder = draw(tmp_path / "pictures", 3)
    refused: list[str] = []

    def again(progress: Progress) -> None:
        with pytest.raises(JobRunning) as raised:
            build(folder, tmp_path / "gallery", encoder, progress=quiet)
        refused.append(str(raised.value))

    build(folder, tmp_path / "gallery", encoder, progress=again)
    assert len(refused) > 4
    build(folder, tmp_path / "gallery", encoder, progress=quiet)


def test_a_file_whose_name_is_not_utf8_is_skipped_and_the_rest_goes_live(
    tmp_path: Path, encoder: Encoder, draw: "Draw"
) -> None:
    folder = draw(tmp_path / "pictures", 2)
    (folder / "0001.png").rename(folder / os.fsdecode(b"caf\xe9.png"))
    built = build(folder, tmp_path / "gallery", encoder, progress=quiet)
    assert (built.items, [each.id for each in built.skipped]) == (1, [r"caf\xe9"])
    lines = (snapshot.live(tmp_path / "gallery").path / snapshot.SKIPPED).read_text(encoding="utf-8").splitlines()
    assert [SkippedRow(**json.loads(line)) for line in lines] == list(built.skipped)


def test_a_gallery_whose_path_is_not_utf8_is_refused_at_once(tmp_path: Path, encoder: Encoder, draw: "Draw") -> None:
    seen: list[Progress] = []
    with pytest.raises(ConfigError, match=r"caf\\xe9.* is not UTF-8"):
        build(draw(tmp_path / "p", 1), tmp_path / os.fsdecode(b"caf\xe9"), encoder, progress=seen.append)
    assert not seen


@pytest.mark.parametrize(("source", "gallery"), [(".", "gallery"), (".", "."), ("pictures", ".")])
def test_a_gallery_beside_its_pictures_never_indexes_itself(
    tmp_path: Path, encoder: Encoder, draw: "Draw", source: str, gallery: str
) -> None:
    draw(tmp_path / "pictures", 3)
    for _ in range(2):
        built = build(tmp_path / source, tmp_path / gallery, encoder, progress=quiet)
        assert (built.items, list(built.skipped)) == (3, [])


def test_a_gallery_that_cannot_be_written_is_a_sentence(tmp_path: Path, encoder: Encoder, draw: "Draw") -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GalleryError, match="cannot be written"):
        build(draw(tmp_path / "pictures", 1), tmp_path / "file", encoder, progress=quiet)


@pytest.mark.slow
def test_the_last_three_snapshots_are_kept(tmp_path: Path, encoder: Encoder, draw: "Draw") -> None:
    folder, gallery = tmp_path / "pictures", tmp_path / "gallery"
    names = [build(draw(folder, count), gallery, encoder, progress=quiet).snapshot for count in range(2, 7)]
    kept = sorted(path.name for path in (gallery / snapshot.SNAPSHOTS).iterdir())
    assert kept == names[2:]
    snapshot.publish(gallery, names[2])  # rolled back
    newest = build(draw(folder, 7), gallery, encoder, progress=quiet).snapshot
    kept = sorted(path.name for path in (gallery / snapshot.SNAPSHOTS).iterdir())
    assert kept == [*names[3:], newest]


@pytest.mark.slow
def test_searches_go_on_while_the_gallery_is_rebuilt_and_swapped(
    tmp_path: Path, encoder: Encoder, draw: "Draw"
) -> None:
    gallery = tmp_path / "gallery"
    small, large = draw(tmp_path / "small", 20), draw(tmp_path / "large", 50)
    build(small, gallery, encoder, progress=quiet)
    query = normalised(np.random.default_rng(0).standard_normal((1, encoder.manifest.dimension)).astype(np.float32))
    stop = threading.Event()
    sizes: set[int] = set()
    failures: list[Exception] = []

    def search() -> None:
        try:
            while not stop.is_set():
                opened = Gallery.open(gallery, space_id=encoder.manifest.space_id)
                for _ in range(20):
                    sizes.add(len(opened.view().search(query, [SearchRequest(k=100)])[0].hits))
        except Exception as error:
            failures.append(error)

    searching = threading.Thread(target=search)
    searching.start()
    for source in (large, small, large, small):
        build(source, gallery, encoder, max_loss=1, progress=quiet)
    stop.set()
    searching.join()
    assert not failures
    assert sizes <= {20, 50}
    assert len(Gallery.open(gallery, space_id=encoder.manifest.space_id).view()) == 20


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_pictures_than_shards_are_a_gallery(tmp_path: Path, encoder: Encoder, draw: "Draw", count: int) -> None:
    built: Built = build(
        draw(tmp_path / "p", count), tmp_path / "g", encoder, shape=IndexOptions(shards=4), progress=quiet
    )
    assert built.items == count
    assert ids_of(tmp_path / "g", encoder) == [f"{number:04d}" for number in range(count)]


def test_no_shards_are_refused(tmp_path: Path, encoder: Encoder) -> None:
    with pytest.raises(ConfigError, match="0 shards"):
        build(tmp_path, tmp_path / "gallery", encoder, shape=IndexOptions(shards=0), progress=quiet)

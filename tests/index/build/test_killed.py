"""A build that is killed or fails midway goes on from its chunks, and leaves a whole gallery."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index.build.build import build
from index.build.embed import BATCH
from index.build.read_ahead import READERS
from index.build.resume import BUILDING, CHUNK_IMAGES
from index.gallery import Gallery
from index.storage import snapshot
from models.arrays import Embeddings, Pixels, normalised
from models.encoder import Encoder
from models.errors import BundleBroken
from models.preprocess import Box
from tests.index.uploads import quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw


def vectors_of(gallery: Path) -> bytes:
    return (snapshot.live(gallery).path / snapshot.VECTORS).read_bytes()


def test_a_killed_build_goes_on_where_it_stopped_and_ends_the_same(
    tmp_path: Path, encoder: Encoder, bundle: Path, draw: "Draw"
) -> None:
    folder = draw(tmp_path / "pictures", 2 * CHUNK_IMAGES + 60)
    (folder / "0003.png").write_bytes(b"")
    for path in folder.iterdir():  # settled, for a file that was only just changed is stored without a fingerprint
        os.utime(path, (1_000_000_000, 1_000_000_000))
    gallery = tmp_path / "gallery"
    command = [sys.executable, "-m", "index", "build", str(folder), "--gallery", str(gallery), "--bundle", str(bundle)]
    root = Path(__file__).parents[3]
    with subprocess.Popen([*command, "--progress", "json"], cwd=root, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            record = json.loads(line)
            if record["stage"] == "embed" and record["done"] > CHUNK_IMAGES:
                break
        child.send_signal(signal.SIGKILL)
    assert not (gallery / snapshot.CURRENT).exists()
    assert len(list((gallery / BUILDING).glob("*/chunk-*.npz"))) == 1
    built = build(folder, gallery, encoder, progress=quiet)
    assert (built.embedded, built.reused) == (CHUNK_IMAGES + 59, CHUNK_IMAGES)
    fresh = build(folder, tmp_path / "fresh", encoder, progress=quiet)
    assert built.items == fresh.items == 2 * CHUNK_IMAGES + 59
    assert [each.id for each in built.skipped] == ["0003"]
    assert list(built.skipped) == list(fresh.skipped)
    for name in (snapshot.VECTORS, snapshot.ITEMS, snapshot.SKIPPED, "shard-0000.faiss"):
        one, other = (snapshot.live(path).path / name for path in (gallery, tmp_path / "fresh"))
        assert one.read_bytes() == other.read_bytes(), name


def test_a_model_that_fails_midway_is_one_sentence_at_once_and_keeps_the_finished_chunks(
    tmp_path: Path, bundle: Path, draw: "Draw"
) -> None:
    class Failing(Encoder):
        """Fails at the first batch of the second chunk, while slow pictures behind it still wait to be read."""

        fails = True

        def preprocess(self, data: bytes, *, max_pixels: int = 1 << 24, box: Box | None = None) -> Pixels:
            if self.fails and data == slow:
                assert failed.wait(10)
                next(late)
                time.sleep(0.1)
            return np.zeros((3, 2, 2), dtype=np.uint8)

        def gallery(self, pixels: Pixels) -> Embeddings:
            if self.fails and next(batches) == CHUNK_IMAGES // BATCH:
                failed.set()
                raise BundleBroken("the graph failed: out of memory")
            return normalised(np.ones((len(pixels), self.manifest.dimension), dtype=np.float32))

    late, batches, failed = itertools.count(), itertools.count(), threading.Event()
    slow = (draw(tmp_path, 2) / "0001.png").read_bytes()
    encoder = Failing.open(bundle)
    assert isinstance(encoder, Failing)
    table = tmp_path / "table.jsonl"
    with table.open("w") as file:
        for number in range(CHUNK_IMAGES + 10 * BATCH):
            file.write(f'{{"id": "{number}", "image": "{number // (CHUNK_IMAGES + BATCH):04d}.png"}}\n')
    gallery = tmp_path / "gallery"
    with pytest.raises(BundleBroken, match=r"^the graph failed: out of memory$"):
        build(table, gallery, encoder, progress=quiet)
    assert next(late) <= 2 * READERS  # the others were not waited for
    assert len(list((gallery / BUILDING).glob("*/chunk-*.npz"))) == 1
    assert not (gallery / snapshot.CURRENT).exists()
    encoder.fails = False
    built = build(table, gallery, encoder, progress=quiet)
    assert (built.items, built.embedded) == (CHUNK_IMAGES + 10 * BATCH, 9 * BATCH)  # the first picture is known


@pytest.mark.parametrize("stage", ["read", "train", "write", "publish"])
def test_a_build_killed_at_any_stage_leaves_a_whole_gallery(
    tmp_path: Path, encoder: Encoder, bundle: Path, draw: "Draw", stage: str
) -> None:
    gallery, old, new = tmp_path / "gallery", draw(tmp_path / "old", 3), draw(tmp_path / "new", 4)
    build(old, gallery, encoder, progress=quiet)
    command = [sys.executable, "-m", "index", "build", str(new), "--gallery", str(gallery), "--bundle", str(bundle)]
    root = Path(__file__).parents[3]
    with subprocess.Popen([*command, "--progress", "json"], cwd=root, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if json.loads(line)["stage"] == stage:
                break
        child.send_signal(signal.SIGKILL)
    assert len(Gallery.open(gallery, space_id=encoder.manifest.space_id).view()) in (3, 4)
    build(new, gallery, encoder, progress=quiet)
    assert len(Gallery.open(gallery, space_id=encoder.manifest.space_id).view()) == 4
    names = sorted(path.name for path in (gallery / snapshot.SNAPSHOTS).iterdir())
    assert all(snapshot.NAME.fullmatch(name) for name in names)
    assert not (gallery / BUILDING).exists()

"""Parts of a source, embedded by processes of their own: a build finds each vector, and the gallery is the same."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from index.build.build import build
from index.build.embed_part import SourcePart, embed_part
from index.build.resume import BUILDING, CHUNK_IMAGES
from index.storage import snapshot
from models.encoder import Encoder
from models.errors import ConfigError, SourceError
from tests.index.uploads import quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw

ROOT = Path(__file__).parents[3]


def files_of(gallery: Path) -> list[bytes]:
    names = (snapshot.VECTORS, snapshot.ITEMS, snapshot.SKIPPED, "shard-0000.faiss")
    return [(snapshot.live(gallery).path / name).read_bytes() for name in names]


def test_a_gallery_of_parts_is_that_of_one_machine_though_one_is_killed(
    tmp_path: Path, encoder: Encoder, bundle: Path, draw: "Draw"
) -> None:
    folder = draw(tmp_path / "pictures", 2 * CHUNK_IMAGES + 60)
    (folder / "0003.png").write_bytes(b"")
    blocks = tmp_path / "blocks"
    command = [sys.executable, "-m", "index", "embed", str(folder), "--blocks", str(blocks), "--bundle", str(bundle)]
    with subprocess.Popen(
        [*command, "--part", "1/1", "--progress", "json"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        for line in killed.stdout:
            if json.loads(line)["done"] > CHUNK_IMAGES:
                break
        killed.send_signal(signal.SIGKILL)
    parts = [
        subprocess.Popen([*command, "--part", f"{number}/2"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for number in (1, 2)
    ]
    answers = [part.communicate(timeout=120)[0] for part in parts]
    assert [part.returncode for part in parts] == [0, 0]
    assert answers[0].startswith(f"part 1/2: {CHUNK_IMAGES + 30} images (") and "1 skipped" in answers[1]
    again = embed_part(str(folder), SourcePart(1, 3), encoder, gallery=None, blocks=str(blocks), progress=quiet)
    assert (again.embedded, again.known + len(again.skipped)) == (0, again.images)

    built = build(folder, tmp_path / "gallery", encoder, blocks=str(blocks), progress=quiet)
    assert (built.embedded, built.reused) == (0, 2 * CHUNK_IMAGES + 59)
    assert list(blocks.glob("*/chunk-*.npz"))  # of others, too
    build(folder, tmp_path / "alone", encoder, progress=quiet)
    assert files_of(tmp_path / "gallery") == files_of(tmp_path / "alone")


def test_parts_know_the_live_snapshot_and_lie_in_the_gallery(tmp_path: Path, encoder: Encoder, draw: "Draw") -> None:
    folder, gallery = draw(tmp_path / "pictures", 8), tmp_path / "gallery"
    build(folder, gallery, encoder, progress=quiet)
    draw(tmp_path / "pictures", 12)
    done = [
        embed_part(str(folder), SourcePart(number, 2), encoder, gallery=gallery, progress=quiet) for number in (1, 2)
    ]
    assert sum(part.images for part in done) == 12
    assert sum(part.embedded for part in done) + sum(part.known for part in done) == 12
    built = build(folder, gallery, encoder, progress=quiet)
    assert (built.items, built.embedded) == (12, 0)
    assert not (gallery / BUILDING).exists()


def test_an_image_that_cannot_be_had_is_reported_and_the_others_are_embedded(
    tmp_path: Path, encoder: Encoder, draw: "Draw"
) -> None:
    folder = draw(tmp_path / "pictures", 3)
    table = folder / "table.csv"
    table.write_text("id,image\na,0000.png\nb,http://127.0.0.1:9/none.png\nc,0002.png\n")
    done = embed_part(str(table), SourcePart(1, 1), encoder, gallery=tmp_path / "gallery", progress=quiet)
    assert (done.images, done.embedded, [row.id for row in done.skipped]) == (3, 2, ["b"])


def test_a_part_that_is_none_and_a_missing_place_are_refused(tmp_path: Path, encoder: Encoder) -> None:
    for text in ("0/3", "4/3", "3", "a/b", "-1/3", ""):
        with pytest.raises(ConfigError, match="as 3/8"):
            SourcePart.parse(text)
    assert str(SourcePart.parse("3/8")) == "3/8"
    with pytest.raises(ConfigError, match="add --gallery DIR, or --blocks"):
        embed_part("x", SourcePart(1, 1), encoder, gallery=None, progress=quiet)
    with pytest.raises(SourceError):
        embed_part(str(tmp_path / "absent.csv"), SourcePart(1, 1), encoder, gallery=tmp_path, progress=quiet)

"""A gallery that changes filled is built again from its own items, also into the space of another model."""

import copy
import shutil
from pathlib import Path

import pytest

from index.__main__ import main
from index.build.build import build
from index.build.create import create
from index.edits import Put
from index.gallery import Gallery
from index.storage import snapshot
from index.storage.changes import Delete
from models.encoder import Encoder
from models.errors import LossRefused
from tests.index.build.test_create import puts
from tests.index.uploads import apply, opened, picture, quiet


@pytest.fixture
def filled(tmp_path: Path, encoder: Encoder) -> Path:
    create(tmp_path / "gallery", encoder.manifest)
    assert apply(puts(range(12)), opened(tmp_path / "gallery", encoder), encoder) == [None] * 12
    return tmp_path / "gallery"


@pytest.fixture
def other(encoder: Encoder) -> Encoder:
    """The same model as one of another space."""
    other = copy.copy(encoder)
    other.manifest = encoder.manifest.model_copy(update={"space_id": "another"})
    return other


def items(gallery: Gallery) -> dict[str, object]:
    """Return the number of each item."""
    return {item.id: item.attributes["number"] for item in map(gallery.view().item, gallery.view().ids)}


def test_the_items_of_a_gallery_move_to_another_space(filled: Path, encoder: Encoder, other: Encoder) -> None:
    before = items(opened(filled, encoder))
    built = build(None, filled, other, progress=quiet)
    assert (built.items, built.embedded, built.reused) == (12, 12, 0)
    assert (snapshot.live_manifest(filled).space_id, snapshot.live_manifest(filled).source) == ("another", "")
    gallery = opened(filled, other)
    assert items(gallery) == before and gallery.changes == 0
    assert apply([*puts([20]), Delete("i3")], gallery, other) == [None, None]
    built = build(None, filled, other, progress=quiet)
    assert (built.items, built.embedded) == (12, 1)
    assert sorted(items(opened(filled, other))) == sorted({*before, "i20"} - {"i3"})


def test_a_moved_gallery_reads_the_images_where_they_are_now(
    filled: Path, encoder: Encoder, other: Encoder, tmp_path: Path
) -> None:
    put = Put("two", [picture(1), picture(50)], {"number": 0})
    assert apply([put], opened(filled, encoder), encoder) == [None]
    moved = tmp_path / "elsewhere"
    shutil.move(filled, moved)
    built = build(None, moved, other, progress=quiet)
    assert (built.items, built.skipped) == (13, [])
    assert len(opened(moved, other).view().item("two").further) == 1


def test_a_killed_move_continues_from_what_it_embedded(
    filled: Path, other: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.build.build.write", _fail)
    with pytest.raises(KeyboardInterrupt):
        build(None, filled, other, progress=quiet)
    monkeypatch.undo()
    assert snapshot.live_manifest(filled).space_id != "another"
    built = build(None, filled, other, progress=quiet)
    assert (built.items, built.embedded) == (12, 0)


def test_lost_images_refuse_the_move_until_the_loss_is_accepted(filled: Path, other: Encoder) -> None:
    stored = sorted(path for path in (filled / "uploaded").rglob("*") if path.is_file())
    stored[0].unlink()
    with pytest.raises(LossRefused, match="rows cannot be used"):
        build(None, filled, other, progress=quiet)
    built = build(None, filled, other, max_loss=0.1, progress=quiet)
    assert (built.items, len(built.skipped)) == (11, 1)


def test_an_empty_gallery_moves_too(tmp_path: Path, encoder: Encoder, other: Encoder) -> None:
    create(tmp_path, encoder.manifest)
    assert build(None, tmp_path, other, progress=quiet).items == 0
    gallery = opened(tmp_path, other)
    assert apply(puts([1]), gallery, other) == [None]


def test_the_command_takes_the_last_source_or_the_items(
    filled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "--gallery", str(filled)]) == 0
    assert capsys.readouterr().out.startswith("12 items (")
    (tmp_path / "a.png").write_bytes(picture(100))
    (tmp_path / "t.csv").write_text("SKU,photo\n1,a.png\n")
    table = [str(tmp_path / "t.csv"), "--map", "id=SKU", "--map", "image=photo"]
    assert main(["build", *table, "--gallery", str(filled), "--max-loss", "1"]) == 0
    assert main(["build", "--gallery", str(filled)]) == 0
    assert "nothing changed" in capsys.readouterr().err
    assert main(["build", "--gallery", str(tmp_path / "none")]) == 2
    assert "no gallery is at" in capsys.readouterr().err
    assert main(["build", "--dry-run"]) == 2


def _fail(*_: object, **__: object) -> None:
    raise KeyboardInterrupt

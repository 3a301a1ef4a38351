"""An uploaded image whose file is damaged is named, never used, and whole again when it is put again."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from index import uploads
from index.build.build import build
from index.edits import Put
from index.sources.image_bytes import read_image
from index.sources.rows import SourceRow
from models.encoder import Encoder
from models.errors import UnreadableImage
from tests.index.uploads import apply, opened, picture, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw


@pytest.fixture
def folder(tmp_path: Path, encoder: Encoder, draw: "Draw") -> Path:
    build(draw(tmp_path / "images", 3), tmp_path / "gallery", encoder, progress=quiet)
    return tmp_path / "gallery"


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_a_damaged_upload_is_named_until_it_is_put_again(folder: Path, encoder: Encoder, damage: str) -> None:
    gallery = opened(folder, encoder)
    assert apply([Put("hat", [picture(7)], {})], gallery, encoder) == [None]
    path = Path(gallery.view().item("hat").uri)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-1], "flipped": whole[:40] + b"?" + whole[41:], "emptied": b""}[damage])
    row = SourceRow("hat", str(path), {})
    with pytest.raises(UnreadableImage, match=f"{path.name} is damaged"):
        read_image(row)
    assert apply([Put("hat", [picture(7)], {})], gallery, encoder) == [None]
    assert read_image(row) == path.read_bytes() == whole


def test_a_build_skips_a_damaged_upload_by_name(tmp_path: Path, folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    assert apply([Put("hat", [picture(7)], {}), Put("shoe", [picture(8)], {})], gallery, encoder) == [None, None]
    hat, shoe = (Path(gallery.view().item(id).uri) for id in ("hat", "shoe"))
    hat.write_bytes(shoe.read_bytes())  # an image, but another one
    (tmp_path / "t.csv").write_text(f"id,image\nhat,{hat}\nshoe,{shoe}\n")
    built = build(tmp_path / "t.csv", tmp_path / "other", encoder, progress=quiet)
    assert [(each.id, hat.name in each.reason and "damaged" in each.reason) for each in built.skipped] == [
        ("hat", True)
    ]


def test_an_uploaded_table_stays_while_it_is_a_source(tmp_path: Path) -> None:
    first, second = (uploads.store_table(tmp_path, data, ".csv") for data in (b"id,image\n", b"id;image\n"))
    assert uploads.store_table(tmp_path, b"id,image\n", ".csv") == first
    uploads.remove_unused_tables(tmp_path, {str(second)})
    assert first.exists()  # young: its build may not have ended
    uploads.remove_unused_tables(tmp_path, {str(second)}, older_s=-1)
    assert (first.exists(), second.read_bytes()) == (False, b"id;image\n")

"""Writing a shop: complete, resumable, and never over another folder."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from models.errors import InputError
from training.catalogue.contact_sheet import contact_sheet
from training.catalogue.triplets import triplets
from training.catalogue.world.sample import catalogue
from training.catalogue.world.world import CATEGORIES
from training.catalogue.write import Written, read_triplets, write


def write_small(out: Path, *, seed: int = 7, workers: int = 1, force: bool = False, triplets: int = 6) -> Written:
    return write(
        out,
        split="test",
        products=40,
        triplets=triplets,
        size=32,
        seed=seed,
        workers=workers,
        force=force,
        progress=False,
    )


def bytes_of(out: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_shop_is_written_whole(tmp_path: Path) -> None:
    assert write_small(tmp_path / "shop") == Written(products=40, triplets=6, drawn=40, kept=0)
    table = pq.read_table(tmp_path / "shop" / "items.parquet")
    shop = catalogue(40, split="test", seed=7)
    rows = table.to_pylist()
    assert [row["id"] for row in rows] == [product.id for product in shop]
    for row, product in zip(rows, shop, strict=True):
        with Image.open(tmp_path / "shop" / row["image"]) as picture:
            assert picture.size == (32, 32)
        look = {name: row[name] for kind in CATEGORIES.values() for name in kind.attributes if row[name] is not None}
        paint = {name: row[name] for name in ("colour", "pattern", "second_colour") if row[name] is not None}
        assert {**paint, **look} == product.look
        assert (row["brand"], row["price"], row["in_stock"]) == (product.brand, product.price, product.in_stock)
    assert read_triplets(tmp_path / "shop" / "triplets.jsonl") == triplets(shop, 6, seed=7)
    assert json.loads((tmp_path / "shop" / "catalogue.json").read_text())["seed"] == 7
    assert not list((tmp_path / "shop").rglob("*.part.*"))


def test_an_interrupted_shop_is_finished_and_ends_the_same(tmp_path: Path) -> None:
    write_small(tmp_path)
    whole = bytes_of(tmp_path)
    gone = sorted((tmp_path / "images").iterdir())[:15]
    for path in gone:
        path.unlink()
    (tmp_path / "items.parquet").unlink()
    kept = next((tmp_path / "images").iterdir()).stat().st_mtime_ns
    assert write_small(tmp_path) == Written(products=40, triplets=6, drawn=15, kept=25)
    assert next(path for path in (tmp_path / "images").iterdir() if path not in gone).stat().st_mtime_ns == kept
    assert bytes_of(tmp_path) == whole


LEFT_BEHIND: Mapping[str, Mapping[str, bytes]] = {
    "nothing": {},
    "half of the parameters": {".catalogue.0123456789abcdef.part.json": b'{"vers'},
    "half a table": {".items.0123456789abcdef.part.parquet": b"PAR1"},
}


@pytest.mark.slow
@pytest.mark.parametrize("left", LEFT_BEHIND)
@pytest.mark.parametrize("kept", [(), ("catalogue.json",), ("catalogue.json", "images"), ("images",)])
def test_whatever_an_interruption_left_the_same_call_finishes_it(
    tmp_path: Path, left: str, kept: Sequence[str]
) -> None:
    write_small(tmp_path)
    whole = bytes_of(tmp_path)
    for name in {"catalogue.json", "items.parquet", "triplets.jsonl"} - set(kept):
        (tmp_path / name).unlink()
    if "images" not in kept:
        shutil.rmtree(tmp_path / "images")
    for name, content in LEFT_BEHIND[left].items():
        (tmp_path / name).write_bytes(content)
    write_small(tmp_path)
    for name in LEFT_BEHIND[left]:
        (tmp_path / name).unlink(missing_ok=True)
    assert bytes_of(tmp_path) == whole


def test_pictures_whose_parameters_are_lost_are_drawn_anew(tmp_path: Path) -> None:
    write_small(tmp_path / "other", seed=8)
    shutil.copytree(tmp_path / "other" / "images", tmp_path / "shop" / "images")
    assert write_small(tmp_path / "shop").kept == 0
    write_small(tmp_path / "fresh")
    assert bytes_of(tmp_path / "shop") == bytes_of(tmp_path / "fresh")


def test_a_folder_of_somebodys_pictures_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "wedding.jpg").write_bytes(b"us")
    with pytest.raises(InputError, match="not a drawn catalogue"):
        write_small(tmp_path, force=True)
    assert bytes_of(tmp_path) == {"images/wedding.jpg": b"us"}


def test_while_pictures_are_missing_there_is_no_table_of_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small(tmp_path)
    shutil.rmtree(tmp_path / "images")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.catalogue.draw.draw.draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_small(tmp_path)
    assert not (tmp_path / "items.parquet").exists()


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
def test_a_path_that_is_a_file_or_below_one_is_refused_in_one_sentence(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("words")
    with pytest.raises(InputError, match="name a"):
        write_small(tmp_path / "file" / below)


@pytest.mark.slow
def test_two_processes_draw_what_one_draws(tmp_path: Path) -> None:
    write_small(tmp_path / "one")
    write_small(tmp_path / "two", workers=2)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_a_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for force in (False, True):
        with pytest.raises(InputError, match="not a drawn catalogue"):
            write_small(tmp_path, force=force)
    assert bytes_of(tmp_path) == {"thesis.txt": b"years of work"}


def test_another_json_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "catalogue.json").write_text("[1]")
    with pytest.raises(InputError, match=r"catalogue\.json"):
        write_small(tmp_path, force=True)


def test_other_parameters_are_refused_unless_forced(tmp_path: Path) -> None:
    write_small(tmp_path)
    with pytest.raises(InputError, match="--force"):
        write_small(tmp_path, seed=8)
    assert write_small(tmp_path, seed=8, force=True).drawn == 40
    write_small(tmp_path.parent / "fresh", seed=8)
    assert bytes_of(tmp_path) == bytes_of(tmp_path.parent / "fresh")


def test_more_triplets_than_there_are_is_said_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fewer"):
        write_small(tmp_path / "shop", triplets=5000)
    assert not (tmp_path / "shop").exists()


def test_a_forced_call_that_is_refused_keeps_what_was_there(tmp_path: Path) -> None:
    write_small(tmp_path)
    before = bytes_of(tmp_path)
    with pytest.raises(InputError, match="fewer"):
        write_small(tmp_path, triplets=5000, force=True)
    assert bytes_of(tmp_path) == before


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'tset'"):
        write(tmp_path, split="tset", products=4, triplets=1, size=32, seed=1, workers=1)


def test_a_contact_sheet_has_a_cell_for_every_product() -> None:
    sheet = contact_sheet(catalogue(5, split="test", seed=7), columns=3, size=64)
    assert sheet.mode == "RGB"
    assert sheet.width == 3 * 74 + 10
    assert sheet.height == 2 * (74 + 56) + 10
    assert sheet.getpixel((sheet.width - 20, sheet.height - 100)) == (255, 255, 255)  # the sixth cell is empty

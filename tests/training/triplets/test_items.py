"""Images of a folder, or of a table with classes and product data; no duplicates, and missing files are refused."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.errors import InputError
from training.triplets import items
from training.triplets.config import FolderImages, TableImages


def table(folder: Path, *rows: tuple[str, ...]) -> TableImages:
    with (folder / "items.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "image", "kind", "colour"), *rows])
    return TableImages(source="table", table=str(folder / "items.csv"), meta_class="kind", products=("colour",))


def test_the_first_sub_folder_is_the_class(pictures: Path, draw: Callable[[Path, int], Path]) -> None:
    draw(pictures / "hats" / "straw" / "a.png", 90)
    draw(pictures / "loose.jpg", 91)
    draw(pictures / ".thumbnails" / "a.jpg", 92)
    (pictures / "hats" / "notes.txt").write_text("no picture")
    found = items.read(FolderImages(source="folder", folder=str(pictures)))
    classes = {item.name: item.meta_class for item in found.items}
    assert len(classes) == 14 and classes["hats/straw/a.png"] == "hats" and classes["loose.jpg"] == ""
    assert {classes[f"coats/{number:02}.jpg"] for number in (1, 3, 5, 7, 9, 11)} == {"coats"}
    assert all(found.folder / item.name == item.path for item in found.items)


def test_a_table_names_pictures_classes_and_facts(pictures: Path) -> None:
    section = table(pictures, ("1", "coats/01.jpg", "coat", "red"), ("2", "hats/00", "hat", ""))
    found = items.read(section)
    assert [(item.name, item.meta_class, dict(item.facts)) for item in found.items] == [
        ("coats/01.jpg", "coat", {"colour": "red"}),
        ("hats/00.jpg", "hat", {"colour": ""}),  # the suffix may be left out
    ]
    assert all((found.folder / item.name).is_file() for item in found.items)


def test_the_same_picture_under_two_names_is_one(pictures: Path) -> None:
    shutil.copy(pictures / "hats" / "00.jpg", pictures / "hats" / "twin.jpg")
    found = items.read(FolderImages(source="folder", folder=str(pictures)))
    assert found.same_images == 1 and len(found.items) == 12
    assert "hats/twin.jpg" not in {item.name for item in found.items}


def test_a_row_without_a_class_is_left_out_and_counted(pictures: Path) -> None:
    found = items.read(table(pictures, ("1", "coats/01.jpg", "coat", ""), ("2", "hats/00.jpg", " ", "")))
    assert found.without_class == 1 and len(found.items) == 1


def test_missing_pictures_and_ids_that_are_not_one_each_are_refused(pictures: Path) -> None:
    with pytest.raises(InputError, match=r"2 rows .*\('2', '3'\)"):
        items.read(table(pictures, ("1", "coats/01", "c", ""), ("2", "coats/99", "c", ""), ("3", "", "c", "")))
    with pytest.raises(InputError, match="row 2: the id '1'"):
        items.read(table(pictures, ("1", "coats/01", "c", ""), ("1", "coats/03", "c", "")))
    with pytest.raises(InputError, match="no images"):
        items.read(FolderImages(source="folder", folder=str(pictures / "none")))

"""Suggestions of a small gallery: what was typed, with and without slips, live with changes, and within a deadline."""

import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from index.build.build import build
from index.gallery import Gallery
from index.search.deadline import Deadline
from index.search.suggestions import Suggestion
from index.storage.changes import Delete
from models.encoder import Encoder
from tests.index.lexical.test_lexical_gallery import opened, put, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw

TITLES = (
    "Fjord red dress", "Fjord red dress", "Cove red dressing gown", "Fjord blue dress", "Cove red drum lamp",
    "Hazel grey coat", "Hazel Crêpe coat", "Dune & Daughters red coat", "Cove green lamp", "Fjord t-shirt",
)  # fmt: skip


@pytest.fixture
def gallery(tmp_path: Path, draw: "Draw", encoder: Encoder) -> Gallery:
    images = sorted(draw(tmp_path / "images", len(TITLES)).iterdir())
    with (tmp_path / "items.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "title", "brand", "category", "sku"])
        for number, (image, title) in enumerate(zip(images, TITLES, strict=True)):
            brand = "Dune & Daughters" if "&" in title else title.split()[0]
            writer.writerow([f"i{number}", image, title, brand, title.split()[-1].title(), f"DR-{number}"])
    build(tmp_path / "items.csv", tmp_path / "gallery", encoder, progress=quiet)
    return opened(tmp_path / "gallery", encoder)


def best(gallery: Gallery, text: str, limit: int = 20) -> Sequence[Suggestion]:
    return gallery.view().suggestions(text, limit=limit, deadline=Deadline())


def texts(gallery: Gallery, text: str, limit: int = 20) -> list[str]:
    return [each.text for each in best(gallery, text, limit)]


def test_only_words_that_items_have_together_are_suggested(gallery: Gallery) -> None:
    found = best(gallery, "red dr")
    assert found[0] == Suggestion("red dress", None, 2)
    others = {
        Suggestion("red dressing", None, 1),
        Suggestion("red drum", None, 1),
        Suggestion("Fjord red dress", "title", 2),
    }
    assert others < set(found)
    assert not any("blue" in each.text or "DR-" in each.text for each in found)
    assert texts(gallery, "green dr") == [] == texts(gallery, "qqq re")


def test_values_come_as_they_are_written_each_once(gallery: Gallery) -> None:
    assert best(gallery, "DU", limit=1) == [Suggestion("Dune & Daughters", "brand", 1)]
    assert "Crêpe" not in texts(gallery, "crepe") and "Hazel Crêpe coat" in texts(gallery, "CREPE")
    folded = [text.casefold() for text in texts(gallery, "f")]
    assert len(set(folded)) == len(folded) and "fjord" in folded
    assert best(gallery, "t-sh")[0] == Suggestion("T-Shirt", "category", 1)


def test_slips_are_put_right_if_little_fits_as_it_stands(gallery: Gallery) -> None:
    assert texts(gallery, "drss")[0] == "Dress" == texts(gallery, "rdess")[0]
    assert texts(gallery, "fjrod dre")[0] == "fjord dress"
    assert "Dune & Daughters" in texts(gallery, "duaghetrs")  # two slips in nine letters
    assert texts(gallery, "rde") == []  # too short to tell
    assert texts(gallery, "dress")[0] == "Dress"  # what fits comes first


def test_a_finished_word_is_followed_by_others(gallery: Gallery) -> None:
    assert {"red", "red dress", "red coat"} <= set(texts(gallery, "red "))


def test_codes_are_suggested_once_a_digit_is_typed(gallery: Gallery) -> None:
    assert texts(gallery, "dr-7") == ["DR-7"] and best(gallery, "i3")[0] == Suggestion("i3", "id", 1)
    assert "i3" not in texts(gallery, "i")


def test_nothing_typed_gives_the_most_frequent_values(gallery: Gallery) -> None:
    found = best(gallery, " ", limit=3)
    assert found[0] == Suggestion("Fjord", "brand", 4) and len(found) == 3
    assert {each.attribute for each in best(gallery, "")} == {"brand", "category"}


def test_changes_count_at_once(gallery: Gallery, encoder: Encoder) -> None:
    gallery.change([put(encoder, "new", title="Zebra dress", brand="Zebra"), Delete("i5"), Delete("i6")])
    assert best(gallery, "zeb")[0] == Suggestion("Zebra", "brand", 1) and texts(gallery, "zerba")[0] == "Zebra"
    assert texts(gallery, "haz") == [] and "Hazel" not in texts(gallery, "")
    assert [each.count for each in best(gallery, "coat") if each.text == "Coat"] == [1]


def test_a_deadline_ends_the_work_and_long_texts_are_bounded(gallery: Gallery) -> None:
    over = Deadline(time.monotonic() - 1)
    assert len(gallery.view().suggestions("d", limit=20, deadline=over)) <= 3
    began = time.process_time()
    assert best(gallery, "dress " * 80) and best(gallery, "x" * 500) == []
    assert time.process_time() - began < 1

"""Folders as people keep them: links, loops, pipes and devices."""

import os
import socket
from pathlib import Path

import pytest

from index.sources.image_bytes import read_image
from index.sources.rows import SourceRow, rows
from models.errors import UnreadableImage


def ids(folder: Path, notes: list[str], *, without: list[Path] | None = None) -> list[str]:
    return [row.id for row in rows(folder, without=without or [], note=notes.append)]


def touched(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    touched(tmp_path / "other/deep/shoe.png")
    touched(tmp_path / "source/hat.png")
    (tmp_path / "source/shoes").symlink_to("../other")
    notes: list[str] = []
    assert ids(tmp_path / "source", notes) == ["hat", "shoes/deep/shoe"]
    assert notes == []


def test_a_folder_is_read_once_however_many_links_lead_to_it(tmp_path: Path) -> None:
    touched(tmp_path / "a/hat.png")
    touched(tmp_path / "z/shoe.png")
    (tmp_path / "a/up").symlink_to("..")
    (tmp_path / "a/again").symlink_to("../z")
    (tmp_path / "itself").symlink_to("itself")
    notes: list[str] = []
    assert ids(tmp_path, notes) == ["a/hat", "itself", "z/shoe"]
    assert len(notes) == 2 and any("a/up" in note for note in notes) and any("a/again" in note for note in notes)


def test_a_link_into_a_folder_that_is_left_out_is_left_out(tmp_path: Path) -> None:
    touched(tmp_path / "gallery/uploaded/hat.png")
    touched(tmp_path / "source/shoe.png")
    (tmp_path / "source/link").symlink_to("../gallery/uploaded")
    assert ids(tmp_path / "source", [], without=[tmp_path / "gallery"]) == ["shoe"]


def test_pipes_sockets_and_devices_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touched(tmp_path / "hat.png")
    os.mkfifo(tmp_path / "pipe.png")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.png")
        notes: list[str] = []
        assert ids(tmp_path, notes) == ["hat"]
    assert sorted(note.split()[0] for note in notes) == ["pipe.png", "socket.png"]
    for path in (str(tmp_path / "pipe.png"), "/dev/zero", str(tmp_path)):
        with pytest.raises(UnreadableImage, match="no regular file"):
            read_image(SourceRow("a", path, {}))


def test_a_link_to_a_parent_of_the_gallery_leaves_the_gallery_out(tmp_path: Path) -> None:
    touched(tmp_path / "data/gallery/uploaded/hat.png")
    touched(tmp_path / "data/gallery/CURRENT")
    touched(tmp_path / "data/lamp.png")
    touched(tmp_path / "source/shoe.png")
    (tmp_path / "source/all").symlink_to("../data")
    own = [tmp_path / "data/gallery/uploaded", tmp_path / "data/gallery/CURRENT"]
    assert ids(tmp_path / "source", [], without=own) == ["all/lamp", "shoe"]


@pytest.mark.parametrize("spelt", [".", "../feed", "{}"])
def test_images_of_a_folder_of_tables_do_not_depend_on_its_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelt: str
) -> None:
    touched(tmp_path / "feed/part-0.csv").write_text("id,image\na,images/a.png\n")
    monkeypatch.chdir(tmp_path / "feed")
    (row,) = rows(Path(spelt.format(tmp_path / "feed")))
    assert row.image == str(tmp_path.resolve() / "images/a.png")

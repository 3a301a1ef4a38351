"""Nothing is left out but what a skip file names, and what is wrong is said in one sentence."""

from pathlib import Path

import pytest

from models.errors import InputError
from training.data.images import Images
from training.data.rows import Captioned, Flaw, LoadedRows, skipped, write_skipped
from training.data.texts import Texts


def found(*flaws: Flaw) -> LoadedRows[Captioned]:
    pictures = Images.of_files(["a", "b", "c"], ["/a.jpg", "/b.jpg", "/c.jpg"])
    return LoadedRows(source="shop", rows=Captioned(pictures, Texts.from_strings(["one", "two", "three"])), flaws=flaws)


def test_a_source_without_flaws_is_whole() -> None:
    assert list(found().whole(skip=None).captions) == ["one", "two", "three"]


def test_flaws_are_refused_with_their_number_the_first_names_and_the_way_out() -> None:
    flaws = [*(Flaw(f"n{number}", "no image") for number in range(5)), Flaw("x", "blank text")]
    with pytest.raises(InputError) as refused:
        found(*flaws).whole(skip=None)
    assert str(refused.value) == (
        "shop: 6 rows of 9 cannot be used, no image: 'n0', 'n1', 'n2', …; blank text: 'x': list them with"
        ' `likebut data check … --skip-file FILE`, then mend them or leave them out with skip = "FILE"'
    )


def test_a_written_skip_file_makes_the_source_whole_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flaws = [Flaw("x y", "no image", "x.jpg\nor so"), Flaw("b", "broken image"), Flaw("b", "blank text")]
    write_skipped(tmp_path / "skip", flaws)
    assert (tmp_path / "skip").read_text() == "x y\tno image x.jpg or so\nb\tbroken image\n"
    assert skipped(tmp_path / "skip") == {"x y", "b"}
    rows = found(flaws[0]).whole(skip=tmp_path / "skip")
    assert list(rows.captions) == ["one", "three"] and list(rows.names) == ["a", "c"]
    assert capsys.readouterr().err == f"shop: 2 rows left out as {tmp_path / 'skip'} says\n"


def test_only_what_the_file_names_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "skip").write_text("x\n\n")
    with pytest.raises(InputError, match="1 row of 4 cannot be used, no image: 'y'"):
        found(Flaw("x", "no image"), Flaw("y", "no image")).whole(skip=tmp_path / "skip")


def test_a_skip_file_of_another_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "skip").write_text("a\nnowhere\n")
    with pytest.raises(InputError, match=r"names 1 row that shop does not have \('nowhere'\)"):
        found().whole(skip=tmp_path / "skip")
    with pytest.raises(InputError, match="cannot be read as a skip file"):
        found().whole(skip=tmp_path / "none")


def test_a_source_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    (tmp_path / "skip").write_text("a\nb\nc\n")
    with pytest.raises(InputError, match="shop has no rows"):
        found().whole(skip=tmp_path / "skip")

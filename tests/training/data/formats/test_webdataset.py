"""Tar shards as img2dataset writes them: every sample by seek, and none lost without a word."""

import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from models.errors import InputError
from training.data import shards
from training.data.formats import webdataset
from training.data.rows import Downloads, Flaw
from training.data.shards import INDEX

Draw = Callable[..., bytes]
Pack = Callable[[Path, Mapping[str, bytes]], Path]


def sample(key: str, picture: bytes, caption: str, *, suffix: str = "jpg") -> dict[str, bytes]:
    return {
        f"{key}.{suffix}": picture,
        f"{key}.json": json.dumps({"caption": caption.upper(), "key": key, "status": "success"}).encode(),
        f"{key}.txt": caption.encode(),
    }


@pytest.fixture
def folder(tmp_path: Path, draw: Draw, pack: Pack) -> Path:
    """Two shards of three and two samples, with what img2dataset leaves beside them."""
    kinds = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
    first = [sample(f"00000{i}", draw(i, kind=kinds[s]), f"caption {i}", suffix=s) for i, s in enumerate(kinds)]
    pack(tmp_path / "00000.tar", {name: data for files in first for name, data in files.items()})
    second = [sample(f"00001{i}", draw(10 + i), f" a longer caption, {i}\n") for i in range(2)]
    pack(tmp_path / "00001.tar", {name: data for files in second for name, data in files.items()})
    (tmp_path / "00000_stats.json").write_text("{}")
    (tmp_path / "00000.parquet").write_bytes(b"")
    return tmp_path


def test_the_samples_are_what_the_tar_says(folder: Path) -> None:
    rows = webdataset.find(str(folder), caption="txt").whole(skip=None)
    expected = []
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as tar:
            opened = {member.name: tar.extractfile(member) for member in tar}
            files = {name: file.read() for name, file in opened.items() if file is not None}
        for name in files:
            key, _, suffix = name.partition(".")
            if suffix in ("jpg", "png", "webp"):
                expected.append((f"{shard.name}/{key}", files[name], files[f"{key}.txt"].decode().strip()))
    found = [(rows.names[row], rows.images.read(row), rows.captions[row]) for row in range(len(rows))]
    assert found == expected and len(found) == 5


def test_a_pattern_names_the_shards_and_a_field_the_caption(folder: Path) -> None:
    rows = webdataset.find(f"{folder}/{{00000..00001}}.tar", caption="json:caption").whole(skip=None)
    assert list(rows.captions) == [*(f"CAPTION {i}" for i in range(3)), *(f"A LONGER CAPTION, {i}" for i in range(2))]
    one = webdataset.find(f"{folder}/00001.tar", caption="json:caption").whole(skip=None)
    assert list(one.captions) == list(rows.captions)[3:]


def test_braces_count_with_their_zeros_and_list(tmp_path: Path) -> None:
    found = [path.as_posix() for path in shards.shards("/d/{a,b}/{098..101}.tar")]
    assert found == [f"/d/{letter}/{number}.tar" for letter in "ab" for number in ("098", "099", "100", "101")]


def test_shards_of_one_name_in_two_folders_are_told_apart(tmp_path: Path, draw: Draw, pack: Pack) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        pack(tmp_path / name / "0.tar", sample("k", draw(1), name))
    rows = webdataset.find(f"{tmp_path}/{{a,b}}/0.tar", caption="txt").whole(skip=None)
    assert list(rows.names) == [f"{tmp_path}/a/0.tar/k", f"{tmp_path}/b/0.tar/k"]


def test_an_index_is_kept_and_used_until_the_shard_or_the_question_changes(
    folder: Path, draw: Draw, pack: Pack
) -> None:
    before = webdataset.find(str(folder), caption="txt").whole(skip=None)
    kept = {path: path.stat().st_mtime_ns for path in (folder / INDEX).iterdir()}
    assert len(kept) == 2
    again = webdataset.find(str(folder), caption="txt").whole(skip=None)
    assert {path: path.stat().st_mtime_ns for path in (folder / INDEX).iterdir()} == kept
    assert list(again.names) == list(before.names)
    assert [again.images.read(row) for row in range(5)] == [before.images.read(row) for row in range(5)]
    assert webdataset.find(str(folder), caption="json:caption").whole(skip=None).captions[0] == "CAPTION 0"
    pack(folder / "00001.tar", sample("new", draw(5), "new"))
    assert list(webdataset.find(str(folder), caption="txt").whole(skip=None).captions)[3:] == ["new"]


def test_a_spoilt_index_is_made_anew(folder: Path) -> None:
    before = list(webdataset.find(str(folder), caption="txt").whole(skip=None).names)
    for path in (folder / INDEX).iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert list(webdataset.find(str(folder), caption="txt").whole(skip=None).names) == before


def test_where_no_index_can_be_kept_the_shards_are_read_all_the_same(folder: Path) -> None:
    (folder / INDEX).write_bytes(b"in the way")
    assert len(webdataset.find(str(folder), caption="txt").whole(skip=None)) == 5


@pytest.mark.slow
def test_many_shards_are_indexed_by_processes_to_the_same_rows(tmp_path: Path, draw: Draw, pack: Pack) -> None:
    for number in range(6):
        pack(tmp_path / f"{number}.tar", sample(f"k{number}", draw(number), f"caption {number}"))
    rows = webdataset.find(str(tmp_path), caption="txt").whole(skip=None)
    assert list(rows.names) == [f"{number}.tar/k{number}" for number in range(6)]
    assert [rows.images.read(row) for row in range(6)] == [draw(number) for number in range(6)]


@pytest.mark.parametrize(
    ("files", "flaw"),
    [
        ({"a.txt": b"words"}, Flaw("0.tar/a", "no image")),
        ({"a.jpg": b"picture"}, Flaw("0.tar/a", "no txt")),
        ({"a.jpg": b"picture", "a.txt": b" \n"}, Flaw("0.tar/a", "blank txt")),
        ({"a.jpg": b"picture", "a.txt": b"\xff\xfe"}, Flaw("0.tar/a", "unreadable text")),
        ({"a.jpg": b"picture", "a.png": b"picture", "a.txt": b"words"}, Flaw("0.tar/a", "two images")),
        ({"d/a.gif": b"picture", "d/a.txt": b"words"}, Flaw("0.tar/d/a", "no image")),
    ],
)
def test_a_sample_that_lacks_something_is_named(
    tmp_path: Path, draw: Draw, pack: Pack, files: dict[str, bytes], flaw: Flaw
) -> None:
    pack(tmp_path / "0.tar", {**sample("z", draw(0), "fine"), **files})
    found = webdataset.find(str(tmp_path), caption="txt")
    assert found.flaws == (flaw,) and list(found.rows.captions) == ["fine"]


def test_other_files_of_a_shard_are_passed_over(tmp_path: Path, draw: Draw, pack: Pack) -> None:
    pack(tmp_path / "0.tar", {**sample("./a", draw(0), "fine"), "a.seg.npy": b"0", "._a.jpg": b"mac"})
    assert list(webdataset.find(str(tmp_path), caption="txt").whole(skip=None).names) == ["0.tar/a"]


@pytest.mark.parametrize("field", ["7", "null", '"  "'])
def test_a_field_that_is_no_text_is_a_flaw(tmp_path: Path, draw: Draw, pack: Pack, field: str) -> None:
    pack(tmp_path / "0.tar", {"a.jpg": draw(0), "a.json": f'{{"caption": {field}}}'.encode()})
    kinds = [flaw.kind for flaw in webdataset.find(str(tmp_path), caption="json:caption").flaws]
    assert kinds == ["blank json:caption" if "  " in field else "no json:caption"]


def test_a_shard_that_was_cut_anywhere_is_told_and_its_whole_samples_stay(
    tmp_path: Path, draw: Draw, pack: Pack
) -> None:
    files = {name: data for i in range(3) for name, data in sample(f"{i}", draw(i), f"caption {i}").items()}
    whole = pack(tmp_path / "whole.tar", files).read_bytes()
    (tmp_path / "whole.tar").unlink()
    end = len(whole) - len(whole.rstrip(b"\0")) - 512  # more than the last file's own padding
    for cut in range(600, len(whole) - end, 333):
        (tmp_path / "0.tar").write_bytes(whole[:cut])
        found = webdataset.find(str(tmp_path), caption="txt")
        assert "0.tar#end" in [flaw.name for flaw in found.flaws], cut
        for row in range(len(found.rows)):
            assert found.rows.images.read(row) == files[f"{found.rows.names[row][-1]}.jpg"]


def test_rubbish_in_the_middle_of_a_shard_is_told(tmp_path: Path, draw: Draw, pack: Pack) -> None:
    shard = pack(tmp_path / "0.tar", {**sample("a", draw(0), "fine"), **sample("b", draw(1), "fine")})
    with tarfile.open(shard) as tar:
        place = tar.getmember("b.jpg").offset
    data = bytearray(shard.read_bytes())
    data[place : place + 512] = b"rubbish " * 64  # which Python's own reader takes for the end
    shard.write_bytes(data)
    found = webdataset.find(str(tmp_path), caption="txt")
    assert list(found.rows.names) == ["0.tar/a"]
    assert [flaw.kind for flaw in found.flaws] == ["broken shard"]


def test_missing_and_foreign_shards_are_told(folder: Path) -> None:
    (folder / "00002.tar").write_bytes(b"no tar at all, but long enough to be one" * 40)
    found = webdataset.find(f"{folder}/{{00000..00003}}.tar", caption="txt")
    assert [(flaw.name, flaw.kind) for flaw in found.flaws] == [
        ("00003.tar", "no shard"),
        ("00002.tar#end", "broken shard"),
    ]
    assert len(found.rows) == 5


def test_what_was_never_downloaded_is_summed_and_a_shard_that_does_not_tell_is_counted(folder: Path) -> None:
    assert webdataset.find(str(folder), caption="txt").downloads == Downloads(0, 0, 0, 0, shards_that_do_not_tell=2)
    for shard, (failed, unfit) in {"00000": (4, 1), "00001": (2, 0)}.items():
        stats = {"count": 10, "successes": 10 - failed - unfit, "failed_to_download": failed, "failed_to_resize": unfit}
        (folder / f"{shard}_stats.json").write_text(json.dumps({**stats, "duration": 1.5, "status_dict": {}}))
    found = webdataset.find(f"{folder}/{{00000..00002}}.tar", caption="txt")
    assert found.downloads == Downloads(20, 13, 6, 1, shards_that_do_not_tell=1)


def test_where_there_is_nothing_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is nothing at"):
        webdataset.find(str(tmp_path / "nowhere"), caption="txt")
    with pytest.raises(InputError, match="none of the 2 shards"):
        webdataset.find(f"{tmp_path}/{{0..1}}.tar", caption="txt")
    with pytest.raises(InputError, match="has no rows"):
        webdataset.find(str(tmp_path), caption="txt").whole(skip=None)

"""`likebut data check`: counts, names what is missing or broken, and its skip file makes the source whole."""

import csv
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import __main__
from training.data import check
from training.data.formats import captioned_table, jsonl, webdataset

PHOTOGRAPHS = Path(__file__).parents[4] / "shared" / "data" / "photos"


def picture(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Four pictures, of which one is cut short, one is no picture and one repeats another; a table and triplets."""
    (tmp_path / "images").mkdir()
    pictures = {"a": picture(0), "b": picture(1), "same": picture(0), "half": picture(2)[:-300], "text": b"no image"}
    for name, data in pictures.items():
        (tmp_path / "images" / f"{name}.jpg").write_bytes(data)
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "caption"])
        for name in (*pictures, "gone"):
            writer.writerow([f"images/{name}.jpg", f"a picture of {name}"])
        writer.writerow(["images/a.jpg", "a picture of a"])
        writer.writerow(["images/b.jpg", " "])
    triplets = [("a", "b"), ("b", "a"), ("a", "half"), ("half", "b"), ("b", "text"), ("gone", "a")]
    lines = [{"reference": one, "text": "in red, please", "target": other} for one, other in triplets]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [*lines, lines[0]]))
    return tmp_path


def test_a_table_is_counted_and_what_its_headers_show_is_named(shop: Path) -> None:
    report = check.check(captioned_table.find(shop / "t.csv"), decode=False, workers=0)
    assert (report.rows, report.usable, report.pictures) == (8, 5, 5)
    assert (report.duplicate_rows, report.distinct_texts, report.blank_texts) == (1, 5, 1)
    assert report.longest_text_words == 4 and report.same_pictures is None
    assert [(flaw.name, flaw.kind) for flaw in report.flaws] == [
        ("6:images/gone.jpg", "no image"),
        ("8:images/b.jpg", "blank caption"),
        ("5:images/text.jpg", "broken image"),
    ]


def test_decoding_finds_the_picture_that_is_cut_short_and_the_one_that_repeats(shop: Path) -> None:
    report = check.check(captioned_table.find(shop / "t.csv"), decode=True, workers=0)
    assert report.usable == 4 and report.same_pictures == 1
    assert [flaw.name for flaw in report.flaws if flaw.kind == "broken image"] == [
        "4:images/half.jpg",
        "5:images/text.jpg",
    ]


def test_a_broken_picture_spoils_every_triplet_that_uses_it(shop: Path) -> None:
    report = check.check(jsonl.find(shop / "t.jsonl"), decode=True, workers=0)
    assert (report.rows, report.usable, report.pictures, report.duplicate_rows) == (7, 3, 4, 1)
    assert [flaw.name for flaw in report.flaws] == ["6:gone>a", "3:a>half", "4:half>b", "5:b>text"]


@pytest.mark.slow
def test_processes_find_the_same(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for number in range(check._CHUNK + 9):
            data = picture(number)[: 200 if number % 100 == 99 else None]
            for suffix, content in (("jpg", data), ("txt", b"words")):
                member = tarfile.TarInfo(f"{number:04d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    found = webdataset.find(str(tmp_path), caption="txt")
    report = check.check(found, decode=True, workers=2)
    assert check.facts(report)["shards_that_do_not_tell"] == 1
    assert report == check.check(found, decode=True, workers=0)
    assert [flaw.name for flaw in report.flaws] == [f"0.tar/{number:04d}" for number in range(99, 521, 100)]


def test_the_command_says_it_all_and_its_skip_file_makes_the_source_whole(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["data", "check", "table", str(shop / "t.csv"), "--decode"]
    with pytest.raises(SystemExit) as ended:
        __main__.main([*command, "--skip-file", str(shop / "skip")])
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "rows                8\n" in said and "broken image        2\n" in said
    assert "no image: 6:images/gone.jpg: images/gone.jpg\n" in said
    assert len((shop / "skip").read_text().splitlines()) == 4
    assert __main__.main([*command, "--skip", str(shop / "skip"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["downloads"] is None
    assert report["rows"] == report["usable"] == 4 and report["flaws"] == []
    assert len(captioned_table.find(shop / "t.csv").whole(skip=shop / "skip")) == 4


def test_the_command_says_what_was_never_downloaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for name, content in (("a.jpg", picture(0)), ("a.txt", b"words")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    stats = {"count": 9, "successes": 1, "failed_to_download": 5, "failed_to_resize": 3}
    (tmp_path / "0_stats.json").write_text(json.dumps(stats))
    assert __main__.main(["data", "check", "webdataset", str(tmp_path)]) == 0
    said = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines() if "  " in line)
    assert {
        name: int(said[name]) for name in ("asked for", "downloaded", "failed to download", "failed to resize")
    } == {
        "asked for": 9,
        "downloaded": 1,
        "failed to download": 5,
        "failed to resize": 3,
    }


@pytest.mark.parametrize(
    "words",
    [
        ["webdataset", "{shop}/{{0..3}}.tar"],
        ["table", "{shop}/t.csv", "--caption", "words"],
        ["jsonl", "{shop}/none.jsonl"],
        ["laion-cir", "{shop}/t.csv", "--images", "{shop}"],
        ["synthtriplets", "{shop}/none"],
    ],
    ids=lambda words: words[0],
)
def test_what_cannot_be_looked_at_is_one_sentence_and_status_2(
    shop: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["data", "check", *(word.format(shop=shop) for word in words)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("likebut: ") and error.count("\n") == 1


def test_of_many_flaws_of_one_kind_the_first_are_listed(tmp_path: Path) -> None:
    lines = [{"reference": f"{number}", "text": "in red", "target": "x"} for number in range(30)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = check.check(jsonl.find(tmp_path / "t.jsonl"), decode=False, workers=0)
    listed = check.listed(report.flaws, rest="--skip-file writes them all")
    assert len(listed) == 21 and listed[-1] == "… and 10 more: --skip-file writes them all"


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="the photographs are not beside the project")
def test_the_photographs_beside_the_project_are_whole() -> None:
    found = captioned_table.find(PHOTOGRAPHS / "items.jsonl", caption="category")
    report = check.check(found, decode=True, workers=2)
    assert report.usable == report.pictures == 2_500 and report.flaws == ()

"""`likebut data check` of benchmarks: counts against the protocol, missing, broken, duplicate and blank entries."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.evaluation import synthetic
from training import __main__
from training.evaluation import check
from training.evaluation.benchmarks import published
from training.evaluation.benchmarks.benchmark import Benchmark

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "cirr"


@pytest.fixture
def circo(tmp_path: Path) -> Path:
    """Write a folder with one image cut short, one duplicate image, one blank query and one repeated query."""
    synthetic.circo(tmp_path)
    file = tmp_path / "annotations" / "val.json"
    rows = json.loads(file.read_text())
    rows[1]["relative_caption"] = " "
    rows[2] = {**rows[0], "id": 2}
    synthetic.document(file, rows)
    place(tmp_path, 1_007).write_bytes(place(tmp_path, 1_000).read_bytes())
    place(tmp_path, 1_014).write_bytes(place(tmp_path, 1_014).read_bytes()[:-200])
    return tmp_path


def place(folder: Path, id: int) -> Path:
    return folder / "COCO2017_unlabeled" / "unlabeled2017" / f"{id:012}.jpg"


def whole(benchmark: Benchmark) -> Benchmark:
    """Return the benchmark with its counts as the protocol's."""
    sizes = {name: len(gallery) for name, gallery in benchmark.galleries.items()}
    return replace(benchmark, expected=sizes or benchmark.expected, expected_queries=len(benchmark.queries))


def looked(name: str, folder: Path, *, decode: bool = True) -> check.BenchmarkReport:
    variant = next(iter(published.PRESETS[name].variants))
    benchmark = whole(published.load(name, folder, split="val", variant=variant))
    return check.folder(benchmark, folder, decode=decode, workers=0)


def test_of_circo_the_broken_the_same_and_the_blank_are_named(circo: Path) -> None:
    report = looked("circo", circo)
    assert (report.queries, report.images, report.galleries) == (4, 60, {"unlabeled2017": [60]})
    assert [(flaw.kind, flaw.name) for flaw in report.flaws] == [("broken image", "1014")]
    assert [(flaw.kind, flaw.name, flaw.detail) for flaw in report.remarks] == [
        ("same image", "1007", "as 1000"),
        ("same query", "2", "as 0"),
        ("blank text", "1", ""),
    ]
    assert (report.broken_images, report.same_images, report.same_queries, report.blank_texts) == (1, 1, 1, 1)


def test_headers_alone_do_not_show_a_picture_that_is_cut_short(circo: Path) -> None:
    report = looked("circo", circo, decode=False)
    assert report.flaws == () and report.same_images is None


def test_a_lost_picture_is_named(circo: Path) -> None:
    place(circo, 1_021).unlink()
    report = looked("circo", circo)
    gone, *_ = report.flaws
    assert (gone.kind, gone.name, gone.detail) == ("no image", "1021", str(place(circo, 1_021)))
    assert report.missing_images == 1 and report.images == 60


def test_of_fashioniq_blank_captions_are_counted_and_keep_nobody(tmp_path: Path) -> None:
    synthetic.fashioniq(tmp_path)
    file = tmp_path / "captions" / "cap.shirt.val.json"
    rows = json.loads(file.read_text())
    rows[4]["captions"] = [" . ", "?"]
    synthetic.document(file, rows)
    report = looked("fashioniq", tmp_path)
    assert report.flaws == () and report.queries == 15 and report.images == 27 and report.blank_texts == 4
    blank = [(flaw.name, flaw.detail) for flaw in report.remarks if flaw.kind == "blank text"]
    one = "1 of its 2 captions"
    assert blank == [("dress-0", one), ("shirt-0", one), ("shirt-4", "2 of its 2 captions"), ("toptee-0", one)]


def test_a_genecis_box_outside_of_its_image_is_named(tmp_path: Path) -> None:
    synthetic.genecis(tmp_path)
    assert looked("genecis", tmp_path).flaws == () and looked("genecis", tmp_path).same_images == 0
    rows = json.loads((tmp_path / "change_attribute.json").read_text())
    rows[0]["target"] = {"image_id": "2304", "instance_bbox": [90, 2, 6, 6]}
    synthetic.document(tmp_path / "change_attribute.json", rows)
    report = looked("genecis", tmp_path)
    assert [(flaw.kind, flaw.name) for flaw in report.flaws] == [("box outside", "2304:90,2,6,6")]
    assert report.galleries == {task: [size] for task, size in report.expected.items()}


@pytest.mark.parametrize("name", synthetic.WRITERS)
def test_the_command_says_where_the_counts_are_not_the_protocols(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic.WRITERS[name](tmp_path)
    words = ["data", "check", name, str(tmp_path), "--split", "val", "--workers", "0"]
    with pytest.raises(SystemExit) as ended:
        __main__.main(words)
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "not the protocol's count" in said and f"{name} val" in said
    with pytest.raises(SystemExit):
        __main__.main([*words, "--json"])
    (report,) = json.loads(capsys.readouterr().out).values()
    assert report["flaws"][0]["kind"] == "not the protocol's count" and report["split"] == "val"


def test_a_folder_that_is_none_and_skip_files_are_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["circo", str(tmp_path)],
        ["fashioniq", str(tmp_path), "--skip", str(tmp_path / "x")],
        ["cirr", str(tmp_path), "--images", str(tmp_path)],
        ["cirr", str(tmp_path), "--split", "split.rc2.val.json"],
    ):
        assert __main__.main(["data", "check", *words]) == 2
        error = capsys.readouterr().err
        assert error.startswith("likebut: ") and error.count("\n") == 1


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="CIRR's files are not beside the project")
def test_cirrs_published_files_have_the_protocols_counts_and_no_pictures() -> None:
    for split, pictures, queries, blank, twice in (("val", 2_297, 4_181, 0, 0), ("test1", 2_315, 4_148, 1, 4)):
        benchmark = published.load("cirr", PUBLISHED, split=split, variant="official")
        report = check.folder(benchmark, PUBLISHED, decode=False, workers=0)
        assert (report.queries, report.galleries) == (queries, {"split": [pictures]})
        assert {flaw.kind for flaw in report.flaws} == {"no image"} and report.missing_images == pictures
        assert (report.blank_texts, report.same_queries) == (blank, twice)

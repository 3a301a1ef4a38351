"""`likebut data check` of benchmarks' folders: counts against the protocol, what is missing, broken, twice or blank."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import __main__
from training.evaluation import check, published
from training.evaluation.benchmark import Benchmark

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "cirr"


def picture(path: Path, seed: int) -> None:
    """Noise of 32 × 24 pixels."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG")
    path.write_bytes(file.getvalue())


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def circo(folder: Path) -> None:
    """Nine pictures, of which 8 is cut short and 9 is 1 again; of three queries one is blank and one repeats."""
    rows = [
        {
            "id": row,
            "reference_img_id": 1,
            "target_img_id": 2 + row,
            "gt_img_ids": [2 + row, 7],
            "shared_concept": "a dog",
        }
        for row in range(3)
    ]
    texts = ["runs", " ", "runs"]
    rows = [{**row, "relative_caption": text} for row, text in zip(rows, texts, strict=True)]
    rows[2] = {**rows[0], "id": 2}
    write(folder / "annotations" / "val.json", rows)
    for number in range(1, 10):
        path = folder / "COCO2017_unlabeled" / "unlabeled2017" / f"{number:012d}.jpg"
        picture(path, 1 if number == 9 else number)
        if number == 8:
            path.write_bytes(path.read_bytes()[:-200])


def fashioniq(folder: Path) -> None:
    """Four pictures a category, two queries, and a caption that is blank."""
    for number, category in enumerate(("dress", "shirt", "toptee")):
        names = [f"B{number}{row}" for row in range(4)]
        captions = [["is red", "has no sleeves"], ["is longer", " " if category == "shirt" else "is blue"]]
        rows = [{"candidate": names[row], "target": names[row + 1], "captions": captions[row]} for row in range(2)]
        write(folder / "captions" / f"cap.{category}.val.json", rows)
        write(folder / "image_splits" / f"split.{category}.val.json", names)
        for row, name in enumerate(names):
            picture(folder / "images" / f"{name}.{'png' if row else 'jpg'}", 10 * number + row)


def genecis(folder: Path) -> None:
    """A query a task, its gallery of three; a box of change_attribute's lies outside of its picture."""
    for number, task in enumerate(("focus_attribute", "change_attribute", "focus_object", "change_object")):
        if task.endswith("attribute"):
            boxes = [[4, 4, 8, 8], [0, 0, 5, 5], [9, 3, 20, 4], [4 + 40 * number, 2, 6, 6]]
            shown = [{"image_id": 100 * number + row // 2, "instance_bbox": box} for row, box in enumerate(boxes)]
            files = [folder / "VG_100K_all" / f"{each['image_id']}.jpg" for each in shown]
        else:
            shown = [{"val_image_id": 100 * number + row} for row in range(4)]
            files = [folder / "val2017" / f"{each['val_image_id']:012d}.jpg" for each in shown]
        (reference, target, *gallery) = shown
        row = {"condition": "colour", "reference": reference, "target": target, "gallery": gallery}
        write(folder / f"{task}.json", [row])
        for seed, file in enumerate(files):
            picture(file, 100 * number + seed)


def whole(benchmark: Benchmark) -> Benchmark:
    """As if its counts were the protocol's."""
    sizes = {name: len(gallery) for name, gallery in benchmark.galleries.items()}
    return replace(
        benchmark, expected=sizes or dict.fromkeys(benchmark.expected, 3), expected_queries=len(benchmark.queries)
    )


def looked(name: str, folder: Path, *, decode: bool = True) -> check.Report:
    variant = next(iter(published.PRESETS[name].variants))
    benchmark = whole(published.load(name, folder, split="val", variant=variant))
    return check.folder(benchmark, folder, decode=decode, workers=0)


def test_of_circo_the_broken_the_same_and_the_blank_are_named(tmp_path: Path) -> None:
    circo(tmp_path)
    report = looked("circo", tmp_path)
    assert (report.queries, report.pictures, report.galleries) == (3, 9, {"unlabeled2017": [9]})
    assert [(flaw.kind, flaw.name) for flaw in report.flaws] == [("broken picture", "8")]
    assert [(flaw.kind, flaw.name, flaw.detail) for flaw in report.remarks] == [
        ("same picture", "9", "as 1"),
        ("same query", "2", "as 0"),
        ("blank text", "1", ""),
    ]
    assert (report.broken_pictures, report.same_pictures, report.same_queries, report.blank_texts) == (1, 1, 1, 1)


def test_headers_alone_do_not_show_a_picture_that_is_cut_short(tmp_path: Path) -> None:
    circo(tmp_path)
    report = looked("circo", tmp_path, decode=False)
    assert report.flaws == () and report.same_pictures is None


def test_a_lost_picture_of_a_query_is_named_and_the_count_differs(tmp_path: Path) -> None:
    circo(tmp_path)
    lost = tmp_path / "COCO2017_unlabeled" / "unlabeled2017" / "000000000007.jpg"
    lost.unlink()
    report = looked("circo", tmp_path)
    assert [(flaw.kind, flaw.name, flaw.detail) for flaw in report.flaws][:1] == [("no picture", "7", str(lost))]


def test_of_fashioniq_blank_captions_are_counted_and_keep_nobody(tmp_path: Path) -> None:
    fashioniq(tmp_path)
    report = looked("fashioniq", tmp_path)
    assert report.flaws == () and report.queries == 6 and report.pictures == 12
    assert [(flaw.name, flaw.detail) for flaw in report.remarks] == [("shirt-1", "1 of its 2 captions")]


def test_of_genecis_a_box_outside_of_its_picture_is_named_and_boxes_of_one_file_are_no_twins(tmp_path: Path) -> None:
    genecis(tmp_path)
    report = looked("genecis", tmp_path)
    assert report.pictures == 16 and report.same_pictures == 0
    assert [(flaw.kind, flaw.name) for flaw in report.flaws] == [("box outside", "101:44,2,6,6")]
    assert report.galleries == {task: [3] for task in report.expected}


@pytest.mark.parametrize("name", ["circo", "fashioniq", "genecis"])
def test_the_command_says_where_the_counts_are_not_the_protocols(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    {"circo": circo, "fashioniq": fashioniq, "genecis": genecis}[name](tmp_path)
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
        assert {flaw.kind for flaw in report.flaws} == {"no picture"} and report.missing_pictures == pictures
        assert (report.blank_texts, report.same_queries) == (blank, twice)

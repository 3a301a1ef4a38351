"""Readers of the published benchmarks: fields, variants and refused files; and CIRR's real files."""

import json
from pathlib import Path

import pytest

from models.errors import ConfigError, InputError
from tests.training.evaluation import synthetic
from training.evaluation.benchmarks import cirr, published
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkImage

REAL_CIRR = Path(__file__).parents[5] / "shared" / "data" / "cirr"


def load(folder: Path, name: str, *, variant: str = "", split: str = "") -> Benchmark:
    preset = published.PRESETS[name]
    return published.load(name, folder, split=split or preset.splits[0], variant=variant or next(iter(preset.variants)))


def test_every_preset_loads_and_the_first_is_the_official_one(tmp_path: Path) -> None:
    for name, write in synthetic.WRITERS.items():
        write(tmp_path / name)
        preset = published.PRESETS[name]
        for split in preset.splits:
            for variant in preset.variants:
                found = load(tmp_path / name, name, variant=variant, split=split)
                assert (found.name, found.variant, found.split) == (name, variant, split)
                assert found.queries and all(query.reference in found.images for query in found.queries)
    assert [next(iter(preset.variants)) for preset in published.PRESETS.values()] == ["original", *["official"] * 3]
    for name, split, variant in [("cirr", "val", "best"), ("cirr", "train", "official"), ("flickr", "val", "official")]:
        with pytest.raises(ConfigError, match=f"there is no {name} {split} {variant}"):
            published.load(name, tmp_path, split=split, variant=variant)


def test_fashioniqs_captions_are_joined_without_blank_ones(tmp_path: Path) -> None:
    synthetic.fashioniq(tmp_path)
    texts = {
        variant: [query.texts for query in load(tmp_path, "fashioniq", variant=variant).queries[:2]]
        for variant in published.PRESETS["fashioniq"].variants
    }
    joined, turned = "is red and has long sleeves", "has long sleeves and is red"
    for galleries in ("original", "val-split"):
        assert texts[galleries] == [("is blue",), (joined,)]
        assert texts[f"{galleries}-both"] == [("is blue",), (joined, turned)]
        assert texts[f"{galleries}-reversed"] == [("is blue",), (turned,)]


def test_fashioniqs_images_are_the_same_files_beside_others(tmp_path: Path) -> None:
    synthetic.fashioniq(tmp_path)
    before = load(tmp_path, "fashioniq").images
    for path in [picture.path for picture in before.values()]:
        for suffix in (".txt", ".json", ".part"):
            path.with_suffix(suffix).write_text("no image")
        if path.suffix == ".jpg":
            path.with_suffix(".png").write_text("the same one again")
    assert load(tmp_path, "fashioniq").images == before


def test_fashioniqs_galleries_are_the_split_files_or_what_queries_name(tmp_path: Path) -> None:
    synthetic.fashioniq(tmp_path)
    whole, used = load(tmp_path, "fashioniq"), load(tmp_path, "fashioniq", variant="val-split")
    for number, category in enumerate(("dress", "shirt", "toptee")):
        assert whole.galleries[category] == tuple(f"B{number}{row:03}" for row in range(9))
        rows = json.loads((tmp_path / "captions" / f"cap.{category}.val.json").read_text())
        assert set(used.galleries[category]) == {row[key] for row in rows for key in ("candidate", "target")}
        asked = [query for query in whole.queries if query.groups == (category,)]
        assert [(query.reference, *query.relevant) for query in asked] == [
            (row["candidate"], row["target"]) for row in rows
        ]
        assert {query.gallery for query in asked} == {category} and not any(query.excluded for query in asked)
    assert whole.expected == {"dress": 3_817, "shirt": 6_346, "toptee": 5_373} and whole.expected_queries == 6_016
    assert used.expected == {"dress": 2_628, "shirt": 3_089, "toptee": 2_902}
    assert whole.images["B1003"].path.name == "B1003.png" and whole.images["B1004"].path.name == "B1004.jpg"
    assert whole.scoring.mean == "groups"


def test_cirrs_reference_is_never_ranked_and_its_subset_are_the_other_five(tmp_path: Path) -> None:
    synthetic.cirr(tmp_path)
    found = load(tmp_path, "cirr")
    assert found.galleries["split"] == tuple(f"val-{set_}-{place}" for set_ in range(2) for place in range(6))
    query = found.queries[1]
    assert (query.id, query.reference, query.relevant) == ("11", "val-0-1", ("val-0-3",))
    assert query.excluded == ("val-0-1",) and query.subset == ("val-0-0", "val-0-2", "val-0-3", "val-0-4", "val-0-5")
    assert found.images["val-0-1"] == BenchmarkImage(tmp_path / "val" / "val-0-1.png")
    hidden = load(tmp_path, "cirr", split="test1")
    assert hidden.scoring.metrics == () and {query.relevant for query in hidden.queries} == {()}
    (tmp_path / "img_raw").mkdir()
    assert load(tmp_path, "cirr").images["val-0-1"].path == tmp_path / "img_raw" / "val" / "val-0-1.png"


def test_cirrs_captions_of_another_split_are_refused(tmp_path: Path) -> None:
    synthetic.cirr(tmp_path)
    below = tmp_path / "cirr"
    (below / "captions" / "cap.rc2.test1.json").rename(below / "captions" / "cap.rc2.val.json")
    with pytest.raises(InputError, match="has no target_hard"):
        load(tmp_path, "cirr")
    synthetic.cirr(tmp_path)
    (below / "image_splits" / "split.rc2.test1.json").rename(below / "image_splits" / "split.rc2.val.json")
    with pytest.raises(InputError, match=r"pair 10 has the image 'val-1-0', which .*split.rc2.val.json does not"):
        load(tmp_path, "cirr")


@pytest.mark.parametrize("split", ["val", "test1"])
def test_cirrs_real_files_have_the_protocols_counts(split: str) -> None:
    if not REAL_CIRR.is_dir():
        pytest.skip("the real annotation files are not here")
    found = load(REAL_CIRR, "cirr", split=split)
    assert len(found.galleries["split"]) == found.expected["split"] == cirr.IMAGES[split]
    assert len(found.queries) == found.expected_queries == cirr.QUERIES[split]
    for query in found.queries:
        assert len(query.subset) == 5 and query.reference not in query.subset
        assert not query.relevant or query.relevant[0] in query.subset
        assert query.excluded == (query.reference,)
    assert sum(not query.texts[0].strip() for query in found.queries) == (1 if split == "test1" else 0)  # as published
    assert len({query.id for query in found.queries}) == len(found.queries)
    folder = "dev" if split == "val" else split
    assert all(picture.path.parent == REAL_CIRR / folder for picture in found.images.values())


def test_circos_answers_begin_with_the_target(tmp_path: Path) -> None:
    synthetic.circo(tmp_path)
    found = load(tmp_path, "circo")
    rows = json.loads((tmp_path / "annotations" / "val.json").read_text())
    for query, row in zip(found.queries, rows, strict=True):
        assert query.relevant == tuple(map(str, row["gt_img_ids"])) and query.relevant[0] == str(row["target_img_id"])
        assert query.groups == tuple(row["semantic_aspects"]) and query.texts == ("has two of them",)
        assert query.excluded == ()
    assert len(found.galleries["unlabeled2017"]) == 60 and found.expected == {"unlabeled2017": 123_403}
    assert found.expected_queries == 220 and load(tmp_path, "circo", split="test").expected_queries == 800
    shared = load(tmp_path, "circo", variant="shared-concept").queries[0]
    assert shared.texts == ("a dress, has two of them",)
    (tmp_path / "COCO2017_unlabeled" / "annotations" / "image_info_unlabeled2017.json").unlink()
    listed = load(tmp_path, "circo")
    assert set(listed.galleries["unlabeled2017"]) == set(found.galleries["unlabeled2017"])
    assert listed.images["1007"] == found.images["1007"]


def test_circo_without_pictures_and_without_their_list_is_refused(tmp_path: Path) -> None:
    synthetic.circo(tmp_path)
    (tmp_path / "COCO2017_unlabeled").rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"has neither COCO2017_unlabeled.*unlabeled2017"):
        load(tmp_path, "circo")


def test_genecis_galleries_are_the_target_and_its_distractors(tmp_path: Path) -> None:
    synthetic.genecis(tmp_path)
    found = load(tmp_path, "genecis")
    sizes = {query.groups[0]: len(query.gallery) for query in found.queries}
    assert sizes == {"focus_attribute": 10, "change_attribute": 15, "focus_object": 15, "change_object": 15}
    assert sizes == found.expected and found.expected_queries == 8_032
    for query in found.queries:
        assert query.gallery[0] == query.relevant[0] and query.reference not in query.gallery
    row = json.loads((tmp_path / "focus_attribute.json").read_text())[0]
    left, top, width, height = row["target"]["instance_bbox"]
    image = row["target"]["image_id"]
    picture = found.images[found.queries[0].relevant[0]]
    assert picture == BenchmarkImage(tmp_path / "VG_100K_all" / f"{image}.jpg", (left, top, width, height))
    row["gallery"][0] = {**row["target"], "instance_bbox": [1, 2, 3, 4]}
    synthetic.document(tmp_path / "focus_attribute.json", [row])
    (query,) = load(tmp_path, "genecis", variant="focus_attribute").queries
    assert query.gallery[1] == f"{image}:1,2,3,4" and len(set(query.gallery)) == 10
    coco = load(tmp_path, "genecis", variant="change_object")
    assert {picture.box for picture in coco.images.values()} == {None}


@pytest.mark.parametrize(
    ("name", "file", "said"),
    [
        ("fashioniq", "captions/cap.shirt.val.json", "cannot be read .*the folder in which they lie"),
        ("fashioniq", "image_splits/split.toptee.val.json", "cannot be read .*the folder in which they lie"),
        ("cirr", "cirr/image_splits/split.rc2.val.json", "cannot be read .*the folder in which they lie"),
        ("circo", "annotations/val.json", "cannot be read .*the folder in which they lie"),
        ("genecis", "change_object.json", "cannot be read .*the folder in which they lie"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, name: str, file: str, said: str) -> None:
    synthetic.WRITERS[name](tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(InputError, match=rf"{file} {said}"):
        load(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "file", "change", "said"),
    [
        ("fashioniq", "captions/cap.dress.val.json", {"captions": "red"}, "captions that are no list"),
        ("fashioniq", "captions/cap.dress.val.json", {"target": 7}, "no text as target"),
        ("cirr", "cirr/captions/cap.rc2.val.json", {"img_set": {"members": "all"}}, "no list as members"),
        ("circo", "annotations/val.json", {"gt_img_ids": [1007]}, "gt_img_ids without its target"),
        ("circo", "annotations/val.json", {"reference_img_id": "a.jpg"}, "no id of COCO's"),
        ("genecis", "focus_object.json", {"gallery": [3]}, "not a JSON object"),
        ("genecis", "focus_object.json", {"target": {"val_image_id": "x"}}, "no id of COCO's"),
        ("genecis", "focus_attribute.json", {"target": {"image_id": "2301"}}, "no box"),
    ],
)
def test_a_row_of_another_shape_is_named(
    tmp_path: Path, name: str, file: str, change: dict[str, object], said: str
) -> None:
    synthetic.WRITERS[name](tmp_path)
    rows = json.loads((tmp_path / file).read_text())
    synthetic.document(tmp_path / file, [rows[0], {**rows[1], **change}])
    with pytest.raises(InputError, match=rf"{file}, row 2.*{said}"):
        load(tmp_path, name)

"""CIRCO (Baldrati et al., 2023): queries with several answers among all of COCO's unlabeled images.

`annotations/{val,test}.json`, and the images in `unlabeled2017/`, maybe below `COCO2017_unlabeled/` with
`annotations/image_info_unlabeled2017.json`, which lists them.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from models.errors import InputError
from training.data import annotations
from training.evaluation.benchmarks import fields
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkImage, BenchmarkQuery, Scoring

IMAGES = 123_403
QUERIES = {"val": 220, "test": 800}
GALLERY = "unlabeled2017"
SHARED = "shared-concept"
_NAME = "CIRCO"


def load(folder: Path, *, split: str, variant: str) -> Benchmark:
    """Read the queries with the relative caption, alone or behind the shared concept; the test split hides its targets.

    Images are named by COCO's id. Raises InputError if a file is missing or not CIRCO's.
    """
    shared = variant == SHARED
    path = folder / "annotations" / f"{split}.json"
    queries = tuple(_queries(path, hidden=split == "test", shared=shared))
    images = _listed_images(folder)
    metrics = [f"{kind}@{k}" for kind in ("mAP", "R") for k in (5, 10, 25, 50)]
    missing = {name for query in queries for name in (query.reference, *query.relevant)} - images.keys()
    root = _images(folder)
    images |= {name: BenchmarkImage(root / f"{int(name):012d}.jpg") for name in missing}
    return Benchmark(
        name="circo",
        variant=variant,
        split=split,
        says={
            "gallery": "all of COCO's unlabeled2017",
            "reference": "ranked",
            "text": "“shared concept, relative caption”" if shared else "the relative caption",
            "mAP@k": "of all answers, divided by the smaller of their number and k",
            "R@k": "of target_img_id alone",
        },
        scoring=Scoring(() if split == "test" else tuple(metrics)),
        images=images,
        galleries={GALLERY: tuple(images)},
        expected={GALLERY: IMAGES},
        queries=queries,
        expected_queries=QUERIES[split],
    )


def _queries(path: Path, *, hidden: bool, shared: bool) -> Iterator[BenchmarkQuery]:
    keys = ("id", "reference_img_id", "relative_caption", "shared_concept")
    answers = () if hidden else ("target_img_id", "gt_img_ids")
    for location, row in annotations.rows(path, keys=(*keys, *answers), of=_NAME):
        caption = fields.text(row, "relative_caption", location)
        yield BenchmarkQuery(
            id=fields.name(row, "id", location),
            reference=_id(fields.name(row, "reference_img_id", location), location),
            texts=(f"{fields.text(row, 'shared_concept', location)}, {caption}" if shared else caption,),
            relevant=() if hidden else _relevant(row, location),
            gallery=GALLERY,
            groups=fields.texts(row, "semantic_aspects", location),
        )


def _relevant(row: Mapping[str, object], location: str) -> tuple[str, ...]:
    target = _id(fields.name(row, "target_img_id", location), location)
    truths = [_id(name, location) for name in fields.names(row, "gt_img_ids", location)]
    if target not in truths:
        raise InputError(f"{location} has gt_img_ids without its target_img_id: fetch the file again")
    return tuple(dict.fromkeys([target, *truths]))


def _id(name: str, location: str) -> str:
    if not name.isdecimal():
        raise InputError(f"{location} has the image {name!r}, which is no id of COCO's: fetch the file again")
    return name


def _listed_images(folder: Path) -> dict[str, BenchmarkImage]:
    """Return all images of the list, or of the folder if there is no list."""
    root, info = _images(folder), folder / "COCO2017_unlabeled" / "annotations" / "image_info_unlabeled2017.json"
    if info.is_file():
        rows = annotations.mapping(annotations.document(info, of="COCO"), str(info), of="COCO")
        found = fields.objects(rows, "images", str(info), of="COCO")
        names = {fields.name(row, "id", str(info)): fields.text(row, "file_name", str(info)) for row in found}
        return {id: BenchmarkImage(root / name) for id, name in names.items()}
    if not root.is_dir():
        raise InputError(f"{folder} has neither {info.relative_to(folder)} nor {root.relative_to(folder)}: fetch COCO")
    there = sorted(path for path in root.iterdir() if path.suffix == ".jpg" and path.stem.isdecimal())
    return {str(int(path.stem)): BenchmarkImage(path) for path in there}


def _images(folder: Path) -> Path:
    return fields.first_folder(folder, "COCO2017_unlabeled/unlabeled2017", "unlabeled2017")

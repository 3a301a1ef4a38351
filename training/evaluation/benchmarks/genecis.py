"""GeneCIS (Vaze et al., 2023): four tasks, each query with a small gallery of its own.

`{focus,change}_{attribute,object}.json`, maybe below `genecis/`; the attribute tasks' images are boxes of Visual
Genome's (`VG_100K_all/{image_id}.jpg`), the object tasks' whole ones of COCO's (`val2017/{id:012}.jpg`).
"""

from collections.abc import Mapping
from pathlib import Path

from models.errors import InputError
from training.data import annotations
from training.evaluation.benchmarks import fields
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkImage, BenchmarkQuery, Box, Scoring

GALLERIES = {"focus_attribute": 10, "change_attribute": 15, "focus_object": 15, "change_object": 15}
QUERIES = {"focus_attribute": 2_000, "change_attribute": 2_112, "focus_object": 1_960, "change_object": 1_960}
_NAME = "GeneCIS"


def load(folder: Path, *, split: str, variant: str) -> Benchmark:
    """Read all four tasks, or the one that the variant names.

    A gallery is the target and its distractors. Ties are broken by the images' names, which carry no information about
    the target; the order in the files would, since the target is first. Raises InputError if a file is missing or not
    GeneCIS's.
    """
    tasks = tuple(GALLERIES) if variant == "official" else (variant,)
    images: dict[str, BenchmarkImage] = {}
    queries = [query for task in tasks for query in _queries(folder, task, images)]
    return Benchmark(
        name="genecis",
        variant=variant,
        split=split,
        says={
            "gallery": "each query's own: the target and its distractors",
            "reference": "not in the gallery",
            "attribute tasks": "the box, 0.7 longer to the left and the top, as the authors cut it, on black",
            "ties": "by the pictures' names",
            "headline": "the mean of the tasks' means",
        },
        scoring=Scoring(("R@1", "R@2", "R@3"), mean="groups"),
        images=images,
        galleries={},
        expected={task: GALLERIES[task] for task in tasks},
        queries=tuple(queries),
        expected_queries=sum(QUERIES[task] for task in tasks),
    )


def _queries(folder: Path, task: str, images: dict[str, BenchmarkImage]) -> list[BenchmarkQuery]:
    """Return the queries of a task; their images are added to `images`."""
    files = folder / "genecis" if (folder / "genecis").is_dir() else folder
    queries = []
    rows = annotations.rows(files / f"{task}.json", keys=("reference", "target", "gallery", "condition"), of=_NAME)
    for number, (location, row) in enumerate(rows):
        shown = [annotations.mapping(row[key], location, of=_NAME) for key in ("reference", "target")]
        shown += fields.objects(row, "gallery", location, of=_NAME)
        (reference, target, *others) = (_named(folder, each, location, task, images) for each in shown)
        queries.append(
            BenchmarkQuery(
                id=f"{task}-{number}",
                reference=reference,
                texts=(fields.text(row, "condition", location),),
                relevant=(target,),
                gallery=(target, *others),
                groups=(task,),
            )
        )
    return queries


def _named(folder: Path, row: Mapping[str, object], location: str, task: str, images: dict[str, BenchmarkImage]) -> str:
    """Return the image's name; each box of an image has its own."""
    if task.endswith("object"):
        key = "val_image_id" if "val_image_id" in row else "image_id"
        name = fields.name(row, key, location)
        if not name.isdecimal():
            raise InputError(f"{location} has the image {name!r}, which is no id of COCO's: fetch the file again")
        image = BenchmarkImage(fields.first_folder(folder, "val2017", "coco2017/val2017") / f"{int(name):012d}.jpg")
    else:
        id, box = fields.name(row, "image_id", location), _box(row.get("instance_bbox"), location)
        name = f"{id}:{','.join(f'{side:g}' for side in box)}"
        root = fields.first_folder(folder, "VG_100K_all", "Visual_Genome/VG_All")
        image = BenchmarkImage(root / f"{id}.jpg", box)
    images.setdefault(name, image)
    return name


def _box(value: object, location: str) -> Box:
    sides = [side for side in value if isinstance(side, int | float)] if isinstance(value, list) else []
    if len(sides) != 4 or sides[2] <= 0 or sides[3] <= 0:
        raise InputError(f"{location} has no box of left, top, width and height: fetch the file again")
    left, top, width, height = sides
    return float(left), float(top), float(width), float(height)

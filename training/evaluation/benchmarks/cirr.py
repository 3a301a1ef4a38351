"""CIRR (Liu et al., 2021), rc2: images of NLVR2 in sets of six similar ones.

`captions/cap.rc2.{split}.json` and `image_splits/split.rc2.{split}.json`, both maybe below `cirr/`, and the images at
the split file's paths, maybe below `img_raw/`.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from models.errors import InputError
from training.data import annotations
from training.evaluation.benchmarks import fields
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkImage, BenchmarkQuery, Scoring

IMAGES = {"val": 2_297, "test1": 2_315}
QUERIES = {"val": 4_181, "test1": 4_148}
GALLERY = "split"
_NAME = "CIRR"


def load(folder: Path, *, split: str, variant: str) -> Benchmark:
    """Read the official protocol: the split file's images, without the query's own reference; test1 hides its targets.

    Raises InputError if a file is missing or not CIRR's.
    """
    files = folder / "cirr" if (folder / "cirr").is_dir() else folder
    path = files / "image_splits" / f"split.rc2.{split}.json"
    places = annotations.mapping(annotations.document(path, of=_NAME), str(path), of=_NAME)
    root = folder / "img_raw" if (folder / "img_raw").is_dir() else folder
    queries = tuple(_queries(files / "captions" / f"cap.rc2.{split}.json", hidden=split == "test1"))
    for query in queries:
        for name in (query.reference, *query.relevant, *query.subset):
            if name not in places:
                raise InputError(f"pair {query.id} has the image {name!r}, which {path} does not: fetch both again")
    metrics = ("R@1", "R@5", "R@10", "R@50", "R_subset@1", "R_subset@2", "R_subset@3")
    return Benchmark(
        name="cirr",
        variant=variant,
        split=split,
        says={
            "gallery": "the split file's pictures",
            "reference": "never ranked",
            "target": "target_hard",
            "subset": "the other five of the query's set, chance 20, 40 and 60 %",
        },
        scoring=Scoring(() if split == "test1" else metrics),
        images={name: BenchmarkImage(root / _path(places[name], path)) for name in places},
        galleries={GALLERY: tuple(places)},
        expected={GALLERY: IMAGES[split]},
        queries=queries,
        expected_queries=QUERIES[split],
    )


def _queries(path: Path, *, hidden: bool) -> Iterator[BenchmarkQuery]:
    keys = ("pairid", "reference", "caption", "img_set", *(() if hidden else ("target_hard",)))
    for location, row in annotations.rows(path, keys=keys, of=_NAME):
        reference = fields.text(row, "reference", location)
        members = fields.names(annotations.mapping(row["img_set"], location, of=_NAME), "members", location)
        yield BenchmarkQuery(
            id=fields.name(row, "pairid", location),
            reference=reference,
            texts=(fields.text(row, "caption", location),),
            relevant=() if hidden else (fields.text(row, "target_hard", location),),
            gallery=GALLERY,
            excluded=(reference,),
            subset=tuple(name for name in members if name != reference),
        )


def _path(place: object, path: Path) -> PurePosixPath:
    if not isinstance(place, str):
        raise InputError(f"{path} has an image without a path: fetch it again")
    return PurePosixPath(place)

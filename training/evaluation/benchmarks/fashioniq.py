"""FashionIQ (Wu et al., 2021), val: three categories of clothes, each query with two captions of one change.

`captions/cap.{category}.val.json`, `image_splits/split.{category}.val.json`, `images/B….jpg` or `.png`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from training.data import annotations
from training.data.config import Order
from training.data.formats.fashioniq import texts
from training.evaluation.benchmarks import fields
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkImage, BenchmarkQuery, Scoring

CATEGORIES = ("dress", "shirt", "toptee")
ORIGINAL = {"dress": 3_817, "shirt": 6_346, "toptee": 5_373}  # all of the split files
VAL_SPLIT = {"dress": 2_628, "shirt": 3_089, "toptee": 2_902}  # references and targets only
QUERIES = 2_017 + 2_038 + 1_961
_NAME = "FashionIQ"
_ORDERS: Mapping[str, Order] = {"": "written", "-both": "both", "-reversed": "reversed"}
_SAYS: Mapping[Order, str] = {
    "written": "“c1 and c2”",
    "both": "“c1 and c2” and “c2 and c1”, the mean of the two normalised embeddings",
    "reversed": "“c2 and c1”",
}


def load(folder: Path, *, split: str, variant: str) -> Benchmark:
    """Read the three categories; a variant names the galleries and how captions are joined: "val-split-both".

    Raises InputError if a file is missing or not FashionIQ's.
    """
    whole = variant.startswith("original")
    order = _ORDERS[variant.removeprefix("original" if whole else "val-split")]
    queries = [query for category in CATEGORIES for query in _queries(folder, category, split, order)]
    galleries = {kind: _split(folder, kind, split) if whole else _used(queries, kind) for kind in CATEGORIES}
    return Benchmark(
        name="fashioniq",
        variant=variant,
        split=split,
        says={
            "gallery": "the split file's pictures" if whole else "references and targets (the VAL split)",
            "reference": "ranked",
            "captions": f"{_SAYS[order]}; a blank one is left out",
            "headline": "the unweighted mean of the three categories",
        },
        scoring=Scoring(("R@10", "R@50", "R@1", "R@5"), mean="groups"),
        images=_listed_images(folder, galleries, queries),
        galleries=galleries,
        expected=ORIGINAL if whole else VAL_SPLIT,
        queries=tuple(queries),
        expected_queries=QUERIES,
    )


def _queries(folder: Path, category: str, split: str, order: Order) -> list[BenchmarkQuery]:
    path = folder / "captions" / f"cap.{category}.{split}.json"
    rows = annotations.rows(path, keys=("candidate", "target", "captions"), of=_NAME)
    return [
        BenchmarkQuery(
            id=f"{category}-{number}",
            reference=fields.text(row, "candidate", location),
            texts=tuple(texts(row["captions"], location, order)),
            relevant=(fields.text(row, "target", location),),
            gallery=category,
            groups=(category,),
        )
        for number, (location, row) in enumerate(rows)
    ]


def _split(folder: Path, category: str, split: str) -> tuple[str, ...]:
    return fields.listed(folder / "image_splits" / f"split.{category}.{split}.json", of=_NAME)


def _used(queries: Sequence[BenchmarkQuery], category: str) -> tuple[str, ...]:
    pairs = ((query.reference, *query.relevant) for query in queries if query.gallery == category)
    return tuple(sorted({name for pair in pairs for name in pair}))


def _listed_images(
    folder: Path, galleries: Mapping[str, Sequence[str]], queries: Sequence[BenchmarkQuery]
) -> dict[str, BenchmarkImage]:
    root = fields.first_folder(folder, "images")
    # of an image with two files the same one on every machine: its .jpg
    files = sorted(root.glob("*"), reverse=True)
    there = {path.stem: path for path in files if path.suffix.lower() in (".jpg", ".jpeg", ".png")}
    names = {name for gallery in galleries.values() for name in gallery}
    names |= {name for query in queries for name in (query.reference, *query.relevant)}
    return {name: BenchmarkImage(there.get(name, root / f"{name}.jpg")) for name in sorted(names)}

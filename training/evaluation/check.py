"""Check of a published benchmark's folder: counts, and missing, broken, duplicate or blank entries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from training.data import annotations, check
from training.data.formats import fashioniq
from training.data.images import Images
from training.data.rows import Flaw
from training.evaluation.benchmarks import counts
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkImage


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """Contents of a folder for one split."""

    benchmark: str
    split: str
    queries: int
    expected_queries: int
    galleries: dict[str, list[int]]  # sizes; of a query's own gallery by its task
    expected: dict[str, int]
    images: int  # named images
    missing_images: int
    broken_images: int
    same_images: int | None  # whose bytes are those of an earlier one; None if they were not read whole
    same_queries: int  # queries that repeat an earlier one
    blank_texts: int
    flaws: tuple[Flaw, ...]  # these prevent the split from being scored
    remarks: tuple[Flaw, ...]  # these are in the published files too: the split is scored with them


def folder(benchmark: Benchmark, path: Path, *, decode: bool, workers: int) -> BenchmarkReport:
    """Read the header of every image, or with `decode` every pixel."""
    wrong = [Flaw(benchmark.name, "not the protocol's count", detail) for detail in counts.wrong(benchmark)]
    files: dict[Path, list[str]] = {}  # several boxes may be in one file
    for name, image in benchmark.images.items():
        files.setdefault(image.path, []).append(name)
    missing = [file for file in files if not file.is_file()]
    there = sorted(files.keys() - set(missing))
    images = Images.of_files([files[file][0] for file in there], [str(file) for file in there])
    looks = list(check.looked_at(images, np.arange(len(there)), decode=decode, workers=workers))
    broken = [
        Flaw(name, "broken image", look.problem)
        for file, look in zip(there, looks, strict=True)
        for name in files[file]
        if look.problem
    ]
    whole = {file: look.digest for file, look in zip(there, looks, strict=True) if not look.problem}
    boxes = [flaw for file in whole for flaw in _outside({name: benchmark.images[name] for name in files[file]})]
    same = list(_same(whole, files)) if decode else []
    twice, blank = list(_twice(benchmark)), list(_blank(benchmark, path))
    gone = [Flaw(name, "no image", str(file)) for file in missing for name in files[file]]
    return BenchmarkReport(
        benchmark=benchmark.name,
        split=benchmark.split,
        queries=len(benchmark.queries),
        expected_queries=benchmark.expected_queries,
        galleries={name: sorted(sizes) for name, sizes in counts.sizes(benchmark).items()},
        expected=dict(benchmark.expected),
        images=len(benchmark.images),
        missing_images=len(gone),
        broken_images=len(broken) + len(boxes),
        same_images=len(same) if decode else None,
        same_queries=len(twice),
        blank_texts=len(blank),
        flaws=(*wrong, *gone, *broken, *boxes),
        remarks=(*same, *twice, *blank),
    )


def facts(report: BenchmarkReport) -> dict[str, object]:
    """Return the report as names and values, each gallery's size beside the protocol's."""
    sizes = {
        f"gallery {name}": f"{' or '.join(map(str, report.galleries.get(name, [0])))} of {expected}"
        for name, expected in report.expected.items()
    }
    numbers = {
        "images": report.images,
        "missing images": report.missing_images,
        "broken images": report.broken_images,
        "same images": "not looked for: --decode" if report.same_images is None else report.same_images,
        "same queries": report.same_queries,
        "blank texts": report.blank_texts,
    }
    head = {"split": f"{report.benchmark} {report.split}", "queries": f"{report.queries} of {report.expected_queries}"}
    return {**head, **sizes, **numbers}


def _outside(images: dict[str, BenchmarkImage]) -> Iterator[Flaw]:
    """Yield the boxes of one file that contain none of its pixels."""
    boxes = {name: image.box for name, image in images.items() if image.box is not None}
    if not boxes:
        return
    with Image.open(next(iter(images.values())).path) as opened:
        width, height = opened.size
    for name, (left, top, _, _) in boxes.items():
        if left >= width or top >= height:
            yield Flaw(name, "box outside", f"of its {width}×{height} pixels")


def _same(digests: dict[Path, bytes], files: dict[Path, list[str]]) -> Iterator[Flaw]:
    first: dict[bytes, Path] = {}
    for file, digest in digests.items():
        earlier = first.setdefault(digest, file)
        if earlier is not file:
            yield Flaw(files[file][0], "same image", f"as {files[earlier][0]}")


def _twice(benchmark: Benchmark) -> Iterator[Flaw]:
    first: dict[object, str] = {}
    for query in benchmark.queries:
        own = query.gallery if isinstance(query.gallery, str) else frozenset(query.gallery)
        earlier = first.setdefault((query.reference, query.texts, query.relevant[:1], own), query.id)
        if earlier != query.id:
            yield Flaw(query.id, "same query", f"as {earlier}")


def _blank(benchmark: Benchmark, path: Path) -> Iterator[Flaw]:
    """Yield the queries with a blank text; FashionIQ's files are read again, since queries join its captions."""
    if benchmark.name != "fashioniq":
        for query in benchmark.queries:
            if not all(text.strip() for text in query.texts):
                yield Flaw(query.id, "blank text")
        return
    for category in benchmark.galleries:
        file = path / "captions" / f"cap.{category}.{benchmark.split}.json"
        for number, (_, row) in enumerate(annotations.rows(file, keys=("captions",), of="FashionIQ")):
            captions: Sequence[object] = row["captions"] if isinstance(row["captions"], list) else []
            blank = [caption for caption in captions if isinstance(caption, str) and not caption.strip(fashioniq.LOOSE)]
            if blank:
                yield Flaw(f"{category}-{number}", "blank text", f"{len(blank)} of its {len(captions)} captions")

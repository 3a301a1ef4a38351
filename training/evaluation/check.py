"""What `likebut data check` says of a published benchmark's folder: counts, what is missing, broken, twice or blank."""

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
    """What a folder holds of one split."""

    benchmark: str
    split: str
    queries: int
    expected_queries: int
    galleries: dict[str, list[int]]  # sizes; a query's own by its task
    expected: dict[str, int]
    pictures: int  # that are named
    missing_pictures: int
    broken_pictures: int
    same_pictures: int | None  # whose bytes are those of an earlier one; None where they were not read whole
    same_queries: int  # that repeat an earlier one
    blank_texts: int
    flaws: tuple[Flaw, ...]  # which keep the split from being scored
    remarks: tuple[Flaw, ...]  # what the published files have, too: it is scored all the same


def folder(benchmark: Benchmark, path: Path, *, decode: bool, workers: int) -> BenchmarkReport:
    """Looks at the header of every picture, or with `decode` at every pixel."""
    wrong = [Flaw(benchmark.name, "not the protocol's count", detail) for detail in counts.wrong(benchmark)]
    files: dict[Path, list[str]] = {}  # several boxes may be of one file
    for name, picture in benchmark.pictures.items():
        files.setdefault(picture.path, []).append(name)
    missing = [file for file in files if not file.is_file()]
    there = sorted(files.keys() - set(missing))
    pictures = Images.of_files([files[file][0] for file in there], [str(file) for file in there])
    looks = list(check.looked_at(pictures, np.arange(len(there)), decode=decode, workers=workers))
    broken = [
        Flaw(name, "broken picture", look.problem)
        for file, look in zip(there, looks, strict=True)
        for name in files[file]
        if look.problem
    ]
    whole = {file: look.digest for file, look in zip(there, looks, strict=True) if not look.problem}
    boxes = [flaw for file in whole for flaw in _outside({name: benchmark.pictures[name] for name in files[file]})]
    same = list(_same(whole, files)) if decode else []
    twice, blank = list(_twice(benchmark)), list(_blank(benchmark, path))
    gone = [Flaw(name, "no picture", str(file)) for file in missing for name in files[file]]
    return BenchmarkReport(
        benchmark=benchmark.name,
        split=benchmark.split,
        queries=len(benchmark.queries),
        expected_queries=benchmark.expected_queries,
        galleries={name: sorted(sizes) for name, sizes in counts.sizes(benchmark).items()},
        expected=dict(benchmark.expected),
        pictures=len(benchmark.pictures),
        missing_pictures=len(gone),
        broken_pictures=len(broken) + len(boxes),
        same_pictures=len(same) if decode else None,
        same_queries=len(twice),
        blank_texts=len(blank),
        flaws=(*wrong, *gone, *broken, *boxes),
        remarks=(*same, *twice, *blank),
    )


def facts(report: BenchmarkReport) -> dict[str, object]:
    """The report as names and values, a gallery's size beside the protocol's."""
    sizes = {
        f"gallery {name}": f"{' or '.join(map(str, report.galleries.get(name, [0])))} of {expected}"
        for name, expected in report.expected.items()
    }
    numbers = {
        "pictures": report.pictures,
        "missing pictures": report.missing_pictures,
        "broken pictures": report.broken_pictures,
        "same pictures": "not looked for: --decode" if report.same_pictures is None else report.same_pictures,
        "same queries": report.same_queries,
        "blank texts": report.blank_texts,
    }
    head = {"split": f"{report.benchmark} {report.split}", "queries": f"{report.queries} of {report.expected_queries}"}
    return {**head, **sizes, **numbers}


def _outside(pictures: dict[str, BenchmarkImage]) -> Iterator[Flaw]:
    """Boxes of one file that hold none of its pixels."""
    boxes = {name: picture.box for name, picture in pictures.items() if picture.box is not None}
    if not boxes:
        return
    with Image.open(next(iter(pictures.values())).path) as image:
        width, height = image.size
    for name, (left, top, _, _) in boxes.items():
        if left >= width or top >= height:
            yield Flaw(name, "box outside", f"of its {width}×{height} pixels")


def _same(digests: dict[Path, bytes], files: dict[Path, list[str]]) -> Iterator[Flaw]:
    first: dict[bytes, Path] = {}
    for file, digest in digests.items():
        earlier = first.setdefault(digest, file)
        if earlier is not file:
            yield Flaw(files[file][0], "same picture", f"as {files[earlier][0]}")


def _twice(benchmark: Benchmark) -> Iterator[Flaw]:
    first: dict[object, str] = {}
    for query in benchmark.queries:
        own = query.gallery if isinstance(query.gallery, str) else frozenset(query.gallery)
        earlier = first.setdefault((query.reference, query.texts, query.relevant[:1], own), query.id)
        if earlier != query.id:
            yield Flaw(query.id, "same query", f"as {earlier}")


def _blank(benchmark: Benchmark, path: Path) -> Iterator[Flaw]:
    """Queries of which a text is blank; FashionIQ's are joined where they are asked, so its files are read again."""
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

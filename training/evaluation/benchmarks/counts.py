"""Numbers of images and queries of a benchmark, compared with its protocol."""

from collections.abc import Iterable, Iterator

from training.evaluation.benchmarks.benchmark import Benchmark


def used(benchmark: Benchmark) -> list[str]:
    """Return the names of all images that are ranked or references, sorted."""
    names = {name for gallery in benchmark.galleries.values() for name in gallery}
    for query in benchmark.queries:
        names.add(query.reference)
        names.update(query.gallery if isinstance(query.gallery, tuple) else ())
    return sorted(names)


def sizes(benchmark: Benchmark) -> dict[str, set[int]]:
    """Return the sizes of the galleries; of queries' own galleries by their first group."""
    actual = {name: {len(gallery)} for name, gallery in benchmark.galleries.items()}
    for query in benchmark.queries:
        if isinstance(query.gallery, tuple):
            actual.setdefault(query.groups[0], set()).add(len(query.gallery))
    return actual


def wrong(benchmark: Benchmark) -> Iterator[str]:
    """Yield the differences from the protocol, in words."""
    actual = sizes(benchmark)
    for name, expected in benchmark.expected.items():
        there = actual.get(name, {0})
        if there != {expected}:
            yield f"the gallery {name} has {_either(there)} images and not {expected}"
    if len(benchmark.queries) != benchmark.expected_queries:
        yield f"{len(benchmark.queries)} queries and not {benchmark.expected_queries}"


def _either(counts: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(counts)))

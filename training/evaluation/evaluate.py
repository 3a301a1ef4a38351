"""Evaluation on a published benchmark: check that it is complete, embed its queries with a bundle, rank the answers."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from models.arrays import Embeddings, normalised
from models.encoder import Encoder
from models.errors import InputError
from training.evaluation import benchmark_images, embeddings, ranking
from training.evaluation.benchmarks import counts
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery
from training.evaluation.result import EvaluatedModel, Protocol, Result

SUM_WEIGHT = 0.5  # the text's share in the row "sum": half and half, as in the papers' tables
BATCH = 64  # queries per run of the graphs
LISTED = 5  # missing images that an error names


@dataclass(frozen=True, slots=True)
class Checked:
    """A benchmark that can be evaluated, without its missing parts, and the notes that name these."""

    benchmark: Benchmark
    allow_missing: bool
    notes: tuple[str, ...] = ()


def check(benchmark: Benchmark, *, allow_missing: bool) -> Checked:
    """Compare the counts with the protocol and look for every image's file.

    Raises InputError if anything is missing, unless that is allowed: then it is left out. A query is left out with its
    reference; a target that is left out is never found.
    """
    checked = Checked(benchmark, allow_missing)
    wrong = list(counts.wrong(benchmark))
    if wrong:
        checked = _noted(checked, f"not the protocol's counts: {'; '.join(wrong)}")
    missing = [name for name in counts.used(benchmark) if not benchmark.images[name].path.is_file()]
    return _without(checked, missing, "missing") if missing else checked


def evaluate(encoder: Encoder, checked: Checked, *, text_weight: float, date: str, cache: Path) -> Result:
    """Rank by the bundle's own queries, and by image only, text only and their sum from the same bundle.

    Embeddings of the gallery are stored in `cache`, once per space. Raises InputError if an image cannot be decoded,
    unless missing ones are allowed.
    """
    names = counts.used(checked.benchmark)
    images = checked.benchmark.images
    vectors = embeddings.embeddings(encoder, [(name, images[name]) for name in names], cache=cache)  # (N, d)
    broken = [names[row] for row in np.flatnonzero(np.isnan(vectors[:, 0]))]
    if broken:
        checked = _without(checked, broken, "broken")
    benchmark, row_of = checked.benchmark, {name: row for row, name in enumerate(names)}
    ways = _ways(encoder, benchmark, vectors, row_of, text_weight=text_weight)
    answers = ranking.ranked(ways, benchmark.queries, benchmark.galleries, vectors=vectors, row_of=row_of)
    return Result.from_answers(
        _protocol(benchmark),
        EvaluatedModel.from_manifest(encoder.manifest, template=encoder.manifest.template, text_weight=text_weight),
        benchmark.queries,
        answers,
        date=date,
        notes=checked.notes,
    )


def _without(checked: Checked, missing: Sequence[str], why: str) -> Checked:
    """Return the benchmark without those images; raises InputError if that is not allowed."""
    benchmark, gone = checked.benchmark, frozenset(missing)
    kept = [_less(query, gone) for query in benchmark.queries if query.reference not in gone]
    lost = len(benchmark.queries) - len(kept)
    some = ", ".join(str(benchmark.images[name].path) for name in missing[:LISTED])
    note = f"{len(missing)} images are {why} ({some}{', …' if len(missing) > LISTED else ''})"
    checked = _noted(checked, note + (f", and with them the references of {lost} queries" if lost else ""))
    if not kept:
        raise InputError(f"no query of {benchmark.name} has its reference: check the folder of the images")
    queried = {query.gallery for query in kept}  # the gallery of a category without images cannot be too small
    galleries = {name: _rest(gallery, gone) for name, gallery in benchmark.galleries.items() if name in queried}
    return replace(checked, benchmark=replace(benchmark, galleries=galleries, queries=tuple(kept)))


def _noted(checked: Checked, note: str) -> Checked:
    if not checked.allow_missing:
        benchmark = checked.benchmark
        raise InputError(
            f"{benchmark.name} {benchmark.split} is not whole: {note}; fetch the rest, as `likebut data check` lists"
            " it, or score what is there by --allow-missing, which the result then says"
        )
    return replace(checked, notes=(*checked.notes, note))


def _less(query: BenchmarkQuery, gone: frozenset[str]) -> BenchmarkQuery:
    own = query.gallery if isinstance(query.gallery, str) else _rest(query.gallery, gone)
    return replace(query, gallery=own, subset=_rest(query.subset, gone))


def _rest(names: Sequence[str], gone: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in gone)


def _ways(
    encoder: Encoder, benchmark: Benchmark, vectors: Embeddings, row_of: Mapping[str, int], *, text_weight: float
) -> dict[str, Embeddings]:
    """Return the vectors (B, d) of each way to query."""
    queries = benchmark.queries
    image = np.asarray(vectors[[row_of[query.reference] for query in queries]])
    words, composed = [], []
    with ThreadPoolExecutor(embeddings.THREADS) as pool:
        for start in tqdm(range(0, len(queries), BATCH), desc="asking", unit="batch", leave=False, mininterval=1.0):
            block = queries[start : start + BATCH]
            owners = [row for row, query in enumerate(block) for _ in query.texts]
            texts = [text for query in block for text in query.texts]
            shown = [benchmark.images[query.reference] for query in block]
            pixels = np.stack(list(pool.map(partial(benchmark_images.pixels, resize=encoder.manifest.resize), shown)))
            words.append(_mean(encoder.texts(texts), owners))
            composed.append(_mean(encoder.queries(pixels[owners], texts, text_weight=text_weight), owners))
    text = np.concatenate(words)
    return {
        "image only": image,
        "text only": text,
        "sum": normalised((1 - SUM_WEIGHT) * image + SUM_WEIGHT * text),
        encoder.manifest.method: np.concatenate(composed),
    }


def _mean(vectors: Embeddings, owners: Sequence[int]) -> Embeddings:
    """Return the normalised mean of each query's vectors (b, d); the rows (P, d) belong to the queries `owners`."""
    found = np.zeros((owners[-1] + 1, vectors.shape[1]), dtype=np.float32)
    np.add.at(found, owners, vectors)
    return normalised(found)


def _protocol(benchmark: Benchmark) -> Protocol:
    return Protocol(
        benchmark=benchmark.name,
        variant=benchmark.variant,
        split=benchmark.split,
        says=dict(benchmark.says),
        scoring=benchmark.scoring,
        galleries={name: max(sizes) for name, sizes in counts.sizes(benchmark).items()},
        queries=len(benchmark.queries),
    )

"""The four benchmarks end to end on small files, against one query at a time; and with missing files."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.arrays import normalised
from models.bundle import SHIPPED
from models.encoder import Encoder
from models.errors import InputError
from tests.training.evaluation import synthetic
from training.evaluation import benchmark_images, evaluate, report, report_images
from training.evaluation.benchmarks import published
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery
from training.evaluation.result import NEVER, Result

DATE = "2026-01-01T00:00:00+00:00"


@pytest.fixture(scope="module")
def encoder(split_bundle: Path) -> Encoder:
    """Return a bundle of random weights."""
    return Encoder.open(split_bundle, threads=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folders of all four, each named as the benchmark."""
    folder = tmp_path_factory.mktemp("data")
    for name, write in synthetic.WRITERS.items():
        write(folder / name)
    return folder


def loaded(data: Path, name: str, variant: str = "", split: str = "") -> Benchmark:
    preset = published.PRESETS[name]
    return published.load(
        name, data / name, split=split or preset.splits[0], variant=variant or next(iter(preset.variants))
    )


def evaluated(encoder: Encoder, benchmark: Benchmark, cache: Path) -> Result:
    checked = evaluate.check(benchmark, allow_missing=True)
    return evaluate.evaluate(encoder, checked, text_weight=0.25, date=DATE, cache=cache)


def one_by_one(encoder: Encoder, benchmark: Benchmark, query: BenchmarkQuery, way: str) -> NDArray[np.float32]:
    """Return the query vector (d,) of a query."""
    pixels = benchmark_images.pixels(benchmark.images[query.reference], encoder.manifest.resize)[None]
    image = encoder.gallery(pixels)
    words = normalised(np.mean([encoder.texts([text]) for text in query.texts], axis=0))
    composed = np.mean([encoder.queries(pixels, [text], text_weight=0.25) for text in query.texts], axis=0)
    ways = {"image only": image, "text only": words, "sum": image + words, "two-stage": composed}
    vector: NDArray[np.float32] = normalised(ways[way])[0]
    return vector


def plain(benchmark: Benchmark, query: BenchmarkQuery, order: list[str], metric: str) -> float:
    """Compute a metric of one ranked list by its definition."""
    kind, _, text = metric.partition("@")
    k = int(text)
    if kind == "R_subset":
        order = [name for name in order if name in query.subset]
    if kind != "mAP":
        return float(query.relevant[0] in order[:k])
    total, found = 0.0, 0
    for place, name in enumerate(order[:k], start=1):
        if name in query.relevant:
            found += 1
            total += found / place
    return total / min(k, len(query.relevant))


CASES = [
    ("fashioniq", "original"),
    ("fashioniq", "val-split-both"),
    ("fashioniq", "original-reversed"),
    ("cirr", "official"),
    ("circo", "official"),
    ("circo", "shared-concept"),
    ("genecis", "official"),
    ("genecis", "change_object"),
]


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_every_metric_equals_one_query_at_a_time(
    encoder: Encoder, data: Path, tmp_path: Path, name: str, variant: str
) -> None:
    benchmark = loaded(data, name, variant)
    found = evaluated(encoder, benchmark, tmp_path)
    assert list(found.answers) == ["image only", "text only", "sum", "two-stage"]
    vectors = {
        each: encoder.gallery(benchmark_images.pixels(picture, encoder.manifest.resize)[None])[0]
        for each, picture in benchmark.images.items()
    }
    for way in found.answers:
        values: dict[str, dict[str, list[float]]] = {}
        for query in benchmark.queries:
            asked = one_by_one(encoder, benchmark, query, way)
            names = benchmark.galleries[query.gallery] if isinstance(query.gallery, str) else query.gallery
            scores = {each: float(asked @ vectors[each]) for each in set(names) - set(query.excluded)}
            order = sorted(scores, key=lambda each: (-scores[each], each))
            for metric in benchmark.scoring.metrics:
                group = query.groups[0] if benchmark.scoring.mean == "groups" else ""
                values.setdefault(metric, {}).setdefault(group, []).append(plain(benchmark, query, order, metric))
        for metric, by_group in values.items():
            expected = np.mean([np.mean(each) for each in by_group.values()])
            assert found.rows[way][metric].value == pytest.approx(expected), (way, metric)
            for group, each in by_group.items():
                if group:
                    assert found.rows[f"{way}, {group}"][metric].value == pytest.approx(np.mean(each))


def test_a_result_says_its_protocol_and_that_it_is_not_the_whole(encoder: Encoder, data: Path, tmp_path: Path) -> None:
    found = evaluated(encoder, loaded(data, "circo"), tmp_path)
    assert found.protocol.galleries == {"unlabeled2017": 60} and found.protocol.queries == 4
    assert found.model.model_id == encoder.manifest.model_id and found.date == DATE
    size = encoder.manifest.image_size
    assert found.facts()["preprocessing"] == f"shorter side, centre crop to {size}, bicubic"
    assert found.notes == (
        "not the protocol's counts: the gallery unlabeled2017 has 60 images and not 123403; 4 queries and not 220",
    )
    found.write(tmp_path / "result.json")
    assert Result.read(tmp_path / "result.json") == found
    assert "two-stage, cardinality" in found.rows


@pytest.mark.parametrize("name", synthetic.WRITERS)
def test_other_counts_than_the_protocols_are_refused(data: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} val is not whole: .* queries and not \d+; .*--allow-missing"):
        evaluate.check(loaded(data, name), allow_missing=False)


@pytest.mark.parametrize(("name", "split"), [("cirr", "test1"), ("circo", "test")])
def test_hidden_targets_are_ranked_without_metrics(
    encoder: Encoder, data: Path, tmp_path: Path, name: str, split: str
) -> None:
    benchmark = loaded(data, name, split=split)
    found = evaluated(encoder, benchmark, tmp_path)
    assert found.rows == {} and found.values("two-stage") == {}
    answers = found.answers["two-stage"]
    assert len(answers.first) == len(benchmark.queries) and set(answers.ranks) == {()}
    for query, first in zip(benchmark.queries, answers.first, strict=True):
        assert len(first) == (11 if name == "cirr" else 50) and len(set(first)) == len(first)
        assert (query.reference in first) is False or name == "circo"
    if name == "cirr":
        for query, subset in zip(benchmark.queries, answers.subset, strict=True):
            assert sorted(subset) == sorted(query.subset) and len(subset) == 5


def test_missing_and_broken_images_are_left_out_only_where_allowed(encoder: Encoder, tmp_path: Path) -> None:
    synthetic.fashioniq(tmp_path)
    benchmark = published.load("fashioniq", tmp_path, split="val", variant="original")
    first = benchmark.queries[0]
    lost = benchmark.images[first.reference].path
    target = next(t for q in benchmark.queries if first.reference not in (q.reference, t := q.relevant[0]))
    lost.unlink()
    benchmark.images[target].path.write_bytes(b"no picture")
    with pytest.raises(InputError, match="not whole"):
        evaluate.check(benchmark, allow_missing=False)
    counted = evaluate.check(benchmark, allow_missing=True)
    assert str(lost) in counted.notes[1] and counted.notes[1].startswith("1 images are missing")
    strict = evaluate.Checked(counted.benchmark, allow_missing=False)
    with pytest.raises(InputError, match=rf"1 images are broken \(.*{target}"):
        evaluate.evaluate(encoder, strict, text_weight=0.0, date=DATE, cache=tmp_path / "cache")
    found = evaluate.evaluate(encoder, counted, text_weight=0.0, date=DATE, cache=tmp_path / "cache")
    gone = {first.reference, target}
    asked = [query.id for query in benchmark.queries if query.reference not in gone]
    assert [query.id for query in found.queries] == asked and found.protocol.queries == len(asked)
    assert "are broken" in found.notes[2]
    for query, ranks, names in zip(found.queries, found.answers["sum"].ranks, found.answers["sum"].first, strict=True):
        assert gone.isdisjoint(names)
        assert (ranks[0] == NEVER) == (query.relevant[0] in gone)
    assert {query.relevant[0] for query in found.queries} & gone


def test_a_category_of_which_no_picture_is_there_is_not_ranked(encoder: Encoder, tmp_path: Path) -> None:
    synthetic.fashioniq(tmp_path)
    benchmark = published.load("fashioniq", tmp_path, split="val", variant="original")
    for category in ("shirt", "toptee"):
        for name in benchmark.galleries[category]:
            benchmark.images[name].path.unlink()
    found = evaluated(encoder, benchmark, tmp_path / "cache")
    assert found.protocol.galleries == {"dress": 9} and found.protocol.queries == 5
    page = report.write(found, tmp_path / "page", way=None, show=report_images.files(benchmark), examples=4)
    missed = sum(rank > 3 for rank in found.answers[found.own].best)  # of nine
    assert (f"### Misses: {missed} of 5 queries" if missed else "### Misses: none") in page.read_text(encoding="utf-8")


def test_a_second_method_of_a_space_embeds_no_picture_again(data: Path, sum_bundle: Path, tmp_path: Path) -> None:
    encoder = Encoder.open(sum_bundle, threads=1)
    benchmark = loaded(data, "cirr")
    first = evaluated(encoder, benchmark, tmp_path)
    (kept,) = tmp_path.glob("*.npy")
    np.save(kept, np.load(kept)[::-1])  # a run that reads it has other answers
    other = Encoder.open(SHIPPED, threads=1)
    assert other.manifest.space_id == encoder.manifest.space_id
    second = evaluated(other, benchmark, tmp_path)
    assert second.answers["image only"] != first.answers["image only"]
    assert len(list(tmp_path.glob("*.npy"))) == 1

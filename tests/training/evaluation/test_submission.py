"""Submission files: written files pass, and every mistake that a server refuses is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import ConfigError, InputError
from training.evaluation import submission
from training.evaluation.benchmarks.benchmark import Benchmark, BenchmarkQuery, Scoring
from training.evaluation.result import Answers, EvaluatedModel, Protocol, Result
from training.evaluation.submission import Metric

Content = dict[str, object]

NAMES = tuple(f"test1-{number}-img0" for number in range(60))
SETS = [NAMES[:6], NAMES[6:12], NAMES[20:26]]
CIRR = Benchmark(
    name="cirr",
    variant="official",
    split="test1",
    says={},
    scoring=Scoring(()),
    images={},
    galleries={"test1": NAMES},
    expected={"test1": 60},
    expected_queries=3,
    queries=tuple(
        BenchmarkQuery(str(7 + row), of[0], ("more dogs",), (), "test1", excluded=of[:1], subset=of[1:])
        for row, of in enumerate(SETS)
    ),
)
CIRCO = Benchmark(
    name="circo",
    variant="official",
    split="test",
    says={},
    scoring=Scoring(()),
    images={},
    galleries={"unlabeled2017": tuple(str(100 + number) for number in range(80))},
    expected={"unlabeled2017": 80},
    expected_queries=3,
    queries=tuple(BenchmarkQuery(str(row), str(100 + row), ("is red",), (), "unlabeled2017") for row in range(3)),
)


def cirr(metric: Metric) -> Content:
    """Return a file without a mistake."""
    lists = [[name for name in NAMES if name != of[0]][:50] if metric == "recall" else list(of[3:]) for of in SETS]
    return {"version": "rc2", "metric": metric, **dict(zip(("7", "8", "9"), lists, strict=True))}


def circo() -> Content:
    return {str(row): list(range(100, 150)) for row in range(3)}


def found(path: Path, content: object, benchmark: Benchmark, metric: Metric = "recall") -> list[str]:
    """Return the kinds of a file's mistakes."""
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return [each.kind for each in submission.mistakes(path, submission.rules(benchmark, metric=metric))]


def test_files_without_a_mistake_have_none(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert found(path, cirr("recall"), CIRR) == []
    assert found(path, cirr("recall_subset"), CIRR, "recall_subset") == []
    assert found(path, circo(), CIRCO) == []


def test_which_of_the_two_files_it_is_stands_in_it_or_shows_in_its_lists(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for content, metric in (
        (cirr("recall_subset"), "recall_subset"),
        (drop("metric")(cirr("recall_subset")), "recall_subset"),
        ({**cirr("recall"), "metric": "subset"}, "recall"),
        ([], "recall"),
    ):
        path.write_text(json.dumps(content))
        assert submission.metric(path) == metric


def drop(key: str) -> Callable[[Content], object]:
    return lambda content: {name: value for name, value in content.items() if name != key}


def put(**entries: object) -> Callable[[Content], object]:
    return lambda content: {**content, **{name.removeprefix("_"): value for name, value in entries.items()}}


@pytest.mark.parametrize(
    ("spoil", "kinds"),
    [
        (drop("version"), ["no version"]),
        (drop("metric"), ["no metric"]),
        (put(version="rc1"), ["wrong version"]),
        (put(metric="recall_subset"), ["wrong metric"]),
        (drop("8"), ["query missing"]),
        (put(_10=list(NAMES[:50])), ["unknown query"]),
        (put(_07=list(NAMES[:50])), ["unknown query"]),
        (put(_7=list(NAMES[1:50])), ["wrong length"]),
        (put(_7=list(NAMES[1:52])), ["wrong length"]),
        (put(_7=[]), ["wrong length"]),
        (put(_7=[NAMES[1], *NAMES[1:50]]), ["listed twice"]),
        (put(_7=list(NAMES[:50])), ["reference listed"]),
        (put(_7=["dev-1-img0", *NAMES[1:50]]), ["not to be ranked"]),
        (put(_7=[f"{NAMES[1]}.png", *NAMES[2:51]]), ["not to be ranked"]),
        (put(_7=[3, *NAMES[1:50]]), ["no name"]),
        (put(_7=[[NAMES[1]], *NAMES[2:51]]), ["no name"]),
        (put(_7=NAMES[1]), ["no list"]),
        (put(_7=dict.fromkeys(NAMES[1:51])), ["no list"]),
        (lambda content: [content], ["no object"]),
        (lambda content: json.dumps(content)[:-1], ["no JSON"]),
        (lambda content: "\ufeff" + json.dumps(content), ["no JSON"]),
        (lambda content: json.dumps(content)[:-1] + ', "7": []}', ["key twice", "wrong length"]),
        (lambda content: json.dumps(content) + " " * 5_000_000, ["too large"]),
        (lambda content: "[" * 100_000, ["no JSON"]),
    ],
)
def test_each_mistake_in_a_file_for_cirr_is_found(
    tmp_path: Path, spoil: Callable[[Content], object], kinds: list[str]
) -> None:
    assert found(tmp_path / "x.json", spoil(cirr("recall")), CIRR) == kinds


def test_a_subset_lists_three_of_the_set_without_the_reference(tmp_path: Path) -> None:
    members = SETS[0]
    for listed, kinds in (
        (members[1:3], ["wrong length"]),
        (members[1:5], ["wrong length"]),
        (members[:3], ["reference listed"]),
        ((*members[1:3], NAMES[7]), ["not to be ranked"]),
    ):
        content = {**cirr("recall_subset"), "7": list(listed)}
        assert found(tmp_path / "x.json", content, CIRR, "recall_subset") == kinds


@pytest.mark.parametrize(
    ("spoil", "kinds"),
    [
        (drop("2"), ["query missing"]),
        (put(_3=list(range(100, 150))), ["unknown query"]),
        (put(version="rc2"), ["unknown query"]),
        (put(_0=list(range(100, 149))), ["wrong length"]),
        (put(_0=[101, *range(101, 150)]), ["listed twice"]),
        (put(_0=[5, *range(101, 150)]), ["not to be ranked"]),
        (put(_0=["000000000100", *range(101, 150)]), ["no number"]),
        (put(_0=[100.0, *range(101, 150)]), ["no number"]),
        (put(_0=[True, *range(101, 150)]), ["no number"]),
    ],
)
def test_each_mistake_in_a_file_for_circo_is_found(
    tmp_path: Path, spoil: Callable[[Content], object], kinds: list[str]
) -> None:
    assert found(tmp_path / "x.json", spoil(circo()), CIRCO) == kinds


def test_a_mistake_says_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({**cirr("recall"), "7": [*NAMES[2:51], NAMES[0]]}))
    (mistake,) = submission.mistakes(path, submission.rules(CIRR))
    assert mistake.detail == "7 lists 'test1-0-img0', its own reference"


def test_bytes_that_are_no_utf_8_and_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(json.dumps(cirr("recall")).encode("utf-16"))
    (mistake,) = submission.mistakes(tmp_path / "x.json", submission.rules(CIRR))
    assert mistake.kind == "no JSON"
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        submission.mistakes(tmp_path / "none.json", submission.rules(CIRR))


def result(benchmark: Benchmark, answers: Answers) -> Result:
    protocol = Protocol(
        benchmark.name, benchmark.variant, benchmark.split, {}, benchmark.scoring, dict(benchmark.expected), 3
    )
    model = EvaluatedModel("sum", "a", "b", "{text}", 0.5)
    return Result.from_answers(protocol, model, benchmark.queries, {"sum": answers}, date="2026-01-01")


def ranked(benchmark: Benchmark) -> Answers:
    """Rank the gallery from its end on."""
    first, subset = [], []
    for query in benchmark.queries:
        assert isinstance(query.gallery, str)
        names = [name for name in reversed(benchmark.galleries[query.gallery]) if name not in query.excluded]
        first.append(tuple(names[:50]))
        subset.append(tuple(reversed(query.subset)))
    return Answers(((),) * len(benchmark.queries), tuple(first), tuple(subset))


def test_what_is_written_is_taken(tmp_path: Path) -> None:
    recall, subset = submission.write(result(CIRR, ranked(CIRR)), CIRR, tmp_path, way="sum")
    assert submission.mistakes(recall, submission.rules(CIRR)) == []
    assert submission.mistakes(subset, submission.rules(CIRR, metric="recall_subset")) == []
    assert json.loads(subset.read_text()) == {
        "version": "rc2",
        "metric": "recall_subset",
        **{str(7 + row): list(reversed(of[3:])) for row, of in enumerate(SETS)},
    }
    (one,) = submission.write(result(CIRCO, ranked(CIRCO)), CIRCO, tmp_path, way="sum")
    assert json.loads(one.read_text())["2"] == list(range(179, 129, -1))
    assert submission.mistakes(one, submission.rules(CIRCO)) == []


def test_of_a_small_gallery_all_is_listed(tmp_path: Path) -> None:
    small = replace(CIRR, galleries={"test1": NAMES[:30]})
    (recall, _) = submission.write(result(small, ranked(small)), small, tmp_path, way="sum")
    assert len(json.loads(recall.read_text())["7"]) == 29


def test_a_file_that_would_be_refused_is_not_written(tmp_path: Path) -> None:
    short = replace(ranked(CIRR), first=(NAMES[1:40],) * 3)  # as if images were missing
    with pytest.raises(ConfigError, match=r"cirr-test1-recall\.json would be refused .wrong length: 7 lists 39"):
        submission.write(result(CIRR, short), CIRR, tmp_path, way="sum")
    lost = replace(ranked(CIRR), subset=(SETS[0][:2],) * 3)
    with pytest.raises(ConfigError, match=r"cirr-test1-recall_subset\.json would be refused"):
        submission.write(result(CIRR, lost), CIRR, tmp_path, way="sum")
    assert list(tmp_path.iterdir()) == []  # nor the other file, which has no mistake


def test_an_unknown_way_and_a_benchmark_without_a_server_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'mine'.* sum"):
        submission.write(result(CIRR, ranked(CIRR)), CIRR, tmp_path, way="mine")
    with pytest.raises(ConfigError, match="no test server for genecis"):
        submission.rules(replace(CIRR, name="genecis"))

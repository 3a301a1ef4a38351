"""Report of a result: notes on top, tables with the result's numbers, plots and strips."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from models.bundle import SHIPPED
from models.errors import ConfigError, InputError
from tests.training.evaluation import synthetic
from training import __main__
from training.evaluation import compare, report, report_images
from training.evaluation.benchmarks import published
from training.evaluation.result import Answers, Result


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folders of the four benchmarks, and beside them the result of each and its report."""
    folder = tmp_path_factory.mktemp("asked")
    for name, write in synthetic.WRITERS.items():
        write(folder / name)
        words = ["--data", str(folder / name), "--bundle", str(SHIPPED), "--cache", str(folder / "cache"), "--json"]
        more = ["--out", str(folder / f"{name}.json"), "--report", str(folder / "reports" / name), "--allow-missing"]
        assert __main__.main(["evaluate", name, *words, *more]) == 0
    return folder


def page(folder: Path) -> str:
    return (folder / report.FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", synthetic.WRITERS)
def test_a_report_has_its_notes_facts_and_images(asked: Path, name: str) -> None:
    found, folder = Result.read(asked / f"{name}.json"), asked / "reports" / name
    text = page(folder)
    first, second, *_ = text.split("\n\n")
    assert first == f"# {name} val, {found.protocol.variant}: two-stage"
    assert second == f"> **Not the benchmark as published**: {found.notes[0]}."
    for fact in (found.model.model_id, found.date, *found.protocol.says.values()):
        assert f"| {fact} |" in text
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert set(pictures) == {path.name for path in folder.iterdir()} - {report.FILE}
    for file in pictures:
        with Image.open(folder / file) as image:
            assert image.width > 500 and image.height > 100


@pytest.mark.parametrize("name", synthetic.WRITERS)
def test_every_estimate_of_the_result_stands_in_the_report(asked: Path, name: str) -> None:
    found, text = Result.read(asked / f"{name}.json"), page(asked / "reports" / name)
    metrics = found.protocol.scoring.metrics
    for way in found.answers:
        (line,) = (line for line in text.splitlines() if line.startswith(f"| {way} |"))
        cells = [cell.strip() for cell in line.split("|")[2:]]
        assert cells[: len(metrics)] == [compare.estimate(found.rows[way][metric]) for metric in metrics]
    metric = "mAP@10" if name == "circo" else metrics[0]
    for group in {group for query in found.queries for group in query.groups}:
        (line,) = (line for line in text.splitlines() if line.startswith(f"| {group.replace('_', ' ')} |"))
        cells = [cell.strip() for cell in line.split("|")[3:-1]]
        assert cells == [compare.estimate(found.rows[f"{way}, {group}"][metric]) for way in found.answers]


@pytest.mark.parametrize("name", synthetic.WRITERS)
def test_the_curves_pass_through_the_metrics(asked: Path, name: str) -> None:
    found = Result.read(asked / f"{name}.json")
    for way, curve in report._curves(found).items():
        for metric, estimate in found.rows[way].items():
            k = int(metric.partition("@")[2])
            if metric.startswith("R@") and k <= len(curve):
                assert curve[k - 1] == pytest.approx(estimate.value)


def test_examples_are_spread_over_the_queries_and_of_their_kind(asked: Path, tmp_path: Path) -> None:
    found = Result.read(asked / "fashioniq.json")
    count = len(found.queries)
    ranks = tuple((1,) if row % 2 else (20,) for row in range(count))
    half = replace(found, answers={"sum": Answers(ranks, found.answers["sum"].first)}, rows={})
    half = Result.from_answers(half.protocol, half.model, half.queries, half.answers, date=half.date)
    benchmark = published.load("fashioniq", asked / "fashioniq", split="val", variant="original")
    report.write(half, tmp_path, way=None, show=report_images.files(benchmark), examples=2)
    text = page(tmp_path)
    assert f"### Hits: {count // 2} of {count} queries" in text
    assert "### Misses: none" not in text and "(misses.jpg)" in text
    assert "> " not in text  # nothing to note


def test_how_many_queries_need_both_sides_is_counted(asked: Path, tmp_path: Path) -> None:
    found = Result.read(asked / "cirr.json")
    image, text, own = ([1, 9, 9, 9, 9, 9], [9, 1, 9, 9, 9, 9], [9, 9, 1, 1, 1, 9])
    ways = {"image only": image, "text only": text, "two-stage": own}
    answers = {way: replace(found.answers[way], ranks=tuple((rank,) for rank in ranks)) for way, ranks in ways.items()}
    (sentence,) = report._alone(replace(found, answers=answers), "two-stage")
    assert sentence == (
        "Image only or text only rank 33% of the targets in the first place; of the other 4, two-stage ranks 75% there."
    )


def test_hidden_targets_are_reported_without_metrics(tmp_path: Path) -> None:
    synthetic.circo(tmp_path / "circo")
    data = ["--data", str(tmp_path / "circo")]
    words = ["--split", "test", "--bundle", str(SHIPPED), "--cache", str(tmp_path), "--allow-missing", "--json"]
    assert __main__.main(["evaluate", "circo", *data, *words, "--out", str(tmp_path / "result.json")]) == 0
    assert __main__.main(["report", str(tmp_path / "result.json"), *data, "--out", str(tmp_path / "report")]) == 0
    text = page(tmp_path / "report")
    assert "Only the test server knows the targets" in text and "R@" not in text.split("## Examples")[1]
    assert "frame" not in text  # nothing has one
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"report.md", "first-hits.jpg"}


def test_a_drawn_shop_is_drawn_again_for_its_strips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--bundle", str(SHIPPED), "--products", "60", "--out", str(tmp_path / "result.json"), "--json"]
    assert __main__.main(["evaluate", "catalogue", *words, "--queries", "20"]) == 0
    command = ["report", str(tmp_path / "result.json"), "--out", str(tmp_path / "report"), "--way", "image only"]
    assert __main__.main(command) == 0
    assert "composed retrieval, drawn catalogue" in page(tmp_path / "report")
    found = Result.read(tmp_path / "result.json")
    show = report_images.drawings(found)
    assert all(show(query.reference).size == (112, 112) for query in found.queries)
    capsys.readouterr()
    assert __main__.main([*command[:-1], "mine"]) == 2
    assert "'mine'" in capsys.readouterr().err


def test_pictures_that_are_files_need_their_folder(asked: Path) -> None:
    with pytest.raises(ConfigError, match=r"circo .*--data"):
        report_images.drawings(Result.read(asked / "circo.json"))


def test_a_folder_that_has_other_pictures_than_the_result_leaves_grey_fields(asked: Path, tmp_path: Path) -> None:
    benchmark = published.load("circo", asked / "circo", split="val", variant="official")
    show = report_images.files(replace(benchmark, images={}))
    found = Result.read(asked / "circo.json")
    with pytest.raises(InputError, match="has no image"):
        show(found.queries[0].reference)
    assert report.write(found, tmp_path, way=None, show=show, examples=2).is_file()


def test_the_hard_variants_negatives_are_drawn_beside_the_same_products(tmp_path: Path) -> None:
    words = ["--bundle", str(SHIPPED), "--products", "60", "--queries", "20", "--json"]
    for variant in ("shop", "hard"):
        out = ["--variant", variant, "--out", str(tmp_path / f"{variant}.json")]
        assert __main__.main(["evaluate", "catalogue", *words, *out]) == 0
    shop, hard = (Result.read(tmp_path / f"{variant}.json") for variant in ("shop", "hard"))
    plain, show = report_images.drawings(shop), report_images.drawings(hard)
    assert hard.protocol.galleries["catalogue"] > 60
    for query in hard.queries:
        assert show(query.reference).tobytes() == plain(query.reference).tobytes()
        assert len({show(name).tobytes() for name in query.subset}) == len(query.subset)  # all drawn, none alike
    with pytest.raises(ConfigError, match="is of world 0"):
        report_images.drawings(
            replace(shop, protocol=replace(shop.protocol, says={**shop.protocol.says, "world": "0"}))
        )

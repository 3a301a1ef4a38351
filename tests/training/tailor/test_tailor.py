"""A shop's products become a bundle by one command, which is written only if it is better."""

import json
from pathlib import Path

import pytest
import torch

from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from training import __main__ as command
from training.catalogue.write import write
from training.data.shop import products
from training.engine import checkpoint

PRODUCTS = 240


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn shop, as a table with more than its images can show."""
    folder = tmp_path_factory.mktemp("tailor") / "shop"
    write(folder, split="val", products=PRODUCTS, triplets=2, size=64, seed=1, workers=1, progress=False)
    return folder / "items.parquet"


def run(*words: str | Path) -> int:
    try:
        return command.main(["tailor", *map(str, words)])
    except SystemExit as error:
        assert isinstance(error.code, int)
        return error.code


def test_a_model_that_is_not_better_is_refused_and_written_only_if_it_must_be(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shop.parent / "mine"
    words: list[str | Path] = [shop, "--bundle", SHIPPED, "--out", out, "--triplets", "128", "--epochs", "1", "--json"]
    assert run(*words) == 1
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert (report["better"], report["written"], report["triplets"]) == (False, False, 128)
    assert {"category", "colour"} <= report["attributes"].keys()
    assert {"title", "brand", "price"} <= report["left_out"].keys()
    assert set(report["against"]) == {"sum", "the bundle before"}
    assert report["against"]["the bundle before"]["high"] < 0
    assert "not better" in printed.err and not out.exists()

    (work,) = (path.parent for path in (shop.parent / "mine-work").glob("*/result.json"))
    listed = products.read(work / "products.jsonl")
    assert [sum(each.split == split for each in listed) for split in ("held-out", "validation")] == [48, 24]
    trained = (work / "composing" / checkpoint.FILE).stat().st_mtime_ns

    assert run(*words, "--anyway") == 1
    assert (work / "composing" / checkpoint.FILE).stat().st_mtime_ns == trained  # nothing was trained again
    manifest = Bundle.open(out).manifest
    assert (manifest.method, manifest.space_id) == ("two-stage", Bundle.open(SHIPPED).manifest.space_id)
    assert manifest.template == Bundle.open(SHIPPED).manifest.template
    pixels = torch.randint(0, 256, (1, 3, 96, 96), dtype=torch.uint8).numpy()
    assert Encoder.open(out).queries(pixels, ["in red"], text_weight=0.0).shape == (1, manifest.dimension)


def table(folder: Path, shop: Path, *, columns: dict[str, str], rows: int = PRODUCTS) -> Path:
    """Write a table of the shop's images with these columns, each of one value."""
    folder.mkdir()
    images = sorted((shop.parent / "images").iterdir())[:rows]
    lines = [f"{path.stem},{path}{''.join(',' + each for each in columns.values())}" for path in images]
    path = folder / "products.csv"
    path.write_text("\n".join(["id,image" + "".join("," + name for name in columns), *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("columns", "rows", "sentence"),
    [
        ({}, PRODUCTS, "has no attribute whose differences the images show (it has none at all)"),
        ({"colour": "red"}, PRODUCTS, "colour: all products have the same value"),
        ({"colour": "red"}, 30, "has no attribute"),
    ],
)
def test_products_that_cannot_be_learnt_from_are_refused_with_the_reason(
    shop: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    columns: dict[str, str],
    rows: int,
    sentence: str,
) -> None:
    source = table(tmp_path / "shop", shop, columns=columns, rows=rows)
    assert run(source, "--bundle", SHIPPED, "--out", tmp_path / "mine") == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


def test_products_without_images_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "products.csv"
    source.write_text("id,image,colour\na,none.png,red\nb,gone.png,blue\n")
    assert run(source, "--bundle", SHIPPED, "--out", tmp_path / "mine") == 2
    assert "2 × no file is at the path of the image" in capsys.readouterr().err


def test_what_is_no_bundle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("products.csv", "--bundle", tmp_path / "none", "--out", tmp_path / "mine") == 2
    assert "is no bundle: name a bundle's folder, or an open_clip model" in capsys.readouterr().err

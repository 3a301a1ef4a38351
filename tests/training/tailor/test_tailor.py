"""A shop's products become a bundle by one command, which is written only if it is better."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import preprocess
from models.arrays import normalised
from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import ConfigError
from tests.training.bundles import families
from training import __main__ as command
from training.catalogue.write import write
from training.data.shop import phrases, products
from training.data.shop.states import ImageStates
from training.data.sources.run_inputs import RunInputs
from training.engine import backbones, checkpoint
from training.engine.settings import BackboneConfig
from training.tailor import calibrated

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
    assert manifest.calibration is None  # of so small a shop and so short a training
    assert json.loads((said := capsys.readouterr()).out)["calibration_errors"] is None and "no chance" in said.err
    pixels = torch.randint(0, 256, (1, 3, 96, 96), dtype=torch.uint8).numpy()
    assert Encoder.open(out).queries(pixels, ["in red"], text_weight=0.0).shape == (1, manifest.dimension)


def test_scores_mean_how_often_hits_about_unseen_products_are_right(shop: Path) -> None:
    (work,) = (path.parent for path in (shop.parent / "mine-work").glob("*/result.json"))
    halves: tuple[products.Split, products.Split] = ("validation", "held-out")
    listed = [replace(each, split=halves[row % 2]) for row, each in enumerate(products.read(work / "products.jsonl"))]
    encoder = Encoder.open(SHIPPED)
    resize = encoder.manifest.resize
    squares = [
        preprocess.square(Path(each.image).read_bytes(), resize=resize, max_pixels=10**6) for each in listed
    ]  # (3, S, S) each
    found = calibrated.calibrate(listed, encoder.gallery(np.stack(squares)), encoder, seed=3)
    assert found is not None and found.curves.composed.slope > 0 and found.curves.text.slope > 0
    assert found.errors.keys() == {"composed", "text"} and all(0 <= error < 0.1 for error in found.errors.values())


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


@pytest.mark.parametrize("preprocessing", [families.HALVES, {**families.SQUASH, "interpolation": "bilinear"}])
def test_a_model_trains_with_its_own_preprocessing(
    shop: Path, tmp_path: Path, preprocessing: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    name = families.Family(preprocessing=preprocessing).write(tmp_path / "model")
    before, out = tmp_path / "before", tmp_path / "mine"
    assert command.main(["export", "--model", name, "--out", str(before)]) == 0
    words: list[str | Path] = [shop, "--bundle", before, "--out", out, "--attributes", "category,colour"]
    assert run(*words, "--triplets", "100", "--epochs", "1", "--anyway", "--json") in (0, 1)
    first, tailored = Bundle.open(before).manifest, Bundle.open(out).manifest
    assert (tailored.space_id, tailored.preprocessing) == (first.space_id, first.preprocessing)
    pixels = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8).numpy()
    vectors = Encoder.open(before).gallery(pixels)
    np.testing.assert_array_equal(Encoder.open(out).gallery(pixels), vectors)

    # the features that it was trained on are those of a gallery that the bundle builds
    (work,) = (path.parent for path in (tmp_path / "mine-work").glob("*/result.json"))
    listed = products.read(work / "products.jsonl")
    own = BackboneConfig(name=first.backbone, pretrained=str(before))
    states = ImageStates(backbones.backbone(own, work, seed=7), tmp_path / "mine-work" / "features")
    assert states.add([listed[0].image]) == {}
    found = np.array(states.states[states.rows([listed[0].image])[0], 0], dtype=np.float32)
    square = preprocess.square(Path(listed[0].image).read_bytes(), resize=first.resize, max_pixels=10**6)
    np.testing.assert_allclose(normalised(found[None]), Encoder.open(before).gallery(square[None]), atol=2e-3)


def test_other_training_refuses_a_model_that_squashes_its_images(tmp_path: Path) -> None:
    name = families.Family(preprocessing=families.SQUASH).write(tmp_path / "model")
    assert command.main(["export", "--model", name, "--out", str(tmp_path / "before")]) == 0
    own = BackboneConfig(name=name, pretrained=str(tmp_path / "before"))
    tokenizer = backbones.write_tokenizer(own, tmp_path / backbones.TOKENIZER)
    net = backbones.backbone(own, tmp_path, seed=7)
    inputs = RunInputs(net, tokenizer, template="{text}", seed=0, cache=tmp_path)
    with pytest.raises(ConfigError, match="squashes or pads its images"):
        inputs.check_crops()


def test_descriptions_say_attributes_as_shoppers_do() -> None:
    looks = {"category": "Shoes > Boots", "colour": "red", "neckline": "boat", "title: festive": "festive"}
    assert phrases.description(looks) == "red boots, boat neckline festive"
    assert phrases.description({"gender": "women"}) == "for women"
    assert phrases.is_sayable("boat") and not phrases.is_sayable("none")

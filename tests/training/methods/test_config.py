"""A run's settings: what a file may say, what it takes over from its bases, and how a mistake is told."""

import re
import tomllib
from pathlib import Path

import pytest

from models.errors import ConfigError
from training.data.config import DrawnTriplets, Jsonl, ShardsSource
from training.methods import config
from training.methods.instruct.instruct import InstructConfig
from training.methods.stages.pseudo_sentence import mapping_template
from training.methods.two_stage.config import ComposingLoss, MappingLoss
from training.methods.two_stage.two_stage import TwoStageConfig
from training.triplets import config as triplets_config
from training.triplets.config import FolderImages

CONFIGS = Path(__file__).parents[3] / "training" / "configs"
STEPS = """
[{stage}.optim]
learning_rate = 1e-3
weight_decay = 0.1
warmup_steps = 2
[{stage}.loop]
epochs = 1
batch = 16
precision = "float32"
"""
WHOLE = f"""
method = "two-stage"
seed = 1
[backbone]
name = "clip-small"
[mapping.net]
injection_layers = [3, 7]
[mapping.data]
source = "drawn"
products = 64
validation_products = 32
{STEPS.format(stage="mapping")}
[composing.net]
adapter_layers = [2, 5]
[composing.data]
source = "drawn"
products = 64
triplets = 32
validation_products = 32
validation_triplets = 16
{STEPS.format(stage="composing")}
"""


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.toml"
    path.write_text(WHOLE)
    return path


def read(path: Path, text: str) -> TwoStageConfig:
    path.write_text(text)
    found = config.read(path)
    assert isinstance(found, TwoStageConfig)
    return found


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("**/*.toml")), ids=lambda path: path.stem)
def test_every_shipped_config_parses(path: Path) -> None:
    config.read(path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_config_says_on_top_how_it_is_launched(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    top = lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]
    assert any(f"training/configs/{path.name} --out " in line for line in top)


@pytest.mark.parametrize("name", ["instruct-vit-l-14", "instruct-vit-b-32"])
def test_pictures_of_made_triplets_are_sought_where_they_were_made_from(name: str) -> None:
    settings = config.read(CONFIGS / f"{name}.toml")
    assert isinstance(settings, InstructConfig) and isinstance(settings.reformulating.data, Jsonl)
    made = triplets_config.read(CONFIGS.parent / "triplets" / "configs" / "local.toml").images
    assert isinstance(made, FolderImages) and settings.reformulating.data.images == made.folder
    said = (CONFIGS / "instruct-vit-l-14.toml").read_text(encoding="utf-8")
    assert f"{settings.reformulating.data.file} --images {made.folder}\n" in said
    heading = re.search(r"docs/training\.md, (.+?)\)", said)
    assert heading and f"## {heading[1]}\n" in (CONFIGS.parents[1] / "docs" / "training.md").read_text(encoding="utf-8")


def test_what_a_file_leaves_out_is_as_the_paper_has_it(whole: Path) -> None:
    found = read(whole, WHOLE)
    assert found.mapping.loss == MappingLoss(temperature=0.07, reference=1.0, soft=0.2)
    assert found.composing.loss == ComposingLoss(
        temperature=0.01, mixed=10, mixed_logit_scale="tau", mixed_cap=0.9, mapping=1.0, soft=0.2
    )
    assert (found.mapping.net.bottleneck, found.mapping.net.dropout, found.composing.net.rank) == (128, 0.1, 128)
    assert (found.mapping.optim.betas, found.mapping.optim.eps) == ((0.9, 0.98), 1e-6)
    assert (found.template, mapping_template(found.template)) == ("a photo of * that {text}", "a photo of *")


def test_the_mapping_template_ends_with_the_pseudo_word(whole: Path) -> None:
    found = read(whole, 'template = "* but {text}"' + WHOLE)
    assert mapping_template(found.template) == "*"


def test_a_file_is_laid_over_its_bases(whole: Path) -> None:
    folder = whole.parent / "more"
    folder.mkdir()
    (folder / "middle.toml").write_text(
        'base = "../whole.toml"\nseed = 2\n[mapping.loop]\nepochs = 9\n[mapping.loss]\nsoft = 0\n'
    )
    found = read(folder / "top.toml", 'base = "middle.toml"\nseed = 3\n[mapping.net]\ninjection_layers = []\n')
    below = read(whole, WHOLE)
    assert found.seed == 3 and found.mapping.loop.epochs == 9 and found.mapping.loss.soft == 0
    assert found.mapping.net.injection_layers == ()  # a list is replaced and not lengthened
    assert found.mapping.loop.batch == below.mapping.loop.batch
    assert (found.composing, found.backbone, found.mapping.data) == (
        below.composing,
        below.backbone,
        below.mapping.data,
    )
    assert config.document(folder / "top.toml").keys() == tomllib.loads(WHOLE).keys()  # a whole one, with no base


def test_data_of_another_source_replaces_that_of_a_base_whole(whole: Path) -> None:
    read(whole, WHOLE)
    change = '[composing.data]\nsource = "jsonl"\nfile = "triplets.jsonl"\nvalidation = 8\n'
    found = read(whole.with_name("top.toml"), f'base = "whole.toml"\n{change}')
    assert found.composing.data == Jsonl(source="jsonl", file="triplets.jsonl", validation=8)
    same = '[composing.data]\nsource = "drawn"\ntriplets = 33\n'
    drawn = read(whole.with_name("same.toml"), f'base = "whole.toml"\n{same}').composing.data
    assert isinstance(drawn, DrawnTriplets) and (drawn.triplets, drawn.validation_triplets) == (33, 16)


def test_other_data_can_stand_in_place_of_a_bases(whole: Path) -> None:
    text = WHOLE.replace('source = "drawn"\nproducts = 64\nvalidation_products', 'source = "webdataset"\nshards', 1)
    text = text.replace("shards = 32", 'shards = "cc3m/{00000..00331}.tar"\nvalidation = 32')
    text = text.replace(
        'source = "drawn"\nproducts = 64\ntriplets = 32\nvalidation_products = 32\nvalidation_triplets = 16',
        'source = "jsonl"\nfile = "triplets.jsonl"\nvalidation = 8',
    )
    found = read(whole, text)
    assert isinstance(found.mapping.data, ShardsSource) and isinstance(found.composing.data, Jsonl)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("seed = 1", "sede = 1"), "seed"),
        (("seed = 1", "seed = 1.5"), "seed"),
        (('method = "two-stage"', 'method = "three-stage"'), "three-stage"),
        (('method = "two-stage"', ""), "method"),
        (("[3, 7]", "[3, 12]"), "mapping.net.injection_layers"),
        (("[3, 7]", "[-1]"), "mapping.net.injection_layers"),
        (("[2, 5]", "[2, 12]"), "composing.net.adapter_layers"),
        (("[2, 5]", "[2, 5]\nrang = 3"), "composing.net.rang"),
        (("[3, 7]", "[3, 7]\nbottleneck = 100"), "mapping.net.bottleneck"),
        (("triplets = 32", "triplets = 32\nshare = 1.5"), "composing.data.drawn.share"),
        (("triplets = 32", "triplets = 32\ndrift = 1.5"), "composing.data.drawn.drift"),
        (("triplets = 32", 'triplets = "32"'), "composing.data.drawn.triplets"),
        (('source = "drawn"', 'source = "painted"'), "mapping.data"),
        (("seed = 1", 'seed = 1\ntemplate = "a photo that {text}"'), "template"),
        (("seed = 1", 'seed = 1\ntemplate = "{text} as *"'), "template"),
    ],
)
def test_a_mistake_is_told_in_one_sentence_with_file_and_key(whole: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in WHOLE
    whole.write_text(WHOLE.replace(*change, 1))
    with pytest.raises(ConfigError) as caught:
        config.read(whole)
    assert str(whole) in str(caught.value) and said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"top": 'base = "top.toml"'}, "base"),
        ({"top": 'base = "./top.toml"'}, "base"),
        ({"top": 'base = "middle.toml"', "middle": 'base = "top.toml"'}, "base"),
        ({"top": 'base = "a.toml"', "a": 'base = "b.toml"', "b": 'base = "a.toml"'}, "base"),
        ({"top": "base = 3"}, "base"),
        ({"top": 'base = "nowhere.toml"'}, "nowhere.toml"),
        ({"top": 'base = "middle.toml"', "middle": "[["}, "middle.toml is not TOML"),
    ],
)
def test_a_base_that_cannot_be_used_is_told(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        config.read(tmp_path / "top.toml")


def test_a_table_over_a_value_replaces_it_and_is_refused_where_no_table_belongs(whole: Path) -> None:
    top = whole.with_name("top.toml")
    top.write_text('base = "whole.toml"\n[seed]\nvalue = 3\n')
    with pytest.raises(ConfigError, match="seed"):
        config.read(top)
    top.write_text('base = "whole.toml"\nmapping = 3\n')
    with pytest.raises(ConfigError, match="mapping"):
        config.read(top)

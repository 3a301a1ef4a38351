"""Settings of a triplet run, and the errors for mistakes."""

import re
from pathlib import Path

import pytest

from models.errors import ConfigError
from training.triplets import config
from training.triplets.config import EndpointCaptioner, EndpointReformulator, FilterConfig

WHOLE = """
[images]
source = "table"
table = "items.csv"
meta_class = "category"
products = ["title", "colour"]
[pairs]
count = 100
seed = 3
window = [0.2, 0.9]
bundle = "bundles/sum"
[captioner]
kind = "endpoint"
url = "http://127.0.0.1:8000/v1"
model = "llava"
prompt_price = 3
[reformulator]
kind = "local"
model = "vicuna"
adapter = "adapter"
"""


def read(folder: Path, text: str) -> config.Config:
    (folder / "c.toml").write_text(text)
    return config.read(folder / "c.toml")


def test_a_whole_file_is_read_and_the_rest_is_the_papers(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert found.pairs.window == (0.2, 0.9) and found.filter == FilterConfig(words=12, retries=1)
    assert isinstance(found.captioner, EndpointCaptioner) and not isinstance(found.reformulator, EndpointReformulator)
    assert found.captioner.temperature == 0.0 and found.captioner.prompt_price == 3.0


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("count = 100", 'count = "100"', "pairs.count: Input should be a valid integer"),
        ("seed = 3", "sead = 3", "pairs.sead: Extra inputs"),
        ('kind = "local"', 'kind = "remote"', "reformulator: "),
        ('kind = "local"', 'kind = "products"', "reformulator: "),
        ('url = "http://127.0.0.1:8000/v1"', 'url = "127.0.0.1:8000"', "captioner.endpoint.url: "),
        ('bundle = "bundles/sum"', "", "window and bundle go together"),
        ("window = [0.2, 0.9]", "window = [0.9, 0.2]", "the second must be larger"),
        ("window = [0.2, 0.9]", "window = [0.2, 1.9]", "pairs.window.1: "),
        ('products = ["title", "colour"]', "[", "is not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        read(tmp_path, WHOLE.replace(old, new))


def test_product_captions_need_columns(tmp_path: Path) -> None:
    text = re.sub(r"\[captioner\].*?\[ref", '[captioner]\nkind = "products"\n[ref', WHOLE, flags=re.DOTALL)
    assert read(tmp_path, text)
    with pytest.raises(ConfigError, match=r"needs images\.products"):
        read(tmp_path, text.replace('products = ["title", "colour"]', ""))


def test_no_file_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no config can be read"):
        config.read(tmp_path / "none.toml")


def test_the_papers_prompt_is_the_default_and_a_file_replaces_it(tmp_path: Path) -> None:
    fields = ("{caption_a}", "{caption_b}")
    paper = config.prompt("", default="reformulate.txt", fields=fields)
    assert paper.startswith("You have two captions for two images, image A and image B,")
    assert paper.endswith("do not use special characters. Difference:")
    (tmp_path / "mine.txt").write_text("From {caption_a} to {caption_b}:\n")
    assert config.prompt(str(tmp_path / "mine.txt"), default="", fields=fields) == "From {caption_a} to {caption_b}:"
    (tmp_path / "mine.txt").write_text("From {caption_a}:")
    with pytest.raises(ConfigError, match=r"does not hold \{caption_b\}"):
        config.prompt(str(tmp_path / "mine.txt"), default="", fields=fields)
    with pytest.raises(ConfigError, match="no prompt can be read"):
        config.prompt(str(tmp_path / "other.txt"), default="", fields=fields)


@pytest.mark.parametrize("path", sorted((config.PROMPTS.parent / "configs").glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_config_parses_and_says_on_top_how_it_is_run(path: Path) -> None:
    verb = "captions" if path.stem.startswith("captions-") else "make"
    _ = config.read_captions(path) if verb == "captions" else config.read(path)
    top = path.read_text(encoding="utf-8").splitlines()[0]
    assert top.startswith(f"# likebut triplets {verb} training/triplets/configs/{path.name} --out ")

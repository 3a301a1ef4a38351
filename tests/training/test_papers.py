"""The walk to the papers' numbers: every command of docs/papers.md, in its order, on made-up data of the same shape.

A tiny CLIP stands for ViT-L/14, downloads are replaced by files made here, and the language models by a
script. Configs are those of the page, with fewer rows and steps.
"""

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

import open_clip
import pytest
import tomli_w

from models.bundle import Bundle
from tests.training.evaluation import synthetic
from tests.training.triplets import scripted
from training import __main__
from training.evaluation.result import Result
from training.methods import config, runs

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "papers.md"
CLIP = {
    "embed_dim": 32,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
ENDPOINTS = re.compile(r"http://127\.0\.0\.1:800[12]/v1")
SMALL: Mapping[str, object] = {
    "epochs": 1, "batch": 8, "workers": 0, "precision": "float32", "device": "cpu", "validation": 4,
    "pictures": 8, "steps": 2, "warmup_steps": 1, "validation_epochs": 1, "pretrained": "", "name": "papers-tiny",
}  # fmt: skip
ALLOWED_MISSING = {"cirr", "circo", "fashioniq"}  # whose made-up files are fewer than the protocol has
BASELINES = ("slerp", "searle", "lincir", "transagg", "clip4cir")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the page's configs, and the data that people fetch by hand."""
    folder = tmp_path_factory.mktemp("papers")
    models = folder / "models"
    models.mkdir()
    (models / "papers-tiny.json").write_text(json.dumps(CLIP))
    open_clip.add_model_config(models)
    for path in sorted((ROOT / "training" / "configs").glob("*-vit-l-14.toml")):
        out = folder / "training" / "configs" / path.name
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(tomli_w.dumps(smaller(config.document(path))))
    laion_cir(folder / "data" / "laion-cir")
    for number in range(12):
        kind = ("dresses", "jackets", "nlvr2")[number % 3]
        synthetic.picture(folder / "photographs" / kind / f"{number}.jpg", seed=500 + number)
    return folder


def smaller(section: Mapping[str, object]) -> dict[str, object]:
    """Return a config's values with less to do; all else stays as it is committed."""
    values = {name: smaller(value) if isinstance(value, dict) else value for name, value in section.items()}
    values |= {name: value for name, value in SMALL.items() if name in values}
    if "microbatch" in values:
        values["microbatch"] = 4
    return values


def laion_cir(folder: Path) -> None:
    """Write twelve images and sixteen triplets."""
    for number in range(12):
        synthetic.picture(folder / "images" / f"{number:07}.png", seed=300 + number)
    pairs = [Random(number).sample(range(12), 2) for number in range(16)]
    rows = [{"ref_image_id": a, "relative_cap": "in blue", "tgt_image_id": b, "type": "llm"} for a, b in pairs]
    synthetic.document(folder / "laion_combined_info.json", rows)


def cc3m(folder: Path) -> None:
    """Write 24 images as `img2dataset --output_format files` does."""
    for number in range(24):
        key = folder / "data" / "cc3m" / "00000" / f"{number:09}"
        synthetic.picture(key.with_suffix(".jpg"), seed=200 + number)
        key.with_suffix(".txt").write_text("a caption of the web")
        synthetic.document(key.with_suffix(".json"), {"caption": "a caption of the web", "url": "http://x/1.jpg"})


def cirr(folder: Path) -> None:
    """Write CIRR with a gallery of test1 that is large enough for the server's files, and triplets to train on."""
    root = folder / "data" / "cirr"
    synthetic.cirr(root, sets=9)
    for part in ("captions", "image_splits"):
        shutil.move(root / "cirr" / part, root / part)
    (root / "cirr").rmdir()
    (root / "img_raw").mkdir()
    for part in ("val", "test1"):
        shutil.move(root / part, root / "img_raw" / part)
    names = [f"train-{number}-0-img0" for number in range(12)]
    for number, name in enumerate(names):
        synthetic.picture(root / "img_raw" / "train" / "0" / f"{name}.png", seed=400 + number)
    places = {name: f"./train/0/{name}.png" for name in names}
    rows = []
    for number in range(16):
        reference, target = Random(number).sample(names, 2)
        img_set = {"id": 1, "members": names[:6], "reference_rank": 1, "target_rank": 2}
        row = {"pairid": number, "reference": reference, "target_hard": target, "target_soft": {target: 1.0}}
        rows.append({**row, "caption": "two of them", "img_set": img_set})
    synthetic.document(root / "captions" / "cap.rc2.train.json", rows)
    synthetic.document(root / "image_splits" / "split.rc2.train.json", places)


FETCHED: Mapping[str, Callable[[Path], object]] = {
    "pip install": lambda folder: None,
    "python3 -m venv": lambda folder: None,
    "vllm serve": lambda folder: None,
    "mkdir -p": lambda folder: None,
    "img2dataset": cc3m,
    "git clone https://github.com/XiaoxiaoGuo/fashion-iq": lambda folder: synthetic.fashioniq(
        folder / "data/fashion-iq"
    ),
    "git clone https://github.com/hongwang600/fashion-iq-metadata": lambda folder: None,
    "awk": lambda folder: None,  # FashionIQ's images are there already
    "git clone --branch cirr_dataset": cirr,
    "git clone https://github.com/miccunifi/CIRCO": lambda folder: synthetic.circo(folder / "data/circo"),
    "wget -q -O data/": lambda folder: None,
    "unzip": lambda folder: None,
}


def commands() -> Iterator[str]:
    """Yield the lines of the page's blocks."""
    for block in re.findall(r"^```\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()


def run(words: list[str]) -> None:
    """Run one command of Likebut's as the page has it, on the CPU."""
    words = [{"cuda": "cpu"}.get(word, word) for word in words]
    if words[0] == "evaluate":
        words.append("--allow-missing")
    if "openai" in words:
        words = [{"ViT-L-14-quickgelu": "papers-tiny", "openai": ""}.get(word, word) for word in words]
    try:
        status = __main__.main(words)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 2
    is_partial = words[:2] == ["data", "check"] and words[2] in ALLOWED_MISSING and "--images" not in words
    assert status == (1 if is_partial else 0), words


def test_every_command_of_the_page_runs_in_its_order(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    with scripted.serving(scripted.model) as server:
        for path in (ROOT / "training" / "triplets" / "configs").glob("*.toml"):
            out = place / "training" / "triplets" / "configs" / path.name
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(ENDPOINTS.sub(server.url, path.read_text(encoding="utf-8")))
        for line in commands():
            words = shlex.split(line)
            if words[0] == "likebut":
                run(words[1:])
            elif words[0] == "torchrun":
                run(words[words.index("training") + 1 :])
            else:
                (fetch,) = (make for start, make in FETCHED.items() if line.startswith(start))
                fetch(place)
    methods = {path.name: Bundle.open(path).manifest.method for path in sorted((place / "bundles").iterdir())}
    assert methods == {"instruct": "instruct", "pic2word": "pic2word", "sum": "sum", "two-stage": "two-stage"}
    results = {path.stem: Result.read(path) for path in (place / "results").iterdir()}
    assert results["two-stage-fashioniq"].protocol.says["captions"].startswith("“c2 and c1”")
    assert results["two-stage-cirr"].model.template == "a photo of * , that {text}"
    assert results["two-stage-circo"].model.template == "a photo of * that {text}"
    assert results["pic2word-cirr"].rows.keys() >= {"image only", "text only", "sum", "pic2word"}
    assert len(json.loads((place / "submissions" / "circo-test-recall.json").read_text())) == 4


@pytest.mark.parametrize("name", BASELINES)
def test_the_other_baselines_train_on_the_same_data(place: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert f"(../training/configs/{name}-vit-l-14.toml)" in PAGE.read_text(encoding="utf-8")
    monkeypatch.chdir(place)
    runs.train(place / "training" / "configs" / f"{name}-vit-l-14.toml", place / "runs" / name)
    stages = config.read(place / "training" / "configs" / f"{name}-vit-l-14.toml").stages
    for stage in stages[-1:]:
        assert (place / "runs" / name / stage / "best.pt").is_file()

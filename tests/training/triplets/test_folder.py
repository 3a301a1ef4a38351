"""Identity of a model's folder: it changes with all files that change the answers, and with no other."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from models.errors import ConfigError
from tests.training.triplets import tiny
from training.triplets import folder, local


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_chat_model(tmp_path_factory.mktemp("models") / "chat")


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "elsewhere")


def test_a_copy_is_the_same_model_and_papers_beside_it_do_not_count(made: Path, copy: Path) -> None:
    (copy / "README.md").write_text("about the model")
    (copy / ".cache").write_text("left by a download")
    assert folder.identity(copy) == folder.identity(made)


@pytest.mark.parametrize(
    "change",
    [
        lambda path: tiny.tiny_chat_model(path, seed=1),  # the same shapes, sizes and config
        lambda path: (path / "chat_template.jinja").write_text("{{ messages }}"),
        lambda path: (path / "generation_config.json").write_text("{}"),
    ],
    ids=["weights", "template", "settings"],
)
def test_what_changes_the_answers_changes_the_identity(
    made: Path, copy: Path, change: Callable[[Path], object]
) -> None:
    sizes = {file.name: file.stat().st_size for file in copy.glob("*.safetensors")}
    change(copy)
    assert {file.name: file.stat().st_size for file in copy.glob("*.safetensors")} == sizes
    assert folder.identity(copy) != folder.identity(made)


def test_large_weights_are_read_in_pieces_from_end_to_end(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    weights, size = tmp_path / "model.safetensors", 20_000_000
    weights.write_bytes(bytes(size))
    before = folder.identity(tmp_path)
    for start in (0, size // 2, size - 400_000):  # no gap between pieces is as long
        weights.write_bytes(bytes(start) + b"\1" * 400_000 + bytes(size - start - 400_000))
        assert folder.identity(tmp_path) != before
    for place in (0, size - 1):
        weights.write_bytes(bytes(place) + b"\1" + bytes(size - place - 1))
        assert folder.identity(tmp_path) != before


def test_an_adapter_says_which_model_it_was_tuned_on(tmp_path: Path) -> None:
    assert folder.tuned_on(tmp_path) == ""
    (tmp_path / folder.RECORD).write_text(json.dumps({"base": "abc"}))
    assert folder.tuned_on(tmp_path) == "abc"
    (tmp_path / folder.RECORD).write_text("[")
    with pytest.raises(ConfigError, match="damaged"):
        folder.tuned_on(tmp_path)


def test_weights_of_before_safetensors_are_a_model_too(made: Path, copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    torch.save({"other": torch.zeros(3)}, copy / "pytorch_model.bin")
    assert folder.identity(copy) == folder.identity(made)  # transformers does not read it
    (copy / "model.safetensors").unlink()
    torch.save(weights, copy / "pytorch_model.bin")
    assert folder.locate(str(copy)) == copy and folder.identity(copy) != folder.identity(made)
    loaded, same = (local.language_model(path, device="cpu", dtype="float32")[0] for path in (copy, made))
    assert all(torch.equal(value, same.state_dict()[name]) for name, value in loaded.state_dict().items())


def test_weights_that_would_run_code_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    torch.save({"lm_head.weight": Path("runs when it is loaded")}, copy / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        local.language_model(copy, device="cpu", dtype="float32")


def test_a_folder_without_weights_is_refused(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="safetensors"):
        folder.locate(str(copy))


def test_a_name_that_is_no_folder_and_cannot_be_fetched_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="no such model"):
        folder.locate("no such model")  # no valid name on the hub either, so no request is sent

"""Folder of a language model: local or fetched from the hub, and its identity."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from models.errors import ConfigError

CONFIG = "config.json"
ADAPTER = "adapter_config.json"
RECORD = "tune.json"  # beside an adapter of `likebut triplets tune`: its base model
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")  # the first kind that exists; transformers unpickles only tensors
_READ = (".json", ".model", ".txt", ".jinja")
_PIECES = 64  # pieces of a weights file that are read
_PIECE_BYTES = 65536


def locate(model: str) -> Path:
    """Return the folder of a model, given as a folder or by its name on the hub; raises ConfigError if none."""
    folder = Path(model)
    if not folder.is_dir():
        try:
            folder = _fetched(model)
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
            raise ConfigError(
                f"no model {model}: it is not a folder, and cannot be fetched from the hub ({type(error).__name__})"
            ) from error
    if not (folder / CONFIG).is_file() or not _weights(folder):
        raise ConfigError(f"{folder} holds no model: it needs {CONFIG} and weights in {' or '.join(_WEIGHTS)}")
    return folder


def identity(folder: Path) -> str:
    """Return a digest of 12 letters over the model's config, tokenizer and weights.

    Of large files only evenly spaced pieces are read, since reading 60 GB takes minutes; a fine-tuned copy of the same
    size differs in nearly every piece.
    """
    digest = hashlib.sha256()
    for file in _identifying_files(folder):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        for piece in _pieces(file):
            digest.update(piece)
    return digest.hexdigest()[:12]


def tuned_on(adapter: Path) -> str:
    """Return the identity of the model that an adapter belongs to; "" if `likebut triplets tune` did not make it."""
    try:
        return str(json.loads((adapter / RECORD).read_text(encoding="utf-8"))["base"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{adapter / RECORD} is damaged: tune again in another folder") from error


def _fetched(model: str) -> Path:
    """Fetch from the hub, without the same weights in another kind of file."""
    folder = Path(snapshot_download(model, allow_patterns=[f"*{suffix}" for suffix in _READ]))
    for kind in _WEIGHTS:
        if not _weights(folder):
            folder = Path(snapshot_download(model, allow_patterns=[kind]))
    return folder


def _weights(folder: Path) -> list[Path]:
    """Return the weight files that transformers reads."""
    return next((files for kind in _WEIGHTS if (files := sorted(folder.glob(kind)))), [])


def _identifying_files(folder: Path) -> list[Path]:
    """Return the files that change the model's answers, by name; other files of the folder do not count."""
    found = [*(file for file in folder.iterdir() if file.suffix in _READ), *_weights(folder)]
    return sorted(file for file in found if file.is_file() and not file.name.startswith("."))


def _pieces(file: Path) -> Iterable[bytes]:
    size = file.stat().st_size
    with file.open("rb") as data:
        if size <= _PIECES * _PIECE_BYTES:
            yield data.read()
            return
        for number in range(_PIECES):
            data.seek(number * (size - _PIECE_BYTES) // (_PIECES - 1))
            yield data.read(_PIECE_BYTES)

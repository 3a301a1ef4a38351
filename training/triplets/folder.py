"""A language model's folder: on this machine or fetched from the hub, and what tells it from every other."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled

from models.errors import ConfigError

CONFIG = "config.json"
ADAPTER = "adapter_config.json"
RECORD = "tune.json"  # beside an adapter of ours: what it was tuned on
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")  # the first kind that is there; transformers unpickles tensors alone
_READ = (".json", ".model", ".txt", ".jinja")
_PIECES = 64  # of a file of weights that are read
_PIECE_BYTES = 65536


def found(model: str) -> Path:
    """The folder of a model that is given as a folder or by its name on the hub; raises ConfigError without one."""
    folder = Path(model)
    if not folder.is_dir():
        try:
            folder = _fetched(model)
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
            raise ConfigError(
                f"no model {model}: it is no folder, and from the hub it cannot be fetched ({type(error).__name__})"
            ) from error
    if not (folder / CONFIG).is_file() or not _weights(folder):
        raise ConfigError(f"{folder} holds no model: it needs {CONFIG} and weights in {' or '.join(_WEIGHTS)}")
    return folder


def identity(folder: Path) -> str:
    """What tells the model from another: a digest of 12 letters over its config, tokenizer and weights.

    Of large files only evenly spaced pieces are read, since reading 60 GB takes minutes; a fine-tuned copy of the same
    size differs in nearly every piece.
    """
    digest = hashlib.sha256()
    for file in _told_apart(folder):
        digest.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        for piece in _pieces(file):
            digest.update(piece)
    return digest.hexdigest()[:12]


def tuned_on(adapter: Path) -> str:
    """The identity of the model that an adapter belongs to; "" where it was not tuned by us."""
    try:
        return str(json.loads((adapter / RECORD).read_text(encoding="utf-8"))["base"])
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{adapter / RECORD} is damaged: tune again in another folder") from error


def _fetched(model: str) -> Path:
    """From the hub, without the same weights in another kind of file."""
    folder = Path(snapshot_download(model, allow_patterns=[f"*{suffix}" for suffix in _READ]))
    for kind in _WEIGHTS:
        if not _weights(folder):
            folder = Path(snapshot_download(model, allow_patterns=[kind]))
    return folder


def _weights(folder: Path) -> list[Path]:
    """The files of weights that transformers reads."""
    return next((files for kind in _WEIGHTS if (files := sorted(folder.glob(kind)))), [])


def _told_apart(folder: Path) -> list[Path]:
    """The files that change what the model says, by name; other things that lie there do not count."""
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

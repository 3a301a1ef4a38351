"""Tokenizer of an open_clip model that is not CLIP's own, as from a model hub, with what open_clip does around it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import files
from models.cleaning import KINDS
from models.errors import ConfigError
from models.nets.open_clip_models import Description
from models.tokenizer import CLEANING

_PADDING_ID = 0  # that open_clip puts in the place of a separator which it strips


def write(path: Path, model: Description, *, place: str) -> None:
    """Write the model's tokenizer, with its cleaning, frame and padding to the model's context.

    `place` is its folder, or its name on the hub. Raises ConfigError if it cannot be loaded, or if open_clip prepares
    the model's texts in a way that a file cannot say.
    """
    text = model.config["text_cfg"]
    options = dict(text.get("tokenizer_kwargs") or {})
    clean, strip = options.pop("clean", "whitespace"), options.pop("strip_sep_token", False)
    if options or text.get("tokenizer_mode") or clean not in KINDS:
        raise ConfigError(f"{model.name} prepares its texts in a way of its own, which a bundle does not know")
    tokenizer = _loaded(place)
    # the library keeps in the fast tokenizer how it was called last
    tokenizer([""], max_length=model.context_length, padding="max_length", truncation=True)
    fields = json.loads(tokenizer.backend_tokenizer.to_str())
    if strip:
        _strip(fields["post_processor"], tokenizer.sep_token_id)
    normalizer = fields["normalizer"]
    whole = [] if normalizer is None else [normalizer]
    fields["normalizer"] = {"type": "Sequence", "normalizers": whole, CLEANING: clean}
    largest = max(tokenizer.backend_tokenizer.get_vocab(with_added_tokens=True).values())
    if largest >= int(text.get("vocab_size") or largest + 1):
        raise ConfigError(f"the tokenizer {place} has more tokens than {model.name} knows: name its own by --tokenizer")
    files.write(path, json.dumps(fields, indent=1, ensure_ascii=False))


def _loaded(place: str) -> Any:
    try:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(place)
    except Exception as error:  # whatever the library's many readers raise
        raise ConfigError(
            f"the tokenizer {place} cannot be loaded ({_first_line(error)}): name a folder that has it by --tokenizer"
        ) from error
    if not tokenizer.is_fast:
        raise ConfigError(f"the tokenizer {place} has no form of the tokenizers library, which a bundle needs")
    return tokenizer


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _strip(frame: Mapping[str, Any], separator: int) -> None:
    """Let a frame put padding in the place of its separator."""
    if frame["type"] == "Sequence":
        for part in frame["processors"]:
            _strip(part, separator)
    elif frame["type"] == "TemplateProcessing":
        for special in frame["special_tokens"].values():
            special["ids"] = [_PADDING_ID if id == separator else id for id in special["ids"]]
    elif "sep" in frame:
        frame["sep"][1] = _PADDING_ID

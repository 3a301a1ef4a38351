"""Where a run's CLIP comes from: an open_clip tag, a file, a bundle, or random weights, and its tokenizer."""

from pathlib import Path

import torch
from torch import Tensor

from models import bundle, files
from models.errors import ConfigError
from models.nets.backbone import Backbone, context_length
from models.tokenizer import Tokenizer
from training.bundles import import_weights
from training.engine import vocabulary
from training.engine.settings import BackboneConfig

TOKENIZER = "tokenizer.json"
KEPT_WEIGHTS = "backbone.pt"  # the weights, where they came out of a bundle


def backbone(settings: BackboneConfig, out: Path, *, seed: int) -> Backbone:
    """The CLIP of a run in the folder `out`, in eval mode; a bundle's weights are kept there.

    Raises ConfigError for weights and tokenizers that do not go together.
    """
    tokenizer = Tokenizer.open(out / TOKENIZER, context_length=context_length(settings.name))
    source = Path(settings.pretrained)
    bundled = (out / KEPT_WEIGHTS).exists() or (bool(settings.pretrained) and (source / bundle.MANIFEST).is_file())
    torch.manual_seed(seed)  # random weights may be in no checkpoint: each rank and the export draws them again
    made = Backbone.create(settings.name, pretrained="" if bundled else settings.pretrained, end=tokenizer.end)
    if tokenizer.vocabulary > made.clip.vocab_size:
        raise ConfigError(
            f"{settings.name} has a vocabulary of its own: name a bundle as backbone.pretrained, for its tokenizer"
        )
    if bundled:
        made.load_state_dict(_out_of_bundle(source, made, kept=out / KEPT_WEIGHTS))
    return made.eval()


def write_tokenizer(settings: BackboneConfig, path: Path) -> Tokenizer:
    """The backbone's tokenizer, kept at `path`: a bundle's own, or CLIP's."""
    if not path.exists():
        source = Path(settings.pretrained) / bundle.TOKENIZER
        if settings.pretrained and source.is_file():
            files.write(path, source.read_bytes())
        else:
            vocabulary.clip(path)
    return Tokenizer.open(path, context_length=context_length(settings.name))


def _out_of_bundle(source: Path, backbone: Backbone, *, kept: Path) -> dict[str, Tensor]:
    """The bundle's weights, kept beside what is trained on them: a later bundle may stand at the same path."""
    if not kept.exists():
        with files.replacing(kept) as part:
            torch.save(import_weights.backbone_weights(source, backbone), part)
    state: dict[str, Tensor] = torch.load(kept, map_location="cpu", weights_only=True)
    return state

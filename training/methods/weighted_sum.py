"""The weighted sum of a CLIP's image and text embedding, of a run or of any open_clip model as it is."""

from pathlib import Path
from tempfile import TemporaryDirectory

from models.bundle import Manifest
from models.errors import ConfigError
from models.nets import open_clip_models
from models.nets.backbone import Backbone, is_causal
from models.nets.open_clip_models import Description, WeightFacts
from models.nets.towers import Towers
from models.tokenizer import Tokenizer
from training import hub_tokenizer, vocabulary
from training.bundles.export import FinishedModel
from training.engine.backbones import TOKENIZER
from training.methods.clip_run import frozen_graphs
from training.methods.slerp import slerp_model


def weighted_sum_model(backbone: Towers, *, name: str, tokenizer_file: Path) -> FinishedModel:
    """Return a CLIP, called `name` by open_clip, as the weighted sum of its image and its text embedding."""
    backbone.eval()
    return FinishedModel(
        method="sum",
        backbone=name,
        template="{text}",
        text_weight=0.5,
        graphs=frozen_graphs(backbone, None),
        tokenizer_file=tokenizer_file,
    )


def export_open_clip(
    name: str,
    *,
    pretrained: str,
    text_weight: float | None,
    out: Path,
    stated: WeightFacts = WeightFacts(),  # noqa: B008  # frozen
    like: str = "",
    tokenizer: str = "",
    share: float | None = None,
    compact: bool = False,
) -> Manifest:
    """Export an open_clip model as it is, with the tokenizer in the folder `tokenizer` if it is given.

    With a `share` it is the arc from image to text up to there, in place of their sum.

    Raises ConfigError as `open_clip_models.describe`, and if weights or tokenizer do not load, or do not go together.
    """
    model = open_clip_models.describe(name, pretrained=pretrained, stated=stated, like=like)
    with TemporaryDirectory() as scratch:
        tokenizer_file = Path(scratch) / TOKENIZER
        if model.tokenizer_name or tokenizer:
            hub_tokenizer.write(tokenizer_file, model, place=tokenizer or model.tokenizer_name)
        else:
            vocabulary.clip(tokenizer_file, clean=model.clean)
        towers = _towers(model, end=Tokenizer.open(tokenizer_file, context_length=model.context_length).end)
        if share is None:
            finished = weighted_sum_model(towers, name=model.name, tokenizer_file=tokenizer_file)
        else:
            finished = slerp_model(towers, name=model.name, share=share, tokenizer_file=tokenizer_file)
        config = f"# open_clip {name}, weights {pretrained or 'random'}\n"
        return finished.export(out, config=config, text_weight=text_weight, compact=compact)


def _towers(model: Description, *, end: int) -> Towers:
    """Load a model: with access to its blocks if it has CLIP's tokenizer and text tower, else its two outputs alone."""
    clip = model.load()
    if end >= model.vocabulary:
        raise ConfigError(f"{model.name} has a vocabulary of its own: export the run that made it")
    if end >= 0 and is_causal(clip):
        return Backbone.wrap(model, clip, end=end)
    return Towers(
        clip,
        mean=model.mean,
        std=model.std,
        context_length=model.context_length,
        mode=model.mode,
        filter=model.filter,
        fill=model.fill,
    )

"""The weighted sum of a CLIP's image and text embedding, of a run or of any open_clip model as it is."""

from pathlib import Path
from tempfile import TemporaryDirectory

from models.bundle import Manifest
from models.errors import ConfigError
from models.nets import open_clip_models
from models.nets.backbone import Backbone, cleaning
from models.nets.open_clip_models import WeightFacts
from models.nets.towers import Towers
from models.tokenizer import Tokenizer
from training import vocabulary
from training.bundles.export import FinishedModel
from training.engine.backbones import TOKENIZER
from training.methods.clip_run import frozen_graphs


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
    compact: bool = False,
) -> Manifest:
    """Export an open_clip model as it is; raises ConfigError as `open_clip_models.describe` and `Backbone.load`."""
    with TemporaryDirectory() as scratch:
        tokenizer_file = Path(scratch) / TOKENIZER
        vocabulary.clip(tokenizer_file, clean=cleaning(name))
        end = Tokenizer.open(tokenizer_file, context_length=3).end
        model = open_clip_models.describe(name, pretrained=pretrained, stated=stated, like=like)
        backbone = Backbone.load(model, end=end)
        if backbone.clip.vocab_size != end + 1:
            raise ConfigError(f"{name} has another tokenizer than CLIP's, which this export does not know")
        finished = weighted_sum_model(backbone, name=model.name, tokenizer_file=tokenizer_file)
        config = f"# open_clip {name}, weights {pretrained or 'random'}\n"
        return finished.export(out, config=config, text_weight=text_weight, compact=compact)

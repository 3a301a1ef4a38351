"""From a config's words to the data of a stage: the drawn world, or files."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from models.errors import ConfigError
from models.nets.backbone import Backbone
from models.nets.two_stage import TwoStage
from models.tokenizer import PLAIN, Template, Tokenizer
from training.data.config import (
    CaptionedData,
    Cirr,
    DrawnPictures,
    DrawnTriplets,
    FashionIq,
    Jsonl,
    LaionCir,
    ShardsSource,
    SynthTriplets,
    TableSource,
)
from training.data.drawn.features import Features
from training.data.drawn.pairs import DrawnComposing, DrawnMapping
from training.data.drawn.pixels import DrawnReformulating
from training.data.drawn.words import DrawnCaptionsAlone, DrawnPortraits
from training.data.files import LoadedCaptions, LoadedTriplets
from training.data.formats import captioned_table, cirr, fashioniq, jsonl, laion_cir, synthtriplets, webdataset
from training.data.masked_captions import MaskedCaptions
from training.data.rows import Captioned, LoadedRows, Triplets
from training.methods.clip4cir.config import Clip4CirConfig
from training.methods.instruct.config import InstructConfig
from training.methods.transagg.config import TransAggConfig
from training.methods.two_stage.config import TwoStageConfig


def captioned(
    settings: TwoStageConfig, *, net: TwoStage, tokenizer: Tokenizer, cache: Path
) -> DrawnMapping | LoadedCaptions:
    """The captioned pictures of the first stage; raises InputError where files are missing."""
    data = settings.mapping.data
    if isinstance(data, DrawnPictures):
        train, val = _drawn(data, net.backbone, tokenizer=tokenizer, seed=settings.seed, cache=cache)
        return DrawnMapping(train, val, views=data.views)
    size, workers = net.backbone.image_size, settings.mapping.loop.workers
    return _loaded_captions(data, tokenizer=tokenizer, seed=settings.seed, size=size, workers=workers)


def portraits(
    data: CaptionedData, *, backbone: Backbone, tokenizer: Tokenizer, seed: int, workers: int, cache: Path
) -> DrawnPortraits | LoadedCaptions:
    """Pictures alone, drawn ones as the frozen tower sees them. Raises InputError where files are missing."""
    if isinstance(data, DrawnPictures):
        train, val = _drawn(data, backbone, tokenizer=tokenizer, seed=seed, cache=cache)
        return DrawnPortraits(train, val, views=data.views)
    return _loaded_captions(data, tokenizer=tokenizer, seed=seed, size=backbone.image_size, workers=workers)


def captions_alone(
    data: CaptionedData, *, backbone: Backbone, tokenizer: Tokenizer, seed: int, workers: int, cache: Path
) -> MaskedCaptions:
    """Captions, and pictures to validate with. Raises InputError where files are missing."""
    source: DrawnCaptionsAlone | LoadedCaptions
    if isinstance(data, DrawnPictures):
        count = data.validation_products
        val = Features(backbone, tokenizer, split="val", count=count, seed=seed, cache=cache)
        source = DrawnCaptionsAlone(data.products, val, seed=seed)
    else:
        size = backbone.image_size
        source = _loaded_captions(data, tokenizer=tokenizer, seed=seed, size=size, workers=workers)
    return MaskedCaptions(source, tokenizer)


def triplets(
    settings: TwoStageConfig, *, net: TwoStage, tokenizer: Tokenizer, cache: Path
) -> DrawnComposing | LoadedTriplets:
    """The triplets of the second stage; `net` has been through the first. Raises InputError where files are missing."""
    data = settings.composing.data
    if isinstance(data, DrawnTriplets):
        train, val = _drawn(data, net.backbone, tokenizer=tokenizer, seed=settings.seed, cache=cache)
        return DrawnComposing(
            data,
            train,
            val,
            tokenizer=tokenizer,
            template=Template.parse(settings.template),
            seed=settings.seed,
            net=net if settings.composing.learns == "adapters" else None,
        )
    rows = _triplets(data).whole(skip=_path(data.skip))
    if settings.composing.loss.soft and not any(rows.captions):
        raise ConfigError(
            "the soft alignment needs captions of the references, and the triplets have none: name them, or set"
            " composing.loss.soft = 0"
        )
    workers = settings.composing.loop.workers
    return _loaded(
        rows, settings, validation=data.validation, tokenizer=tokenizer, size=net.backbone.image_size, workers=workers
    )


def reformulating(
    settings: InstructConfig, *, size: int, tokenizer: Tokenizer, cache: Path
) -> DrawnReformulating | LoadedTriplets:
    """The triplets of InstructCIR, as pixels of that `size`. Raises InputError where files are missing."""
    data = settings.reformulating.data
    if isinstance(data, DrawnTriplets):
        return DrawnReformulating(
            data,
            tokenizer=tokenizer,
            template=Template.parse(settings.template),
            seed=settings.seed,
            size=size,
            cache=cache,
            captions=bool(settings.reformulating.loss.captions),
        )
    rows, workers = _triplets(data).whole(skip=_path(data.skip)), settings.reformulating.loop.workers
    if settings.reformulating.loss.captions and (lacking := sum(not caption for caption in rows.target_captions)):
        raise ConfigError(
            f"reformulating.loss.captions needs captions of the targets, and {lacking} of {len(rows)} triplets have"
            " none: name them as target_caption, or set it to 0"
        )
    return _loaded(rows, settings, validation=data.validation, tokenizer=tokenizer, size=size, workers=workers)


def aggregating(
    settings: TransAggConfig | Clip4CirConfig, *, backbone: Backbone, tokenizer: Tokenizer, cache: Path
) -> DrawnComposing | LoadedTriplets:
    """The triplets of TransAgg or CLIP4Cir, drawn ones as the frozen towers see them.

    Raises InputError where files are missing.
    """
    part = settings.aggregating if isinstance(settings, TransAggConfig) else settings.combiner
    data = part.data
    if isinstance(data, DrawnTriplets):
        train, val = _drawn(data, backbone, tokenizer=tokenizer, seed=settings.seed, cache=cache)
        template = Template.parse(settings.template)
        return DrawnComposing(data, train, val, tokenizer=tokenizer, template=template, seed=settings.seed, net=None)
    rows, size = _triplets(data).whole(skip=_path(data.skip)), backbone.image_size
    workers = part.loop.workers
    return _loaded(rows, settings, validation=data.validation, tokenizer=tokenizer, size=size, workers=workers)


def _loaded(
    rows: Triplets,
    settings: TwoStageConfig | InstructConfig | TransAggConfig | Clip4CirConfig,
    *,
    validation: int,
    tokenizer: Tokenizer,
    size: int,
    workers: int,
) -> LoadedTriplets:
    return LoadedTriplets(
        rows,
        validation=validation,
        texts=_tokenise(tokenizer, Template.parse(settings.template)),
        captions=_tokenise(tokenizer, PLAIN),
        seed=settings.seed,
        size=size,
        workers=workers,
    )


def _loaded_captions(
    data: ShardsSource | TableSource, *, tokenizer: Tokenizer, seed: int, size: int, workers: int
) -> LoadedCaptions:
    return LoadedCaptions(
        _captions(data).whole(skip=_path(data.skip)),
        validation=data.validation,
        tokenise=_tokenise(tokenizer, PLAIN),
        seed=seed,
        size=size,
        workers=workers,
    )


def _drawn(
    data: DrawnPictures | DrawnTriplets, backbone: Backbone, *, tokenizer: Tokenizer, seed: int, cache: Path
) -> tuple[Features, Features]:
    train, val = (
        Features(backbone, tokenizer, split=split, count=count, seed=seed, cache=cache)
        for split, count in (("train", data.products), ("val", data.validation_products))
    )
    return train, val


def _captions(data: ShardsSource | TableSource) -> LoadedRows[Captioned]:
    if isinstance(data, ShardsSource):
        return webdataset.find(data.shards, caption=data.caption)
    return captioned_table.find(Path(data.table), image=data.image, caption=data.caption)


def _triplets(data: Jsonl | LaionCir | SynthTriplets | FashionIq | Cirr) -> LoadedRows[Triplets]:
    match data:
        case Jsonl():
            return jsonl.find(Path(data.file), images=_path(data.images))
        case LaionCir():
            return laion_cir.find(
                Path(data.file), images=[Path(folder) for folder in data.images], captions=_path(data.captions)
            )
        case SynthTriplets():
            return synthtriplets.find(data.shards, text=data.text)
        case FashionIq():
            return fashioniq.find(Path(data.captions), images=Path(data.images), order=data.order)
        case Cirr():
            return cirr.find(Path(data.captions), split=Path(data.split), images=Path(data.images))


def _path(name: str) -> Path | None:
    return Path(name) if name else None


def _tokenise(tokenizer: Tokenizer, template: Template) -> Callable[[list[str]], Tensor]:
    def tokenise(texts: list[str]) -> Tensor:
        return torch.from_numpy(tokenizer.encode(texts, template=template).ids)

    return tokenise

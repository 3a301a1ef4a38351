"""Captioned images of a run, images alone or captions alone, from the data section of its config."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from models.nets.backbone import Backbone
from models.tokenizer import PLAIN, Template, Tokenizer
from training.data.config import CaptionedData, DrawnPictures, DrawnTriplets, ShardsSource, TableSource
from training.data.drawn.features import Features
from training.data.drawn.pairs import DrawnCaptioned
from training.data.drawn.words import DrawnCaptionsAlone, DrawnPortraits
from training.data.files import FileCaptions
from training.data.formats import captioned_table, webdataset
from training.data.rows import Captioned, LoadedRows


def captioned(
    data: CaptionedData, *, backbone: Backbone, tokenizer: Tokenizer, seed: int, workers: int, cache: Path
) -> DrawnCaptioned | FileCaptions:
    """Captioned images, drawn ones as outputs of the frozen towers. Raises InputError if files are missing."""
    if isinstance(data, DrawnPictures):
        train, val = features(data, backbone, tokenizer=tokenizer, seed=seed, cache=cache)
        return DrawnCaptioned(train, val, views=data.views)
    return _of_files(data, tokenizer=tokenizer, seed=seed, size=backbone.image_size, workers=workers)


def portraits(
    data: CaptionedData, *, backbone: Backbone, tokenizer: Tokenizer, seed: int, workers: int, cache: Path
) -> DrawnPortraits | FileCaptions:
    """Images alone, drawn ones as outputs of the frozen tower. Raises InputError if files are missing."""
    if isinstance(data, DrawnPictures):
        train, val = features(data, backbone, tokenizer=tokenizer, seed=seed, cache=cache)
        return DrawnPortraits(train, val, views=data.views)
    return _of_files(data, tokenizer=tokenizer, seed=seed, size=backbone.image_size, workers=workers)


def captions_alone(
    data: CaptionedData, *, backbone: Backbone, tokenizer: Tokenizer, seed: int, workers: int, cache: Path
) -> DrawnCaptionsAlone | FileCaptions:
    """Captions, with images to validate on. Raises InputError if files are missing."""
    if isinstance(data, DrawnPictures):
        count = data.validation_products
        val = Features(backbone, tokenizer, split="val", count=count, seed=seed, cache=cache)
        return DrawnCaptionsAlone(data.products, val, seed=seed)
    return _of_files(data, tokenizer=tokenizer, seed=seed, size=backbone.image_size, workers=workers)


def features(
    data: DrawnPictures | DrawnTriplets, backbone: Backbone, *, tokenizer: Tokenizer, seed: int, cache: Path
) -> tuple[Features, Features]:
    """Outputs of the frozen towers for the train and the val split."""
    train, val = (
        Features(backbone, tokenizer, split=split, count=count, seed=seed, cache=cache)
        for split, count in (("train", data.products), ("val", data.validation_products))
    )
    return train, val


def tokenise(tokenizer: Tokenizer, template: Template) -> Callable[[list[str]], Tensor]:
    """Return a function from texts to token ids (B, L) of the template."""
    return lambda texts: torch.from_numpy(tokenizer.encode(texts, template=template).ids)


def optional_path(name: str) -> Path | None:
    """Return the path, or None for an empty name."""
    return Path(name) if name else None


def _of_files(
    data: ShardsSource | TableSource, *, tokenizer: Tokenizer, seed: int, size: int, workers: int
) -> FileCaptions:
    return FileCaptions(
        _loaded(data).whole(skip=optional_path(data.skip)),
        validation=data.validation,
        tokenise=tokenise(tokenizer, PLAIN),
        seed=seed,
        size=size,
        workers=workers,
    )


def _loaded(data: ShardsSource | TableSource) -> LoadedRows[Captioned]:
    if isinstance(data, ShardsSource):
        return webdataset.find(data.shards, caption=data.caption)
    return captioned_table.find(Path(data.table), image=data.image, caption=data.caption)

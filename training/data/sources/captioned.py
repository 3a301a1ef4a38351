"""Captioned images of a run, images alone or captions alone, from the data section of its config."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from models.tokenizer import PLAIN, Template, Tokenizer
from training.data.config import CaptionedData, DrawnPictures, DrawnTriplets, ShardsSource, TableSource
from training.data.drawn.features import Features
from training.data.drawn.pairs import DrawnCaptioned
from training.data.drawn.words import DrawnCaptionsAlone, DrawnPortraits
from training.data.files import FileCaptions
from training.data.formats import captioned_table, webdataset
from training.data.rows import Captioned, LoadedRows
from training.data.sources.run_inputs import RunInputs


def captioned(data: CaptionedData, inputs: RunInputs, *, workers: int) -> DrawnCaptioned | FileCaptions:
    """Captioned images, drawn ones as outputs of the frozen towers. Raises InputError if files are missing."""
    if isinstance(data, DrawnPictures):
        return DrawnCaptioned(*features(data, inputs), views=data.views)
    return _of_files(data, inputs, workers=workers)


def portraits(data: CaptionedData, inputs: RunInputs, *, workers: int) -> DrawnPortraits | FileCaptions:
    """Images alone, drawn ones as outputs of the frozen tower. Raises InputError if files are missing."""
    if isinstance(data, DrawnPictures):
        return DrawnPortraits(*features(data, inputs), views=data.views)
    return _of_files(data, inputs, workers=workers)


def captions_alone(data: CaptionedData, inputs: RunInputs, *, workers: int) -> DrawnCaptionsAlone | FileCaptions:
    """Captions, with images to validate on. Raises InputError if files are missing."""
    if isinstance(data, DrawnPictures):
        val = _features(inputs, split="val", count=data.validation_products)
        return DrawnCaptionsAlone(data.products, val, seed=inputs.seed)
    return _of_files(data, inputs, workers=workers)


def features(data: DrawnPictures | DrawnTriplets, inputs: RunInputs) -> tuple[Features, Features]:
    """Outputs of the frozen towers for the train and the val split."""
    train = _features(inputs, split="train", count=data.products)
    return train, _features(inputs, split="val", count=data.validation_products)


def tokenise(tokenizer: Tokenizer, template: Template) -> Callable[[list[str]], Tensor]:
    """Return a function from texts to token ids (B, L) of the template."""
    return lambda texts: torch.from_numpy(tokenizer.encode(texts, template=template).ids)


def optional_path(name: str) -> Path | None:
    """Return the path, or None for an empty name."""
    return Path(name) if name else None


def _features(inputs: RunInputs, *, split: str, count: int) -> Features:
    inputs.check_crops()
    return Features(inputs.backbone, inputs.tokenizer, split=split, count=count, seed=inputs.seed, cache=inputs.cache)


def _of_files(data: ShardsSource | TableSource, inputs: RunInputs, *, workers: int) -> FileCaptions:
    return FileCaptions(
        _loaded(data).whole(skip=optional_path(data.skip)),
        validation=data.validation,
        tokenise=tokenise(inputs.tokenizer, PLAIN),
        seed=inputs.seed,
        size=inputs.size,
        workers=workers,
    )


def _loaded(data: ShardsSource | TableSource) -> LoadedRows[Captioned]:
    if isinstance(data, ShardsSource):
        return webdataset.find(data.shards, caption=data.caption)
    return captioned_table.find(Path(data.table), image=data.image, caption=data.caption)

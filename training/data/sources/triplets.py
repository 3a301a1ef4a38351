"""Triplets of a run, from the data section of its config."""

from pathlib import Path

from models.nets.two_stage import TwoStage
from models.tokenizer import PLAIN, Template
from training.data.config import Cirr, DrawnTriplets, FashionIq, Jsonl, LaionCir, ShopTriplets, SynthTriplets
from training.data.drawn.pairs import DrawnStateTriplets
from training.data.drawn.pixels import DrawnPixelTriplets
from training.data.files import FileTriplets
from training.data.formats import cirr, fashioniq, jsonl, laion_cir, synthtriplets
from training.data.rows import LoadedRows, Triplets
from training.data.shop import products
from training.data.shop.dataset import ShopStateTriplets
from training.data.shop.states import ImageStates
from training.data.sources.captioned import features, optional_path, tokenise
from training.data.sources.run_inputs import RunInputs

FileSource = Jsonl | LaionCir | SynthTriplets | FashionIq | Cirr


def drawn_states(data: DrawnTriplets, inputs: RunInputs, *, net: TwoStage | None = None) -> DrawnStateTriplets:
    """Drawn triplets whose images went through the frozen CLIP, and through the frozen modules of `net`."""
    train, val = features(data, inputs)
    tokenizer, template = inputs.tokenizer, Template.parse(inputs.template)
    return DrawnStateTriplets(data, train, val, tokenizer=tokenizer, template=template, seed=inputs.seed, net=net)


def drawn_pixels(data: DrawnTriplets, inputs: RunInputs, *, captions: bool) -> DrawnPixelTriplets:
    """Drawn triplets as pixels of CLIP's size; with `captions` each target has one."""
    return DrawnPixelTriplets(
        data,
        tokenizer=inputs.tokenizer,
        template=Template.parse(inputs.template),
        seed=inputs.seed,
        size=inputs.size,
        cache=inputs.cache,
        captions=captions,
    )


def shop_states(data: ShopTriplets, inputs: RunInputs) -> ShopStateTriplets:
    """Triplets of a shop whose images went through the frozen CLIP."""
    return ShopStateTriplets(
        products.read(Path(data.products)),
        ImageStates(inputs.backbone, Path(data.features)),
        triplets=data.triplets,
        validation_triplets=data.validation_triplets,
        tokenizer=inputs.tokenizer,
        template=Template.parse(inputs.template),
        seed=inputs.seed,
    )


def rows(data: FileSource) -> Triplets:
    """Read the triplets of files; raises InputError if files are missing or rows cannot be used."""
    return _loaded(data).whole(skip=optional_path(data.skip))


def of_files(rows: Triplets, inputs: RunInputs, *, validation: int, workers: int) -> FileTriplets:
    """Triplets of files as pixels of CLIP's size; `validation` rows are held out."""
    return FileTriplets(
        rows,
        validation=validation,
        texts=tokenise(inputs.tokenizer, Template.parse(inputs.template)),
        captions=tokenise(inputs.tokenizer, PLAIN),
        seed=inputs.seed,
        size=inputs.size,
        workers=workers,
    )


def _loaded(data: FileSource) -> LoadedRows[Triplets]:
    match data:
        case Jsonl():
            return jsonl.find(Path(data.file), images=optional_path(data.images))
        case LaionCir():
            return laion_cir.find(
                Path(data.file), images=[Path(folder) for folder in data.images], captions=optional_path(data.captions)
            )
        case SynthTriplets():
            return synthtriplets.find(data.shards, text=data.text)
        case FashionIq():
            return fashioniq.find(Path(data.captions), images=Path(data.images), order=data.order)
        case Cirr():
            return cirr.find(Path(data.captions), split=Path(data.split), images=Path(data.images))

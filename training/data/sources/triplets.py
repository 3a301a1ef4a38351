"""Triplets of a run, from the data section of its config."""

from pathlib import Path

from models.nets.backbone import Backbone
from models.nets.two_stage import TwoStage
from models.tokenizer import PLAIN, Template, Tokenizer
from training.data.config import Cirr, DrawnTriplets, FashionIq, Jsonl, LaionCir, SynthTriplets
from training.data.drawn.pairs import DrawnStateTriplets
from training.data.drawn.pixels import DrawnPixelTriplets
from training.data.files import FileTriplets
from training.data.formats import cirr, fashioniq, jsonl, laion_cir, synthtriplets
from training.data.rows import LoadedRows, Triplets
from training.data.sources.captioned import features, optional_path, tokenise

FileSource = Jsonl | LaionCir | SynthTriplets | FashionIq | Cirr


def drawn_states(
    data: DrawnTriplets,
    *,
    backbone: Backbone,
    tokenizer: Tokenizer,
    template: str,
    seed: int,
    cache: Path,
    net: TwoStage | None = None,
) -> DrawnStateTriplets:
    """Drawn triplets whose images went through the frozen `backbone`, and through the frozen modules of `net`."""
    train, val = features(data, backbone, tokenizer=tokenizer, seed=seed, cache=cache)
    parsed = Template.parse(template)
    return DrawnStateTriplets(data, train, val, tokenizer=tokenizer, template=parsed, seed=seed, net=net)


def drawn_pixels(
    data: DrawnTriplets, *, size: int, tokenizer: Tokenizer, template: str, seed: int, cache: Path, captions: bool
) -> DrawnPixelTriplets:
    """Drawn triplets as pixels of side `size`; with `captions` each target has one."""
    return DrawnPixelTriplets(
        data,
        tokenizer=tokenizer,
        template=Template.parse(template),
        seed=seed,
        size=size,
        cache=cache,
        captions=captions,
    )


def rows(data: FileSource) -> Triplets:
    """Read the triplets of files; raises InputError if files are missing or rows cannot be used."""
    return _loaded(data).whole(skip=optional_path(data.skip))


def of_files(
    rows: Triplets, *, validation: int, tokenizer: Tokenizer, template: str, seed: int, size: int, workers: int
) -> FileTriplets:
    """Triplets of files as pixels of side `size`; `validation` rows are held out."""
    return FileTriplets(
        rows,
        validation=validation,
        texts=tokenise(tokenizer, Template.parse(template)),
        captions=tokenise(tokenizer, PLAIN),
        seed=seed,
        size=size,
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

"""Published benchmarks: their splits and variants, and the reader of each folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from models.errors import ConfigError
from training.evaluation.benchmarks.benchmark import Benchmark


@dataclass(frozen=True, slots=True)
class Preset:
    """The splits and variants of a benchmark; the first of each is the official one."""

    what: str
    splits: tuple[str, ...]
    variants: Mapping[str, str]  # name → description


_JOINS = {
    "": "captions as “c1 and c2” (CLIP4Cir, TransAgg)",
    "-both": "captions in both orders, the mean of the two normalised embeddings (SEARLE, LinCIR)",
    "-reversed": "captions as “c2 and c1” (Pic2Word, two-stage)",
}

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "fashioniq": Preset(
            "FashionIQ: clothes and two captions each, three categories",
            ("val",),
            {f"original{name}": f"galleries of the split files, {join}" for name, join in _JOINS.items()}
            | {
                f"val-split{name}": f"galleries of references and targets alone, {join}"
                for name, join in _JOINS.items()
            },
        ),
        "cirr": Preset(
            "CIRR: NLVR2's images, with subsets of six alike",
            ("val", "test1"),
            {"official": "the split file's images, the query's reference removed"},
        ),
        "circo": Preset(
            "CIRCO: all of COCO's unlabeled images, several answers a query",
            ("val", "test"),
            {
                "official": "the relative caption alone",
                "shared-concept": "the shared concept before the relative caption, which the protocol does not give",
            },
        ),
        "genecis": Preset(
            "GeneCIS: four tasks, a small gallery for each query",
            ("val",),
            {
                "official": "all four tasks, the mean of their means",
                "focus_attribute": "that task alone",
                "change_attribute": "that task alone",
                "focus_object": "that task alone",
                "change_object": "that task alone",
            },
        ),
    }
)


def load(name: str, folder: Path, *, split: str, variant: str) -> Benchmark:
    """Read the benchmark from its folder; raises ConfigError for an unknown preset, InputError for other files."""
    if name not in PRESETS or split not in PRESETS[name].splits or variant not in PRESETS[name].variants:
        raise ConfigError(f"there is no {name} {split} {variant}: `likebut evaluate {name} --help` lists the choices")
    from training.evaluation.benchmarks import (  # they import more than a command's help needs
        circo,
        cirr,
        fashioniq,
        genecis,
    )

    match name:
        case "fashioniq":
            return fashioniq.load(folder, split=split, variant=variant)
        case "cirr":
            return cirr.load(folder, split=split, variant=variant)
        case "circo":
            return circo.load(folder, split=split, variant=variant)
        case _:
            return genecis.load(folder, split=split, variant=variant)

"""Make triplets from images: pairs, captions, texts, the filter, files. A killed run continues if started again."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.arrays import Rows
from models.errors import InputError
from training.triplets import captions, items, pairs, similarity, texts, write
from training.triplets.captions import Captions
from training.triplets.config import Config, PairsConfig
from training.triplets.items import SourceImage
from training.triplets.store import Store
from training.triplets.texts import Attempt, CaptionPair
from training.triplets.write import Rejected, WrittenTriplet

NO_CAPTION = "no caption"


def make(config: Config, out: Path, *, with_parquet: bool) -> Mapping[str, object]:
    """Write the triplets into `out` and return the report, which is the same after any interruptions.

    Raises InputError if images or pairs are missing, ModelError if a model no longer answers at all.
    """
    with Store.open(out) as stored:
        sources = items.read(config.images)
        drawn = _drawn(config.pairs, sources.items, cache=out)  # (P, 2)
        chosen = np.unique(drawn)
        images = [sources.items[row] for row in chosen.tolist()]
        described = captions.write(config.captioner, images, stored=stored)
        every = _Pairs(images, described, np.searchsorted(chosen, drawn))
        whole = every.whole()
        captioned, seed = [every.pair(row) for row in whole], config.pairs.seed
        written = texts.write(config.reformulator, captioned, rules=config.filter, seed=seed, stored=stored)
        triplets = [every.triplet(whole[one.pair], one) for one in written.accepted()]
        rejected = every.without_caption() + [every.rejected(whole[one.pair], one) for one in written.rejected()]
        report = {
            "triplets": len(triplets),
            "pictures": {
                "folder": str(sources.folder.resolve()),
                "used": len(images),
                "of": len(sources.items),
                "same_pictures": sources.same_images,
                "without_class": sources.without_class,
            },
            "pairs": {"drawn": len(drawn), "asked_for": config.pairs.count, "without_caption": len(drawn) - len(whole)},
            "captions": described.report,
            "texts": written.report,
            "config": config.model_dump(mode="json"),
        }
        write.write(out, triplets, rejected, report, with_parquet=with_parquet)
        return report


def facts(report: Mapping[str, object]) -> dict[str, object]:
    """Return the report as lines, without prompts and settings."""
    return dict(_flat("", {name: value for name, value in report.items() if name != "config"}))


def _flat(above: str, values: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{above}{name} ", value)
        elif name != "prompt":
            yield f"{above}{name}", value


def _drawn(section: PairsConfig, sources: Sequence[SourceImage], *, cache: Path) -> Rows:
    """Draw the rows of the pairs (P, 2); prints a note if there are fewer than requested."""
    names = sorted({item.meta_class for item in sources}) if section.within == "class" else [""]
    number = {name: place for place, name in enumerate(names)}
    classes = np.array([number[item.meta_class] if len(names) > 1 else 0 for item in sources], dtype=np.int64)
    if section.window is None:
        drawn = pairs.draw(classes, section.count, seed=section.seed)
    else:
        vectors = similarity.vectors(sources, Path(section.bundle), cache=cache)
        drawn = pairs.draw(classes, section.count, seed=section.seed, vectors=vectors, window=section.window)
    if not len(drawn):
        raise InputError("no two images make a pair: widen pairs.window, or set pairs.within to all")
    if len(drawn) < section.count:
        print(f"likebut: {len(drawn)} pairs of {section.count} requested: there are no more", file=sys.stderr)
    return drawn


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """The pairs with their images and captions."""

    images: Sequence[SourceImage]
    captions: Captions  # of the images
    rows: Rows  # (P, 2), of images

    def whole(self) -> list[int]:
        """Return the pairs that have both captions."""
        return [row for row, pair in enumerate(self.rows.tolist()) if not self.captions.problems.keys() & set(pair)]

    def pair(self, row: int) -> CaptionPair:
        first, second = (self.images[place] for place in self.rows[row].tolist())
        return CaptionPair(f"{first.name}>{second.name}", self._captions(row), (first.facts, second.facts))

    def triplet(self, row: int, text: Attempt) -> WrittenTriplet:
        reference, target = self._names(row)
        return WrittenTriplet(reference, text.text, target, *self._captions(row))

    def rejected(self, row: int, text: Attempt) -> Rejected:
        return Rejected(*self._names(row), text.attempt, text.text, text.reason, *self._captions(row))

    def without_caption(self) -> list[Rejected]:
        """Return the other pairs, with the reason of the first image without a caption."""
        rejected = []
        for row, pair in enumerate(self.rows.tolist()):
            problems = [self.captions.problems[place] for place in pair if place in self.captions.problems]
            if problems:
                reason = f"{NO_CAPTION}: {problems[0]}"
                rejected.append(Rejected(*self._names(row), 0, "", reason, *self._captions(row)))
        return rejected

    def _names(self, row: int) -> tuple[str, str]:
        first, second = (self.images[place].name for place in self.rows[row].tolist())
        return first, second

    def _captions(self, row: int) -> tuple[str, str]:
        first, second = (self.captions.texts[place] for place in self.rows[row].tolist())
        return first, second

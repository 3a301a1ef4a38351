"""CPU milliseconds of a suggestion while texts are typed letter by letter; prints a Markdown table.

In the demo gallery, and in one of 200 000 items that is made here: titles of a brand, a colour, a material, a kind and
a name of its own, the names from 50 000 invented words. Typed are titles, two words of one, the same with two letters
swapped, and ids. With --changes, as many items of the large gallery are changed first. Run it by `make bench`.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from index.build.snapshot_writer import SnapshotOrigin, write
from index.gallery import Gallery
from index.items.items import GalleryItem
from index.search.deadline import Deadline
from index.sources.embedded import Embedded
from index.sources.rows import SourceRow
from index.storage import snapshot
from index.storage.changes import Upsert
from index.storage.journal import Journal
from index.vectors.encodings import IndexOptions
from models.bundle import Bundle

SPACE = "drawn"
DIMENSION = 8  # no vector is compared
ITEMS = 200_000
NAMES = ("title", "brand", "category")
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "el", "or")]
COLOURS = (
    "red",
    "blue",
    "navy",
    "green",
    "olive",
    "yellow",
    "orange",
    "pink",
    "purple",
    "brown",
    "beige",
    "grey",
    "black",
)
MATERIALS = (
    "linen",
    "cotton",
    "wool",
    "leather",
    "suede",
    "canvas",
    "jersey",
    "satin",
    "denim",
    "felt",
    "fleece",
    "silk",
)
KINDS = (
    "dress",
    "skirt",
    "shirt",
    "coat",
    "jacket",
    "boots",
    "sneakers",
    "lamp",
    "cushion",
    "mug",
    "handbag",
    "hat",
    "scarf",
)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("models/bundles/two-stage"))
    parser.add_argument("--gallery", type=Path, required=True, help="the demo gallery")
    parser.add_argument("--large", type=Path, default=Path("build/bench-suggestions"), help="the large gallery, kept")
    parser.add_argument("--texts", type=int, default=60, help="number of texts that are typed")
    parser.add_argument("--changes", type=int, default=2_000)
    arguments = parser.parse_args(argv)
    if not (arguments.large / snapshot.CURRENT).exists():
        build(arguments.large)
    demo = Gallery.open(arguments.gallery, space_id=Bundle.open(arguments.bundle).manifest.space_id)
    large = Gallery.open(arguments.large, space_id=SPACE)
    if arguments.changes > large.changes:
        change(large, arguments.changes - large.changes)
    print("| items | changes | letters typed | p50 | p95 | p99 | most |\n" + "|---" * 7 + "|")
    for gallery in (demo, large):
        measure(gallery, arguments.texts)
    return 0


def build(gallery: Path) -> None:
    gallery.mkdir(parents=True, exist_ok=True)
    generator = random.Random(0)
    brands = [word(generator, 2).title() for _ in range(300)]
    names = [word(generator, 3) for _ in range(50_000)]
    rows = [SourceRow(f"sku-{number:07d}", "", attributes(generator, brands, names)) for number in range(ITEMS)]
    vectors = np.random.default_rng(0).standard_normal((ITEMS, DIMENSION)).astype(np.float16)
    Journal.open(gallery).close()
    contents = Embedded(rows, vectors, [], computed=0, new=len(rows))
    origin = SnapshotOrigin("drawn", SPACE, "drawn", 0)
    made, _ = write(gallery, contents, origin, IndexOptions(), lambda _: None, known={}, lexical=NAMES)
    snapshot.publish(gallery, made.manifest.name)


def word(generator: random.Random, syllables: int) -> str:
    return "".join(generator.choice(SYLLABLES) for _ in range(syllables))


def attributes(generator: random.Random, brands: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    brand, kind = generator.choice(brands), generator.choice(KINDS)
    name = names[int(len(names) * generator.random() ** 3)]
    colour, material = generator.choice(COLOURS), generator.choice(MATERIALS)
    return {"title": f"{brand} {colour} {material} {kind} {name}", "brand": brand, "category": kind}


def change(gallery: Gallery, count: int) -> None:
    """Renames the last items."""
    view = gallery.view()
    for number in range(count):
        item = view.item(f"sku-{ITEMS - 1 - number:07d}")
        changed = GalleryItem(item.id, "", {**item.attributes, "title": f"{item.attributes['title']} renewed"})
        gallery.change([Upsert(changed, "", SPACE, np.ones(DIMENSION, np.float16))])


def typed(items: Sequence[GalleryItem]) -> Iterator[str]:
    """Yield texts as they grow, letter by letter."""
    for item in items:
        title = str(item.attributes["title"]).lower()
        words = title.split()
        first, last = words[1][:2] + words[1][3:4] + words[1][2:3] + words[1][4:], words[-2]
        for text in (title, f"{words[-1]} {words[-2]}", f"{first} {last}", item.id):
            yield from (text[:end] for end in range(1, len(text) + 1))


def measure(gallery: Gallery, count: int) -> None:
    view = gallery.view()
    ids = random.Random(1).sample(list(view.ids), count)
    list(view.suggestions("waarm", limit=8, deadline=Deadline()))  # reads the frequent words, once for a snapshot
    took = []
    for text in typed([view.item(id) for id in ids]):
        began = time.thread_time()
        view.suggestions(text, limit=8, deadline=Deadline(time.monotonic() + 1))
        took.append(1000 * (time.thread_time() - began))
    p50, p95, p99 = np.percentile(took, [50, 95, 99])
    print(f"| {len(view)} | {gallery.changes} | {len(took)} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {max(took):.1f} |")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Galleries with one and with several images an item, searched by photos and details; prints a Markdown table.

The items are those of a drawn shop. Beside the image of the shop, its front, an item may have another photo (other
pose, light and background) and details cut from it. The queries are details and photos that no gallery has, changes of
front images in words, and sentences. An item that looks the same as the wanted one counts as found. Run it by
`make bench`.
"""

import io
import random
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet
from PIL import Image

import hybrid
import shop as drawn
from index.build.publish import publish
from index.build.snapshot_writer import SnapshotOrigin, write
from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.search.request import SearchRequest
from index.sources.embedded import Embedded
from index.sources.image_cells import FurtherImage
from index.sources.rows import SourceRow
from index.storage.journal import Journal
from index.vectors.encodings import DEFAULT_OPTIONS
from models import preprocess
from models.arrays import Embeddings, Rows
from models.encoder import Encoder
from training.catalogue.draw import draw
from training.catalogue.world.world import Product

SIZE = 256  # pixels of a drawing
BATCH = 64
K = 10
OTHER, UNSEEN = 1_000_003, 2_000_003  # added to the seed of a product's picture
DETAILS = ((0.5, 0.34), (0.5, 0.62))  # centres of the stored details, as shares of the image
SIDE = 0.45  # of a stored detail
Answers = frozenset[str]


@dataclass(frozen=True, slots=True)
class Queries:
    """Vectors (B, d) and for each the ids of the items that answer it."""

    vectors: Embeddings
    answers: Sequence[Answers]
    references: Sequence[tuple[str, ...]]


def main(argv: Sequence[str]) -> int:
    parser = drawn.parser(__doc__)
    parser.add_argument("--queries", type=int, default=500, help="number of queries of each kind")
    arguments = parser.parse_args(argv)
    encoder = Encoder.open(arguments.bundle)
    view = Gallery.open(arguments.gallery, space_id=encoder.manifest.space_id).view()
    products = [product for product in hybrid.products(arguments.shop) if product.id in view]
    fronts = np.stack([view.vector(product.id) for product in products])
    others = _embedded(encoder, (view for product in products for view in _views(product)))
    photos, *details = others.reshape(len(products), 1 + len(DETAILS), -1).swapaxes(0, 1)
    queries = _queries(encoder, view, arguments.shop, products, arguments.queries)
    galleries: Mapping[str, Sequence[Embeddings]] = {
        "front": [fronts],
        "front, photo": [fronts, photos],
        "front, 2 details": [fronts, *details],
        "front, photo, 2 details": [fronts, photos, *details],
    }
    print(f"{len(products)} items, {arguments.queries} queries of each kind, recall@1 and recall@10.\n", flush=True)
    names = [f"{name} R@1 | R@10" for name in queries]
    print(f"| images of an item | {' | '.join(names)} | ms a search |")
    print("|---" * (2 * len(names) + 2) + "|")
    for name, images in galleries.items():
        with TemporaryDirectory() as folder:
            opened = _gallery(Path(folder), [product.id for product in products], images, encoder)
            cells = [f"{recall:.3f}" for each in queries.values() for recall in _recalls(opened, each)]
            print(f"| {name} | {' | '.join(cells)} | {_milliseconds(opened, fronts):.2f} |", flush=True)
    return 0


def _views(product: Product) -> list[Image.Image]:
    """Another photo of a product, and the details of it."""
    photo = _photo(product, OTHER)
    return [photo, *(_cut(photo, centre, SIDE) for centre in DETAILS)]


def _photo(product: Product, seed: int) -> Image.Image:
    return Image.fromarray(draw.draw(replace(product, picture_seed=product.picture_seed + seed), size=SIZE))


def _cut(image: Image.Image, centre: tuple[float, float], side: float) -> Image.Image:
    """A square of the image, of a side as a share of its own."""
    left, top = ((each - side / 2) * SIZE for each in centre)
    return image.crop((round(left), round(top), round(left + side * SIZE), round(top + side * SIZE)))


def _embedded(encoder: Encoder, images: Iterable[Image.Image]) -> Embeddings:
    """The vectors (n, d) of images, sent as JPEG files are."""
    blocks: list[Embeddings] = []
    batch: list[bytes] = []

    def flush() -> None:
        pixels = [preprocess.square(data, resize=encoder.manifest.resize, max_pixels=10**8) for data in batch]
        blocks.append(encoder.gallery(np.stack(pixels)))
        batch.clear()

    for image in images:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=85)
        batch.append(file.getvalue())
        if len(batch) == BATCH:
            flush()
    if batch:
        flush()
    return np.concatenate(blocks)


def _queries(
    encoder: Encoder, view: GalleryView, shop: Path, products: Sequence[Product], count: int
) -> dict[str, Queries]:
    same: dict[str, set[str]] = {}
    for product in products:
        same.setdefault(_looks(product), set()).add(product.id)
    generator = random.Random(5)
    chosen = generator.sample(products, count)
    answers = [frozenset(same[_looks(product)]) for product in chosen]
    photos = [_photo(product, UNSEEN) for product in chosen]
    spots = [(generator.uniform(0.4, 0.6), generator.uniform(0.3, 0.65), generator.uniform(0.3, 0.5)) for _ in chosen]
    cuts = (_cut(photo, (x, y), side) for photo, (x, y, side) in zip(photos, spots, strict=True))
    items = pyarrow.parquet.read_table(shop / "items.parquet").to_pylist()
    nothing: Sequence[tuple[str, ...]] = [()] * count
    changes = hybrid.change_cases(encoder, view, shop, items, count)
    sentences = hybrid.text_cases(encoder, hybrid.captions(shop, count))
    return {
        "detail": Queries(_embedded(encoder, cuts), answers, nothing),
        "photo": Queries(_embedded(encoder, photos), answers, nothing),
        "change": _of_cases(changes),
        "sentence": _of_cases(sentences),
    }


def _of_cases(cases: Sequence[hybrid.Case]) -> Queries:
    return Queries(
        np.stack([case.vector for case in cases]),
        [case.answers for case in cases],
        [case.request.references for case in cases],
    )


def _looks(product: Product) -> str:
    return repr(sorted(product.facts().items()))


def _gallery(folder: Path, ids: Sequence[str], images: Sequence[Embeddings], encoder: Encoder) -> GalleryView:
    """A gallery of items with these images, each (n, d)."""
    further = [
        tuple(FurtherImage(f"{id}/{number}", f"{id}/{number}") for number in range(1, len(images))) for id in ids
    ]
    rows = [SourceRow(id, id, {}, content=id, further=of_item) for id, of_item in zip(ids, further, strict=True)]
    others: Rows = np.arange(len(ids) * (len(images) - 1)).reshape(len(images) - 1, len(ids)).T.ravel()
    vectors = np.concatenate([images[0], np.concatenate(images)[len(ids) :][others]]).astype(np.float16)
    manifest = encoder.manifest
    with Journal.open(folder) as journal:
        origin = SnapshotOrigin("drawn", manifest.space_id, manifest.model_id, 0)
        contents = Embedded(rows, vectors, [], computed=0, new=len(vectors))
        sealed, _ = write(folder, contents, origin, DEFAULT_OPTIONS, lambda progress: None, known={}, lexical=[])
        publish(folder, sealed, journal)
    return Gallery.open(folder, space_id=manifest.space_id).view()


def _recalls(view: GalleryView, queries: Queries) -> tuple[float, float]:
    requests = [SearchRequest(k=K, references=references) for references in queries.references]
    results = view.search(queries.vectors, requests)
    pairs = list(zip(results, queries.answers, strict=True))
    first, all_of = (
        sum(any(hit.item.id in wanted for hit in result.hits[:k]) for result, wanted in pairs) / len(pairs)
        for k in (1, K)
    )
    return first, all_of


def _milliseconds(view: GalleryView, queries: Embeddings) -> float:
    """The median time of a search of one query."""
    took = []
    for number in range(min(300, len(queries))):
        began = time.perf_counter()
        view.search(queries[number : number + 1], [SearchRequest(k=20)])
        took.append(time.perf_counter() - began)
    return 1000 * median(took)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

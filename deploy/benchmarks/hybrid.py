"""Search by words and vectors together, for each weight of the words; prints a Markdown table.

Typed titles, brands and ids of a drawn shop must find their items first; sentences that describe an item, and changes
of an image, must find theirs as often as without words. The time is that of a text search in this process, encoding
included, each query once with the weight and once without it, in turn. Run it by `make bench`.
"""

import json
import random
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet

import shop as drawn
from index.gallery import Gallery
from index.gallery_view import GalleryView
from index.search.request import Hit, SearchRequest
from models.arrays import Embeddings
from models.bundle import Bundle
from models.encoder import Encoder
from training.catalogue.language import product_captions
from training.catalogue.triplets import Facts
from training.catalogue.world.sample import catalogue
from training.catalogue.world.world import Product

TITLES = 60
BATCH = 32
K = 24


@dataclass(frozen=True, slots=True)
class Case:
    """A query as its text and its vector (d,), and the ids that answer it."""

    text: str
    vector: Embeddings
    answers: frozenset[str]
    request: SearchRequest


def main(argv: Sequence[str]) -> int:
    parser = drawn.parser(__doc__)
    parser.add_argument("--queries", type=int, default=500, help="number of sentences, and of changes")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.3, 0.5, 0.7])
    arguments = parser.parse_args(argv)
    encoder = Encoder.open(arguments.bundle)
    view = Gallery.open(arguments.gallery, space_id=Bundle.open(arguments.bundle).manifest.space_id).view()
    items = pyarrow.parquet.read_table(arguments.shop / "items.parquet").to_pylist()
    by_title, by_brand = _grouped(items, "title"), _grouped(items, "brand")
    titles = random.Random(0).sample(sorted(item["title"] for item in items), TITLES)
    typed = {
        "title": text_cases(encoder, [(title, by_title[title]) for title in titles]),
        "brand": text_cases(encoder, by_brand.items()),
        "id": text_cases(encoder, [(item["id"], frozenset([item["id"]])) for item in items[: arguments.queries]]),
    }
    sentences = text_cases(encoder, captions(arguments.shop, arguments.queries))
    changes = change_cases(encoder, view, arguments.shop, items, arguments.queries)
    print(f"{len(items)} items; {TITLES} titles, {len(by_brand)} brands, {len(typed['id'])} ids,")
    print(f"{len(sentences)} sentences and {len(changes)} changes of an image. Time: median of a text search with the")
    print("weight / without words.\n")
    print("| weight | title first | brand: 24 of it | id first | sentence R@1 | R@10 | change R@1 | R@10 | time |")
    print("|---" * 9 + "|")
    for weight in arguments.weights:
        first = {name: _recall(view, cases, weight, 1) for name, cases in typed.items() if name != "brand"}
        brands = [_share(hits, case) for hits, case in _hits(view, typed["brand"], weight)]
        recalls = [_recall(view, cases, weight, k) for cases in (sentences, changes) for k in (1, 10)]
        cells = [f"{first['title'] * TITLES:.0f} of {TITLES}", f"{brands.count(1.0)} of {len(brands)}"]
        cells += [f"{first['id']:.3f}", *(f"{recall:.3f}" for recall in recalls)]
        print(f"| {weight:g} | {' | '.join(cells)} | {_time_ratio(encoder, view, sentences, weight):.2f} |", flush=True)
    return 0


def _grouped(items: Sequence[dict[str, str]], name: str) -> dict[str, frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for item in items:
        groups.setdefault(item[name], set()).add(item["id"])
    return {value: frozenset(ids) for value, ids in groups.items()}


def products(shop: Path) -> list[Product]:
    """The products of a drawn shop."""
    parameters = json.loads((shop / "catalogue.json").read_text())
    return catalogue(parameters["products"], split=parameters["split"], seed=parameters["seed"])


def captions(shop: Path, count: int) -> Iterable[tuple[str, frozenset[str]]]:
    """Sentences with the ids of all items that each describes."""
    sold = products(shop)
    facts, ids = Facts(sold), np.array([product.id for product in sold])
    for product in random.Random(1).sample(sold, count):
        phrase = product_captions.caption(product, random.Random(product.id))
        yield phrase.text, frozenset(ids[facts.accepted(phrase.wish)].tolist())


def text_cases(encoder: Encoder, pairs: Iterable[tuple[str, frozenset[str]]]) -> list[Case]:
    pairs = list(pairs)
    vectors = [encoder.texts([encoder.spelt(text)])[0] for text, _ in pairs]
    return [
        Case(text, vector, answers, SearchRequest(k=K)) for (text, answers), vector in zip(pairs, vectors, strict=True)
    ]


def change_cases(
    encoder: Encoder, view: GalleryView, shop: Path, items: Sequence[dict[str, str]], count: int
) -> list[Case]:
    """Changes of an image, from the triplets of the shop."""
    paths = {item["id"]: shop / item["image"] for item in items}
    cases, weight = [], encoder.manifest.text_weight
    for line in (shop / "triplets.jsonl").read_text().splitlines()[:count]:
        triplet = json.loads(line)
        pixels = encoder.preprocess(paths[triplet["reference"]].read_bytes(), max_pixels=10**8)
        (vector,) = encoder.queries(pixels[np.newaxis], [encoder.spelt(triplet["text"])], text_weight=weight)
        request = SearchRequest(k=K, references=(triplet["reference"],))
        cases.append(Case(triplet["text"], vector, frozenset(triplet["satisfying"]), request))
    return cases


def _hits(view: GalleryView, cases: Sequence[Case], weight: float) -> Iterable[tuple[Sequence[Hit], Case]]:
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        requests = [replace(case.request, text=case.text, lexical_weight=weight) for case in batch]
        results = view.search(np.stack([case.vector for case in batch]), requests)
        yield from zip([result.hits for result in results], batch, strict=True)


def _recall(view: GalleryView, cases: Sequence[Case], weight: float, k: int) -> float:
    found = [any(hit.item.id in case.answers for hit in hits[:k]) for hits, case in _hits(view, cases, weight)]
    return sum(found) / len(found)


def _share(hits: Sequence[Hit], case: Case) -> float:
    """The share of the first hits that are answers, of as many as there are."""
    first = hits[: min(K, len(case.answers))]
    return sum(hit.item.id in case.answers for hit in first) / len(first)


def _time_ratio(encoder: Encoder, view: GalleryView, cases: Sequence[Case], weight: float) -> float:
    took: dict[float, list[float]] = {0.0: [], weight: []}
    for number, case in enumerate(cases):
        for each in (0.0, weight) if number % 2 else (weight, 0.0):
            request = replace(case.request, text=case.text, lexical_weight=each)
            began = time.perf_counter()
            view.search(encoder.texts([case.text]), [request])
            took[each].append(time.perf_counter() - began)
    return median(took[weight]) / median(took[0.0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

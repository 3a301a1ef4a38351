"""Writes a drawn shop to a folder: pictures, the table of items, and the triplets."""

import json
import multiprocessing
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from models import files
from models.errors import InputError
from training.catalogue.language.product_captions import title
from training.catalogue.triplets import Triplet, triplets
from training.catalogue.world.sample import SPLITS, catalogue
from training.catalogue.world.world import CATEGORIES, Product

VERSION = 3  # raised when the same seed draws other pictures or words, so that old folders are not mixed in

CATALOGUE = "catalogue.json"
ITEMS = "items.parquet"
TRIPLETS = "triplets.jsonl"
IMAGES = "images"

_IMAGE = re.compile(r"[a-z]{2}-\d{7}(-1)?\.jpg")
_QUALITY = 90
_CHUNK = 32  # pictures that a worker draws before it reports


@dataclass(frozen=True, slots=True)
class Written:
    """What a call did: products and triplets in the folder, pictures drawn now and kept from before."""

    products: int
    triplets: int
    drawn: int
    kept: int


def write(
    out: Path,
    *,
    split: str,
    products: int,
    triplets: int,
    size: int,
    seed: int,
    workers: int,
    force: bool = False,
    progress: bool = True,
) -> Written:
    """Writes the shop of that seed; called again after an interruption it draws only what is missing.

    The parameters are written first, so that pictures are known to be theirs, and the table of items
    last, so that it means complete. `force` replaces a catalogue of other parameters. Raises InputError
    for a folder that holds something else or cannot be made, and for more triplets than the shop has.
    """
    if split not in SPLITS:
        raise InputError(f"there is no split {split!r}: choose one of {', '.join(SPLITS)}")
    asked = {"version": VERSION, "split": split, "products": products, "triplets": triplets, "size": size, "seed": seed}
    shop = catalogue(products, split=split, seed=seed)
    questions = _triplets(shop, triplets, seed=seed)  # first, for it may refuse
    _claim(out, asked, force=force)
    try:
        out.mkdir(parents=True, exist_ok=True)
        files.write(out / CATALOGUE, json.dumps(asked))
        (out / IMAGES).mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {out} ({error.strerror}): name a folder that can be written"
        ) from error
    missing = [product for product in shop if not (out / image(product)).exists()]
    if missing:
        (out / ITEMS).unlink(missing_ok=True)
    _draw(missing, out, size=size, workers=workers, progress=progress)
    files.write(
        out / TRIPLETS, "".join(json.dumps(asdict(triplet), ensure_ascii=False) + "\n" for triplet in questions)
    )
    _write_items(shop, out / ITEMS)  # last, so that it means complete
    return Written(len(shop), len(questions), len(missing), len(shop) - len(missing))


def image(product: Product) -> str:
    """The path of the product's picture, relative to the table of items."""
    return f"{IMAGES}/{product.id}.jpg"


def read_triplets(path: Path) -> list[Triplet]:
    """The triplets of a written file, in its order."""
    with path.open(encoding="utf-8") as lines:
        rows = map(json.loads, lines)
        return [
            Triplet(row["reference"], row["text"], row["target"], tuple(row["satisfying"]), tuple(row["kinds"]))
            for row in rows
        ]


def _claim(out: Path, asked: Mapping[str, object], *, force: bool) -> None:
    """Makes sure that the folder is empty or holds the catalogue asked for, whole or in part."""
    if not out.exists():
        return
    if _is_remnant(out):
        shutil.rmtree(out / IMAGES, ignore_errors=True)  # of which seed and size nobody knows
        return
    try:
        before = json.loads((out / CATALOGUE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{out} holds something that is not a drawn catalogue: name a new or empty folder") from error
    if not isinstance(before, dict) or "version" not in before:
        raise InputError(f"{out / CATALOGUE} is not that of a drawn catalogue: name a new or empty folder")
    if {name: before.get(name) for name in asked} == asked:
        return
    if not force:
        raise InputError(f"{out} holds a catalogue of other parameters: name another folder, or --force to replace it")
    # The old parameters stay until the new ones replace them: an interruption here leaves no pictures unnamed.
    for name in (ITEMS, TRIPLETS):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / IMAGES, ignore_errors=True)


def _is_remnant(out: Path) -> bool:
    """True for a folder without parameters that holds nothing but what a call may leave: pictures and parts."""
    if not out.is_dir():
        return False
    left = [path for path in out.iterdir() if not files.is_temporary(path)]
    if not all(path.name == IMAGES and path.is_dir() for path in left):
        return False
    images = [path for folder in left for path in folder.iterdir()]
    return all(files.is_temporary(path) or _IMAGE.fullmatch(path.name) for path in images)


def _triplets(shop: Sequence[Product], count: int, *, seed: int) -> list[Triplet]:
    found = triplets(shop, count, seed=seed)
    if len(found) < count:
        raise InputError(f"a shop of {len(shop)} has only {len(found)} triplets: ask for fewer, or for more products")
    return found


def _draw(missing: Sequence[Product], out: Path, *, size: int, workers: int, progress: bool) -> None:
    from tqdm import tqdm

    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    with tqdm(total=len(missing), unit="picture", desc="drawing", disable=not (progress and missing)) as bar:
        for done in _drawn(chunks, out, size=size, workers=workers):
            bar.update(done)


def _drawn(chunks: Sequence[Sequence[Product]], out: Path, *, size: int, workers: int) -> Iterator[int]:
    if workers <= 1 or len(chunks) < 2:
        for chunk in chunks:
            yield _draw_chunk(chunk, out, size)
        return
    # Spawned, not forked: the parent may hold threads of other libraries.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_draw_chunk, chunks, [out] * len(chunks), [size] * len(chunks))


def _draw_chunk(products: Sequence[Product], out: Path, size: int) -> int:
    from PIL import Image

    from training.catalogue.draw.draw import draw

    for product in products:
        path = out / image(product)
        with files.replacing_unsynced(path) as part:
            # Full colour resolution, or thin stripes would lose their colour.
            Image.fromarray(draw(product, size=size)).save(part, format="JPEG", quality=_QUALITY, subsampling=0)
    return len(products)


def _write_items(shop: Sequence[Product], path: Path) -> None:
    """The table: one row a product, one string column for each attribute of any category, null where it has none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = (
        "colour",
        "pattern",
        "second_colour",
        *sorted({name for kind in CATEGORIES.values() for name in kind.attributes}),
    )
    columns = {
        "id": pa.array([product.id for product in shop], pa.string()),
        "image": pa.array([image(product) for product in shop], pa.string()),
        "title": pa.array([title(product) for product in shop], pa.string()),
        "category": pa.array([product.category for product in shop], pa.string()),
        **{name: pa.array([product.look.get(name) for product in shop], pa.string()) for name in names},
        "brand": pa.array([product.brand for product in shop], pa.string()),
        "price": pa.array([product.price for product in shop], pa.float64()),
        "in_stock": pa.array([product.in_stock for product in shop], pa.bool_()),
        "audience": pa.array([product.audience for product in shop], pa.string()),
    }
    with files.replacing(path) as part:
        pq.write_table(pa.table(columns), part)

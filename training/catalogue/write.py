"""Write a drawn shop to a folder: images, the item table, and the triplets."""

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

VERSION = 3  # increased if the same seed draws other images or texts, so that old folders are not reused

CATALOGUE = "catalogue.json"
ITEMS = "items.parquet"
TRIPLETS = "triplets.jsonl"
IMAGES = "images"

_IMAGE = re.compile(r"[a-z]{2}-\d{7}(-1)?\.jpg")
_QUALITY = 90
_CHUNK = 32  # images that a worker draws before it reports progress


@dataclass(frozen=True, slots=True)
class Written:
    """Result of a call: products and triplets in the folder, images drawn now and kept from before."""

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
    """Write the shop of that seed; after an interruption, another call draws only the missing images.

    The parameters are written first, so that the images are known to belong to them, and the item table last, so that
    it marks the folder as complete. `force` replaces a catalogue of other parameters. Raises InputError if the folder
    holds something else or cannot be created, and if the shop has too few triplets.
    """
    if split not in SPLITS:
        raise InputError(f"there is no split {split!r}: choose one of {', '.join(SPLITS)}")
    sizes = {"products": products, "triplets": triplets, "size": size}
    parameters = {"version": VERSION, "split": split, **sizes, "seed": seed}
    shop = catalogue(products, split=split, seed=seed)
    questions = _triplets(shop, triplets, seed=seed)  # first, since it may fail
    _claim(out, parameters, force=force)
    try:
        out.mkdir(parents=True, exist_ok=True)
        files.write(out / CATALOGUE, json.dumps(parameters))
        (out / IMAGES).mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {out} ({error.strerror}): name a writable folder") from error
    missing = [product for product in shop if not (out / image(product)).exists()]
    if missing:
        (out / ITEMS).unlink(missing_ok=True)
    _draw(missing, out, size=size, workers=workers, progress=progress)
    lines = (json.dumps(_fields(triplet), ensure_ascii=False) + "\n" for triplet in questions)
    files.write(out / TRIPLETS, "".join(lines))
    _write_items(shop, out / ITEMS)  # last, so that it means complete
    return Written(len(shop), len(questions), len(missing), len(shop) - len(missing))


def image(product: Product) -> str:
    """Return the path of the product's image, relative to the item table."""
    return f"{IMAGES}/{product.id}.jpg"


def read_triplets(path: Path) -> list[Triplet]:
    """Read the triplets of a written file, in its order."""
    with path.open(encoding="utf-8") as lines:
        rows = map(json.loads, lines)
        return [
            Triplet(row["reference"], row["text"], row["target"], tuple(row["satisfying"]), tuple(row["kinds"]))
            for row in rows
        ]


def _fields(triplet: Triplet) -> dict[str, object]:
    return {name: value for name, value in asdict(triplet).items() if name != "wish"}


def _claim(out: Path, parameters: Mapping[str, object], *, force: bool) -> None:
    """Check that the folder is empty or holds the requested catalogue, complete or in part; clear it with `force`."""
    if not out.exists():
        return
    if _is_remnant(out):
        shutil.rmtree(out / IMAGES, ignore_errors=True)  # their seed and size are unknown
        return
    try:
        before = json.loads((out / CATALOGUE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{out} holds something that is not a drawn catalogue: name a new or empty folder") from error
    if not isinstance(before, dict) or "version" not in before:
        raise InputError(f"{out / CATALOGUE} does not describe a drawn catalogue: name a new or empty folder")
    if {name: before.get(name) for name in parameters} == parameters:
        return
    if not force:
        raise InputError(f"{out} holds a catalogue of other parameters: name another folder, or --force to replace it")
    # The old parameters stay until the new ones replace them: after an interruption here, no image is without its
    # parameters.
    for name in (ITEMS, TRIPLETS):
        (out / name).unlink(missing_ok=True)
    shutil.rmtree(out / IMAGES, ignore_errors=True)


def _is_remnant(out: Path) -> bool:
    """Return True for a folder without parameters that holds only images and partial files of an interrupted call."""
    if not out.is_dir():
        return False
    left = [path for path in out.iterdir() if not files.is_temporary(path)]
    if not all(path.name == IMAGES and path.is_dir() for path in left):
        return False
    images = [path for folder in left for path in folder.iterdir()]
    return all(files.is_temporary(path) or _IMAGE.fullmatch(path.name) for path in images)


def _triplets(shop: Sequence[Product], count: int, *, seed: int) -> list[Triplet]:
    drawn = triplets(shop, count, seed=seed)
    if len(drawn) < count:
        few = f"a shop of {len(shop)} products has only {len(drawn)} triplets"
        raise InputError(f"{few}: request fewer triplets or more products")
    return drawn


def _draw(missing: Sequence[Product], out: Path, *, size: int, workers: int, progress: bool) -> None:
    from tqdm import tqdm

    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    with tqdm(total=len(missing), unit="image", desc="drawing", disable=not (progress and missing)) as bar:
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
    """Write one row per product and one string column per attribute of any category, null if the category has none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    attributes = {name for kind in CATEGORIES.values() for name in kind.attributes}
    names = ("colour", "pattern", "second_colour", *sorted(attributes))
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

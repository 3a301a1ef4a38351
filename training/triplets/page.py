"""HTML page to judge a run: some of its triplets with their captions, and the rejected texts with their reasons."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

from jinja2 import Environment, StrictUndefined
from PIL import Image
from tqdm import tqdm

from models import files, preprocess
from models.errors import InputError
from training.data.formats import jsonl
from training.triplets import write

PAGE = "triplets.html"
TEMPLATE = Path(__file__).with_name("page.html")
_SIDE = 320  # pixels of a thumbnail's longer side
_QUALITY = 80
_REJECTED_PER_REASON = 12  # shown for each reason

_Row = Mapping[str, object]


def show(folder: Path, *, count: int, images: Path | None, seed: int) -> Path:
    """Write `folder`/triplets.html and return its path: `count` triplets drawn by the seed, and rejected ones.

    `images` is the folder of the images; None: the one that the run read. The page is one file. Raises InputError if
    the folder holds no finished run.
    """
    report = write.report(folder)
    images = Path(str(write.fact(report, "pictures", "folder"))) if images is None else images
    triplets = _some(list(jsonl.records(folder / write.TRIPLETS)), count, seed=seed)
    rejected: dict[str, list[_Row]] = {}
    for row in jsonl.records(folder / write.REJECTED):
        rejected.setdefault(str(row["reason"]).partition(":")[0], []).append(row)
    some = {reason: _some(rows, _REJECTED_PER_REASON, seed=seed) for reason, rows in rejected.items()}
    shown = [*triplets, *(row for rows in some.values() for row in rows)]
    names = dict.fromkeys(str(row[side]) for row in shown for side in ("reference", "target"))
    bar = tqdm(names, desc="thumbnails", unit="image", mininterval=1.0)
    thumbnails = {name: _thumbnail(images / name) for name in bar}
    # Every value is escaped, since captions and file names are not trusted.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        triplets=triplets,
        total=write.fact(report, "triplets"),
        pairs=write.fact(report, "pairs", "drawn"),
        captioner=write.fact(report, "captions", "model"),
        reformulator=write.fact(report, "texts", "model"),
        rejected={reason: (len(rejected[reason]), rows) for reason, rows in some.items()},
        thumbnails=thumbnails,
    )
    files.write(folder / PAGE, page)
    return folder / PAGE


_T = TypeVar("_T")


def _some(rows: Sequence[_T], count: int, *, seed: int) -> list[_T]:
    """Draw up to `count` of the rows, in their order."""
    chosen = sorted(Random(seed).sample(range(len(rows)), min(count, len(rows))))
    return [rows[row] for row in chosen]


def _thumbnail(path: Path) -> str:
    """Return the image as a small JPEG in a data URL; "" if it cannot be read."""
    try:
        image = preprocess.decode(path.read_bytes())
    except (OSError, InputError):
        return ""
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"

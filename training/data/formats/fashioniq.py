"""FashionIQ (Wu et al., 2021): cap.{dress,shirt,toptee}.train.json, triplets of the shop's images with two captions.

Each file is [{"candidate", "target", "captions": [str, str]}], the candidate being the reference; images are called
by their id, as B00006M009.jpg.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from models.errors import InputError
from training.data import annotations, triplets
from training.data.config import Order
from training.data.rows import LoadedRows, Triplets
from training.data.triplets import TripletRow

FILES = tuple(f"cap.{category}.train.json" for category in ("dress", "shirt", "toptee"))
_DATASET = "FashionIQ"
LOOSE = " \t\n.,?"  # at both ends of a caption: it goes on with "and"


def find(path: Path, *, images: Path, order: Order = "written") -> LoadedRows[Triplets]:
    """The triplets of one caption file, or of a folder's three train files; images are located in `images`.

    The two captions are one text. A blank one is left out, and one that is alone or repeated makes one row in any
    order. Raises InputError if the folder lacks one of the files.
    """
    rows = (
        row
        for file in _files(path)
        for where, record in annotations.rows(file, keys=("candidate", "target", "captions"), of=_DATASET)
        for row in _rows(record, where, order)
    )
    return triplets.from_rows(str(path), rows, folders=[images])


def texts(captions: object, where: str, order: Order) -> list[str]:
    """The two captions as one text, or as one in each order; a blank one leaves no stray "and".

    Raises InputError with their place if they are not a list.
    """
    if not isinstance(captions, list):
        raise InputError(f"{where} has captions that are no list: is it one of {_DATASET}'s files?")
    stripped = (caption.strip(LOOSE) for caption in captions if isinstance(caption, str))
    said = [caption for caption in stripped if caption]
    written, turned = " and ".join(said), " and ".join(reversed(said))
    match order:
        case "written":
            return [written]
        case "reversed":
            return [turned]
        case "both":
            return list(dict.fromkeys([written, turned]))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise InputError(f"{path} has no {', '.join(missing)}: fetch it, or name one of the caption files alone")
    return [path / name for name in FILES]


def _rows(record: Mapping[str, object], where: str, order: Order) -> Iterator[TripletRow]:
    for text in texts(record["captions"], where, order):
        yield TripletRow(annotations.text(record["candidate"]), text, annotations.text(record["target"]), caption=None)

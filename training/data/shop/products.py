"""Products of a shop as a file of JSON lines: id, image, split, and the attributes that images show."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from models import files
from models.errors import InputError
from training.data.formats import jsonl

Split = Literal["train", "validation", "held-out"]


@dataclass(frozen=True, slots=True)
class ShopProduct:
    """One product."""

    id: str
    image: str  # its file
    split: Split  # training and the choice of the best epoch never see a product that is held out
    caption: str
    looks: Mapping[str, str]  # attribute → value; an attribute that the product lacks is missing


_PRODUCT = TypeAdapter(ShopProduct)


def read(path: Path) -> list[ShopProduct]:
    """Read the products of a file of `write`; raises InputError for anything else."""
    try:
        return [_PRODUCT.validate_python(dict(record)) for record in jsonl.records(path)]
    except ValidationError as error:
        raise InputError(f"{path} is no file of products of this version: let `likebut tailor` write it") from error


def write(path: Path, products: Iterable[ShopProduct]) -> None:
    """Replace the file."""
    files.write(path, "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in products))


def of_split(products: Sequence[ShopProduct], split: Split) -> list[ShopProduct]:
    """Return the products of one split, in their order."""
    return [product for product in products if product.split == split]

"""CIRR (Liu et al., 2021): cap.rc2.train.json and split.rc2.train.json, triplets of NLVR2's images.

The captions are [{"reference", "target_hard", "caption"}] and more that training does not need; the split is
{name: path}, paths below the folder of NLVR2's images.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from models.errors import InputError
from training.data import annotations, triplets
from training.data.rows import LoadedRows, Triplets
from training.data.triplets import TripletRow

_DATASET = "CIRR"


def find(path: Path, *, split: Path, images: Path) -> LoadedRows[Triplets]:
    """The triplets of a caption file, with `target_hard` as the target; a row is called by its images' paths.

    Raises InputError if the `split` lacks an image.
    """
    places = annotations.mapping(annotations.document(split, of=_DATASET), str(split), of=_DATASET)
    rows = (
        TripletRow(
            _place(record["reference"], places, where, split),
            annotations.text(record["caption"]),
            _place(record["target_hard"], places, where, split),
            caption=None,
        )
        for where, record in annotations.rows(path, keys=("reference", "target_hard", "caption"), of=_DATASET)
    )
    return triplets.from_rows(str(path), rows, folders=[images])


def _place(name: object, places: Mapping[str, object], where: str, split: Path) -> str:
    place = places.get(name) if isinstance(name, str) else None
    if not isinstance(place, str):
        raise InputError(f"{where} has the image {name!r}, which {split} lacks: name the split of these captions")
    return str(PurePosixPath(place))  # without the "./" of the file

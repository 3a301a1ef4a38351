"""Laion-CIR (TransAgg, Liu et al., 2023): triplets over LAION-COCO images that are called 0306448.png.

Template file: [{"ref_image_id", "relative_cap", "tgt_image_id"}]; the combined file has a "type" besides.
LLM file: {ref_id: {"tgt_image_id", "relative_cap", "tgt_cap"}}. Neither describes the reference: the two-stage method's
release takes its caption from a file of machine captions, {"0306448.png": caption}, and of that the first sentence. A
captions.jsonl of `likebut triplets captions` does, too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from models.errors import InputError
from training.data import annotations, triplets
from training.data.formats import captioned_table
from training.data.rows import LoadedRows, Triplets
from training.data.triplets import TripletRow

_DIGITS = 7  # of an image's name
_SUFFIX = ".png"
_DATASET = "Laion-CIR"
_SENTENCE = re.compile(r"(?<=[.!?])\s")


def find(path: Path, *, images: Sequence[Path], captions: Path | None = None) -> LoadedRows[Triplets]:
    """The triplets of either file; images are located in the folders `images`, one after the other.

    `captions` is the file of machine captions, or None: the captions are then "".
    """
    described = None if captions is None else _described(captions)
    rows = (_row(record, described, f"{path}, row {number}") for number, record in enumerate(_records(path), start=1))
    return triplets.from_rows(str(path), rows, folders=images)


def _records(path: Path) -> Iterator[Mapping[str, object]]:
    """The rows of either file as the template file has them."""
    content = annotations.document(path, of=_DATASET)
    if isinstance(content, list):
        for number, record in enumerate(content, start=1):
            yield _mapping(record, f"{path}, row {number}")
        return
    for reference, record in _mapping(content, str(path)).items():
        yield {"ref_image_id": reference, **_mapping(record, f"{path}, {reference!r}")}


def _described(path: Path) -> Mapping[str, object]:
    """The captions by the image's name."""
    if path.suffix == ".jsonl":
        return {row[0]: row[1] for row in captioned_table.cells(path, "image", "caption")}
    return _mapping(annotations.document(path, of=_DATASET), str(path))


def _row(record: Mapping[str, object], described: Mapping[str, object] | None, where: str) -> TripletRow:
    missing = [key for key in ("ref_image_id", "relative_cap", "tgt_image_id") if key not in record]
    if missing:
        raise InputError(f"{where} has no {', '.join(missing)}: is it one of Laion-CIR's two files?")
    reference, target = _name(record["ref_image_id"]), _name(record["tgt_image_id"])
    text = record["relative_cap"]
    caption = None if described is None else _first_sentence(described.get(f"{reference}{_SUFFIX}", ""))
    return TripletRow(reference, text if isinstance(text, str) else None, target, caption)


def _name(number: object) -> str:
    return str(number).zfill(_DIGITS)


def _first_sentence(caption: object) -> str:
    return _SENTENCE.split(caption.strip())[0] if isinstance(caption, str) else ""


def _mapping(value: object, where: str) -> Mapping[str, object]:
    return annotations.mapping(value, where, of=_DATASET)

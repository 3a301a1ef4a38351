"""Captions of all images of a source, as a table to train on. A killed run continues if started again."""

import json
from collections.abc import Mapping
from pathlib import Path

from models import files
from models.errors import InputError
from training.triplets import captions, items
from training.triplets.config import CaptionsConfig
from training.triplets.store import Store

FILE = "captions.jsonl"
_NAMED = 5  # images without a caption that the report names


def describe(config: CaptionsConfig, out: Path) -> Mapping[str, object]:
    """Write captions.jsonl into `out`, rows of `image` and `caption`, and return the report.

    Images are named as in their folder; one without a caption is left out. Raises InputError if an image is missing or
    none has a caption, ModelError if the model no longer answers at all.
    """
    with Store.open(out) as stored:
        images = list(items.every(config.images))
        described = captions.write(config.captioner, images, stored=stored)
    rows = [
        json.dumps({"image": image.name, "caption": text}, ensure_ascii=False) + "\n"
        for image, text in zip(images, described.texts, strict=True)
        if text
    ]
    if not rows:
        raise InputError(f"no image has a caption ({next(iter(described.problems.values()))}): try another model")
    files.write(out / FILE, "".join(rows))
    left_out = [f"{images[row].name}: {reason}" for row, reason in described.problems.items()]
    return {
        "table": str(out / FILE),
        "images": len(images),
        "without_caption": len(left_out),
        **({"some_without": left_out[:_NAMED]} if left_out else {}),
        **{name: value for name, value in described.report.items() if name != "prompt"},
    }

"""SynthTriplets18M (CompoDiff, Gu et al., 2024): key.source_image.jpg, key.target_image.jpg and key.json.

The shape is the one that the two-stage method's release reads, from loose files; the names are WebDataset's, so
shards are read alike. The json holds `source_caption` and `target_caption`; that release takes the target's caption
for the wanted change, and so does the default of `text` here.
"""

import numpy as np

from training.data import shards
from training.data.images import Images
from training.data.rows import LoadedRows, Triplets
from training.data.scan import SampleShape
from training.data.texts import Texts

TEXT = "target_caption"
_CAPTION = "json:source_caption"


def find(path: str, *, text: str = TEXT) -> LoadedRows[Triplets]:
    """The triplets of a folder of such files, or of shards; `text` is the json's field with the wanted change."""
    shape = SampleShape(pictures=("source_image", "target_image"), texts=(f"json:{text}", _CAPTION))
    found = shards.samples(path, shape)
    count = len(found.names)
    rows = Triplets(
        images=_joined(*found.pictures),
        references=np.arange(count, dtype=np.int64),
        targets=np.arange(count, 2 * count, dtype=np.int64),
        texts=found.texts[0],
        captions=found.texts[1],
        target_captions=Texts.from_strings([""] * count),
        names=found.names,
    )
    return LoadedRows(source=path, rows=rows, flaws=found.flaws)


def _joined(references: Images, targets: Images) -> Images:
    """All references, then all targets."""
    shift = np.int32(len(references.paths))
    sources = [f"{name}.source_image" for name in references.names]
    return Images(
        names=Texts.from_strings(sources + [f"{name}.target_image" for name in targets.names]),
        paths=Texts.from_strings([*references.paths, *targets.paths]),
        files=np.concatenate([references.files, targets.files + shift]),
        offsets=np.concatenate([references.offsets, targets.offsets]),
        sizes=np.concatenate([references.sizes, targets.sizes]),
    )

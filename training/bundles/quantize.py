"""Quantisation of a bundle: the same graphs with their large products in 8 bits."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models import bundle
from models.bundle import Bundle, Manifest
from models.errors import ConfigError
from training.bundles.onnx_graph import Blob
from training.bundles.parameter_map import FILE as PARAMETERS
from training.bundles.quantized_graph import SMALLEST, Layer, ProductGraph, matches

ALWAYS_FLOAT = (r"\badapters\.",)  # the composing adapters: 1 + A B, whose small part is the whole change


@dataclass(frozen=True, slots=True)
class Quantized:
    """The files of a quantised bundle, its manifest, and its products with large matrices."""

    files: dict[str, bytes | bytearray]
    manifest: Manifest
    layers: tuple[Layer, ...]

    @property
    def share(self) -> float:
        """Share of the numbers in large matrices that multiply in 8 bits."""
        return sum(layer.size for layer in self.layers if layer.in_8_bits) / sum(layer.size for layer in self.layers)


def quantize(
    opened: Bundle, *, keep: Sequence[str] = (), only_queries: bool = False, smallest: int = SMALLEST
) -> Quantized:
    """Return the bundle with its large products in 8 bits: those of matrices of `smallest` numbers at least.

    Matrices whose "graph/name" one of the patterns in ALWAYS_FLOAT or `keep` matches stay as they are, and so does the
    re-ranker. With `only_queries` the gallery's graph stays as it is, too, and with it the space: galleries of the
    original serve. Raises ConfigError for a pattern that is none, and if nothing is left to quantise.
    """
    patterns = [_pattern(text) for text in (*ALWAYS_FLOAT, *keep)]
    changed, space = 0, opened.manifest.space_id
    blob, files, layers = Blob(bundle.WEIGHTS), dict[str, bytes](), list[Layer]()
    for name in opened.graphs:
        graph = ProductGraph(name, opened, smallest=smallest)
        if name != bundle.RERANK and not (only_queries and name == "gallery"):
            changed += graph.quantize(patterns)
            wrong = [layer.label for layer in graph.layers() if layer.is_float_product and not matches(layer, patterns)]
            if wrong:
                raise AssertionError(f"{', '.join(wrong)} should multiply in 8 bits and does not")
        layers += graph.layers()
        files[f"{name}.onnx"] = graph.stored(blob)
        if name == "gallery" and not only_queries:  # the first: the blob has nothing else yet
            space = hashlib.sha256(space.encode() + files["gallery.onnx"] + blob.data).hexdigest()[:16]
    if not changed:
        raise ConfigError(f"no product of {opened.path} can be turned to 8 bits: it has no large matrix in float32")
    left = {f"{name}.onnx" for name in opened.graphs} | {bundle.WEIGHTS, PARAMETERS}
    rest: dict[str, bytes | bytearray] = {
        name: opened.file(name).read_bytes() for name in opened.manifest.files if name not in left
    }
    return Quantized(
        files=rest | files | {bundle.WEIGHTS: blob.data},
        manifest=_manifest(opened.manifest, files, blob, space=space),
        layers=tuple(layers),
    )


def _manifest(first: Manifest, graphs: Mapping[str, bytes], blob: Blob, *, space: str) -> Manifest:
    """Return the manifest with the precision, and with ids of its own."""
    whole = hashlib.sha256(first.model_id.encode() + blob.data)
    for content in graphs.values():
        whole.update(content)
    return first.model_copy(
        update={
            "model_id": f"{first.method}-{whole.hexdigest()[:12]}",
            "space_id": space,
            "precision": "int8",
            "tolerance": max(first.tolerance, bundle.TOLERANCES["int8"]),
        }
    )


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise ConfigError(f"{text!r} is no regular expression ({error}): see --keep in the help") from error

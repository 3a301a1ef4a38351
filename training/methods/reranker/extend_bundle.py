"""Export of a re-ranker: one more graph in a copy of the bundle whose ranking it re-orders."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from models import bundle
from models.bundle import Bundle, Manifest
from models.errors import ConfigError
from models.nets.reranker import Reranker
from training.bundles import onnx_graph
from training.bundles.compact import round_to_half
from training.bundles.onnx_graph import Blob
from training.bundles.verified_write import write_verified

CONFIG = "rerank.toml"
_INPUTS = ("reference", "tokens", "composed", "candidates")
_SAMPLE = 5  # candidates of the self-test; not its number of rows, or the export would merge the two dimensions


@dataclass(frozen=True, slots=True)
class FinishedReranker:
    """A trained re-ranker, and the bundle whose ranking it re-orders."""

    first: Bundle
    net: Reranker

    def export(self, out: Path, *, config: str, text_weight: float | None = None, compact: bool = False) -> Manifest:
        """Write a copy of the bundle with the re-ranker as one more graph at `out`, and return its manifest.

        `config` is the text of the training config. With `compact` the re-ranker's matrices are rounded.
        Raises ConfigError for a `text_weight`, which the bundle has, and BundleBroken, with nothing written at `out`,
        if the scores of ONNX Runtime differ from torch's by more than the bundle's tolerance.
        """
        if text_weight is not None:
            raise ConfigError("a re-ranker is added to a bundle as it is: leave out --text-weight")
        if compact:
            round_to_half(self.net)
        first = self.first
        files: dict[str, bytes | bytearray] = {name: first.file(name).read_bytes() for name in first.manifest.files}
        with np.load(io.BytesIO(files[bundle.SELF_TEST])) as archive:
            record: dict[str, NDArray[np.generic]] = dict(archive)
        record |= _outputs(self.net.eval(), record)
        inputs = {"reference": record["gallery"], **record}
        tensors = [torch.from_numpy(inputs[name]) for name in _INPUTS]
        proto = onnx_graph.traced(self.net, tensors, _INPUTS, ["scores"], counted=["candidates"])
        whole = first.manifest.model_id.encode() + proto.SerializeToString(deterministic=True)  # with its weights
        blob = Blob(bundle.WEIGHTS, data=bytes(files[bundle.WEIGHTS]))
        for name in first.graphs:
            blob.register(onnx.load(str(first.file(f"{name}.onnx")), load_external_data=False))
        blob.take(proto)
        tests = io.BytesIO()
        np.savez(tests, allow_pickle=False, **record)
        files |= {
            f"{bundle.RERANK}.onnx": proto.SerializeToString(deterministic=True),
            bundle.WEIGHTS: blob.data,
            bundle.SELF_TEST: tests.getvalue(),
            CONFIG: config.encode(),
        }
        model_id = f"{self.first.manifest.method}-{hashlib.sha256(whole).hexdigest()[:12]}"
        return write_verified(out, files, self.first.manifest.model_copy(update={"model_id": model_id}))


def _outputs(net: Reranker, record: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Return random candidates (B, K, d) for the queries of a self-test, and torch's scores of them."""
    queries = [torch.from_numpy(record[name]) for name in ("gallery", "tokens", "composed")]
    rows, dimension = record["gallery"].shape
    draw = torch.Generator().manual_seed(0)
    candidates = F.normalize(torch.randn(rows, _SAMPLE, dimension, generator=draw), dim=-1)
    with torch.no_grad():
        scores = net(*queries, candidates)
    return {"candidates": candidates.numpy(), "scores": scores.numpy()}

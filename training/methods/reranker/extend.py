"""A finished re-ranker as one more graph in a copy of the bundle whose ranking it puts in order."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from models import bundle
from models.bundle import Bundle, Manifest
from models.nets.reranker import Reranker
from training.bundles import onnx_graph
from training.bundles.onnx_graph import Blob
from training.bundles.verified_write import proven
from training.methods import config
from training.methods.reranker import rerank
from training.methods.reranker.config import RerankConfig

CONFIG = "rerank.toml"
_INPUTS = ("reference", "tokens", "composed", "candidates")
_SAMPLE = 5  # candidates of the self-test; not its number of rows, or the export would take both for one dimension


def run(settings: RerankConfig, folder: Path, *, out: Path) -> Manifest:
    """Exports a finished run of a re-ranker; raises ConfigError where it is not finished."""
    first, net = rerank.finished(settings, folder)
    return extended(first, net, text=(folder / config.CONFIG_FILE).read_text(encoding="utf-8"), out=out)


def extended(first: Bundle, net: Reranker, *, text: str, out: Path) -> Manifest:
    """Writes the bundle with the re-ranker at `out` and gives its manifest.

    `text` is that of the training config. Raises BundleBroken, with nothing written at `out`, where ONNX
    Runtime's scores differ from torch's by more than the bundle's tolerance.
    """
    files: dict[str, bytes | bytearray] = {name: first.file(name).read_bytes() for name in first.manifest.files}
    with np.load(io.BytesIO(files[bundle.SELF_TEST])) as kept:
        record: dict[str, NDArray[np.generic]] = dict(kept)
    record |= _tried(net.eval(), record)
    given = {"reference": record["gallery"], **record}
    tensors = [torch.from_numpy(given[name]) for name in _INPUTS]
    proto = onnx_graph.traced(net, tensors, _INPUTS, ["scores"], counted=["candidates"])
    whole = first.manifest.model_id.encode() + proto.SerializeToString(deterministic=True)  # with its weights
    blob = Blob(bundle.WEIGHTS, bytes(files[bundle.WEIGHTS]))
    for name in first.graphs:
        blob.know(onnx.load(str(first.file(f"{name}.onnx")), load_external_data=False))
    blob.take(proto)
    tests = io.BytesIO()
    np.savez(tests, allow_pickle=False, **record)
    files |= {
        f"{bundle.RERANK}.onnx": proto.SerializeToString(deterministic=True),
        bundle.WEIGHTS: blob.data,
        bundle.SELF_TEST: tests.getvalue(),
        CONFIG: text.encode(),
    }
    model_id = f"{first.manifest.method}-{hashlib.sha256(whole).hexdigest()[:12]}"
    return proven(out, files, first.manifest.model_copy(update={"model_id": model_id}))


def _tried(net: Reranker, record: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Random candidates for the queries of a self-test (B, K, d), and what torch scores them."""
    known = [torch.from_numpy(record[name]) for name in ("gallery", "tokens", "composed")]
    rows, dimension = record["gallery"].shape
    draw = torch.Generator().manual_seed(0)
    candidates = F.normalize(torch.randn(rows, _SAMPLE, dimension, generator=draw), dim=-1)
    with torch.no_grad():
        scores = net(*known, candidates)
    return {"candidates": candidates.numpy(), "scores": scores.numpy()}

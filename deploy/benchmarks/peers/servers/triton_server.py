"""Triton with a bundle's graphs, by pytriton: models `image` and `text`. Arguments: the bundle, a port, the cores."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from graphs import BundleGraphs

BATCH = 8
bundle, port, cores = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

Infer = Callable[..., Any]


def images(graphs: BundleGraphs, pool: ThreadPoolExecutor) -> Infer:
    """Return an instance of the model of images."""

    def infer(data: NDArray[np.bytes_]) -> dict[str, NDArray[np.float32]]:
        return {"vector": graphs.images(list(pool.map(graphs.pixels, data[:, 0].tolist())))}

    decorated: Infer = batch(infer)
    return decorated


def texts(graphs: BundleGraphs) -> Infer:
    """Return an instance of the model of texts."""

    def infer(data: NDArray[np.bytes_]) -> dict[str, NDArray[np.float32]]:
        return {"vector": graphs.texts([text.decode() for text in data[:, 0].tolist()])}

    decorated: Infer = batch(infer)
    return decorated


if __name__ == "__main__":
    pool = ThreadPoolExecutor(cores)
    instances = [BundleGraphs(bundle, threads=1) for _ in range(cores)]
    addresses = {f"{kind}_address": "127.0.0.1" for kind in ("http", "grpc", "metrics")}
    ports = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    with Triton(config=TritonConfig(**addresses, **ports, log_verbose=0)) as triton:
        for name, functions in (
            ("image", [images(graphs, pool) for graphs in instances]),
            ("text", [texts(graphs) for graphs in instances]),
        ):
            triton.bind(
                model_name=name,
                infer_func=functions,
                inputs=[Tensor(name="data", dtype=bytes, shape=(1,))],
                outputs=[Tensor(name="vector", dtype=np.float32, shape=(-1,))],
                config=ModelConfig(batching=True, max_batch_size=BATCH, batcher=DynamicBatcher()),
            )
        triton.serve()

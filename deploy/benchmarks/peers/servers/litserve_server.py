"""LitServe with a bundle's graphs: POST /image and POST /text. Arguments: the bundle, a port, the cores."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from numpy.typing import NDArray

from graphs import BundleGraphs

BATCH, WAIT_S = 8, 0.002
bundle, port, cores = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])


class ImageApi(litserve.LitAPI):  # type: ignore[misc]  # it has no types here
    """Images to vectors."""

    def setup(self, device: str) -> None:
        self._graphs = BundleGraphs(bundle, threads=1)  # one of as many workers as cores

    def decode_request(self, request: dict[str, str]) -> NDArray[np.uint8]:
        return self._graphs.pixels(request["image"])

    def batch(self, inputs: Sequence[Any]) -> Sequence[Any]:
        return inputs

    def predict(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        return self._graphs.images(inputs)

    def unbatch(self, output: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return list(output)

    def encode_response(self, output: NDArray[np.float32]) -> dict[str, list[float]]:
        return {"vector": output.tolist()}


class TextApi(ImageApi):
    """Texts to vectors."""

    def decode_request(self, request: dict[str, str]) -> Any:
        return request["text"]

    def predict(self, inputs: Sequence[Any]) -> NDArray[np.float32]:
        return self._graphs.texts(inputs)


if __name__ == "__main__":
    apis = [
        kind(max_batch_size=BATCH, batch_timeout=WAIT_S, api_path=path)
        for kind, path in ((ImageApi, "/image"), (TextApi, "/text"))
    ]
    server = litserve.LitServer(apis, accelerator="cpu", workers_per_device=cores, timeout=60)
    server.run(host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False, log_level="warning")

"""A bundle's own graphs for the peers that take any: images and texts to unit vectors, as a user would write it.

Only what such a server needs: no limits, no checks and no reading of words beyond the tokenizer's.
"""

import io
import json
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer

COLUMNS = 4  # lengths of texts are rounded up to a multiple of it, as ours are


class BundleGraphs:
    """The gallery and text graphs of a bundle in ONNX Runtime."""

    def __init__(self, bundle: Path, *, threads: int) -> None:
        manifest = json.loads((bundle / "manifest.json").read_text())
        self.size: int = manifest["preprocessing"]["image_size"]
        self._most: int = manifest["context_length"]
        self._tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
        self._start, self._end = (
            int(self._tokenizer.token_to_id(f"<|{name}oftext|>") or 0) for name in ("start", "end")
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._gallery, self._text = (
            onnxruntime.InferenceSession(str(bundle / f"{name}.onnx"), options) for name in ("gallery", "text")
        )
        self._free = not isinstance(self._text.get_inputs()[0].shape[1], int)

    def pixels(self, base64: str | bytes) -> NDArray[np.uint8]:
        """Decode an image to (3, S, S): the shorter side to S, then the centre."""
        image = Image.open(io.BytesIO(b64decode(base64)))
        image.draft("RGB", (2 * self.size, 2 * self.size))  # a large JPEG at a fraction
        rgb = image.convert("RGB")
        side = min(rgb.size)
        left, top = (rgb.width - side) / 2, (rgb.height - side) / 2
        box = (left, top, left + side, top + side)
        square = rgb.resize((self.size, self.size), Image.Resampling.BICUBIC, box=box)
        return np.asarray(square).transpose(2, 0, 1)

    def images(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embed decoded images: (B, d)."""
        found: NDArray[np.float32] = self._gallery.run(None, {"pixels": np.stack(pixels)})[0]
        return found

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts (B, d), padded to the longest of them."""
        encoded = self._tokenizer.encode_batch([text.lower() for text in texts], add_special_tokens=False)
        words = [[self._start, *each.ids[: self._most - 2], self._end] for each in encoded]
        longest = max(map(len, words))
        columns = max(8, -(-longest // COLUMNS) * COLUMNS) if self._free else self._most
        tokens = np.zeros((len(texts), columns), np.int64)
        for row, ids in enumerate(words):
            tokens[row, : len(ids)] = ids
        found: NDArray[np.float32] = self._text.run(None, {"tokens": tokens})[0]
        return found

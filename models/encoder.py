"""A bundle made runnable: pictures and words in, embeddings out. It knows no method, only the three graphs."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models import bundle, preprocess
from models.arrays import Embeddings, Pixels, normalised
from models.bundle import Bundle, Manifest
from models.errors import BundleBroken
from models.runtime.onnx import OnnxSession, Provider
from models.tokenizer import Tokenizer, Tokens


class Encoder:
    """Runs a bundle's graphs; its methods may be called from many threads at once."""

    def __init__(self, opened: Bundle, *, threads: int, provider: Provider) -> None:
        self.manifest: Manifest = opened.manifest
        self._bundle = opened
        self._tokenizer = Tokenizer.open(opened.file(bundle.TOKENIZER), context_length=opened.manifest.context_length)
        self._gallery, self._query, self._text = (
            OnnxSession(opened.file(f"{graph}.onnx"), threads=threads, provider=provider) for graph in bundle.GRAPHS
        )

    @classmethod
    def open(cls, path: Path, *, threads: int = 0, provider: Provider = "cpu") -> "Encoder":
        """Opens a bundle and proves it by its self-test; `threads` of ONNX Runtime, 0 for one a core.

        Raises BundleMissing, BundleBroken, and ConfigError where this machine lacks the provider.
        """
        encoder = cls(Bundle.open(path), threads=threads, provider=provider)
        encoder.self_test()  # a model that computes something else here must never answer
        return encoder

    def preprocess(self, data: bytes, *, max_pixels: int = preprocess.MAX_IMAGE_PIXELS) -> Pixels:
        """One image file's bytes → pixels (3, S, S); raises UnreadableImage or ImageTooLarge."""
        return preprocess.pixels(preprocess.decode(data, max_pixels=max_pixels), size=self.manifest.image_size)

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """The words of a text-only query as ids (B, L)."""
        return self._tokenizer.encode(texts)

    def tokenize_changes(self, texts: Sequence[str]) -> Tokens:
        """The wanted changes, set into the bundle's template, as ids (B, L)."""
        return self._tokenizer.encode([self.manifest.template.replace("{text}", text) for text in texts])

    def gallery(self, pixels: Pixels) -> Embeddings:
        """Pictures (B, 3, S, S) as items of a gallery, or as image-only queries (B, d)."""
        return self._gallery.run({"pixels": pixels})["vector"]

    def texts(self, texts: Sequence[str]) -> Embeddings:
        """Text-only queries (B, d)."""
        return self._text.run({"tokens": self.tokenize(texts).ids})["vector"]

    def queries(self, pixels: Pixels, texts: Sequence[str], *, text_weight: float) -> Embeddings:
        """Composed queries (B, d): reference pictures (B, 3, S, S), each with the change wanted.

        `text_weight` in 0…1 is the share of the text's own embedding in the result (InstructCIR, Eq. 3:
        λ z_q + (1 − λ) e_txt, with λ = 1 − text_weight).
        """
        found = self._query.run({"pixels": pixels, "tokens": self.tokenize_changes(texts).ids})
        return normalised((1.0 - text_weight) * found["composed"] + text_weight * found["text"])

    def self_test(self) -> None:
        """Replays the outputs that torch gave at the export; raises BundleBroken where this machine's differ."""
        record = np.load(io.BytesIO(self._bundle.file(bundle.SELF_TEST).read_bytes()))
        inputs = {"pixels": record["pixels"], "tokens": record["tokens"]}
        composed = self._query.run(inputs)
        answers = {
            "gallery": self._gallery.run({"pixels": inputs["pixels"]})["vector"],
            "text": self._text.run({"tokens": inputs["tokens"]})["vector"],
            "composed": composed["composed"],
            "query_text": composed["text"],
        }
        for name, answer in answers.items():
            difference = float(np.abs(answer - record[name]).max())
            if not difference <= self.manifest.tolerance:  # also where it is not a number
                raise BundleBroken(
                    f"the self-test of {self._bundle.path} failed: {name} differs from torch by {difference:.2g}, more"
                    f" than {self.manifest.tolerance:.2g}; export the bundle again or use another provider"
                )

"""Runs a bundle: images and texts in, embeddings out. It knows no method, only the graphs."""

import copy
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models import bundle, preprocess, reference_cache, spelling, templates
from models.arrays import Embeddings, Pixels, TokenIds, normalised
from models.bundle import Bundle, KnownImages, Manifest
from models.errors import BundleBroken, ConfigError
from models.image_decoders import CPU_S, ImageDecoders
from models.reference_cache import CacheUse, Features, References
from models.runtime.device import CPU, Device
from models.runtime.session import OnnxSession, Placement
from models.tokenizer import SHORTEST, SLOT, Template, Tokenizer, Tokens, grouped_by_length

_COLUMNS = 4  # lengths of texts are rounded up to a multiple of it: fewer shapes to plan for


@dataclass(frozen=True, slots=True)
class Changes:
    """The texts of composed queries with their tokens."""

    texts: tuple[str, ...]
    tokens: Tokens  # the texts set into the bundle's template

    def take(self, rows: NDArray[np.int64]) -> "Changes":
        """The changes of these rows (m,)."""
        tokens = Tokens(self.tokens.ids[rows], self.tokens.truncated[rows])
        return Changes(tuple(self.texts[row] for row in rows.tolist()), tokens)


class Encoder:
    """Runs a bundle's graphs; its methods may be called from many threads at once."""

    def __init__(
        self, opened: Bundle, *, threads: int, device: Device, reference_cache_bytes: int, decoders: ImageDecoders
    ) -> None:
        self._decoders = decoders
        self.manifest: Manifest = opened.manifest
        self._bundle, self.device = opened, device
        words = opened.file(spelling.FILE) if spelling.FILE in opened.manifest.files else None
        length = opened.manifest.context_length
        self._tokenizer = Tokenizer.open(opened.file(bundle.TOKENIZER), context_length=length, words=words)
        self._template = templates.of_bundle(opened, self._tokenizer)
        self._graphs = graphs = {
            name: OnnxSession(
                opened.file(f"{name}.onnx"),
                threads=threads,
                device=device,
                digests=[opened.manifest.files.get(file, "") for file in (f"{name}.onnx", bundle.WEIGHTS)],
                length=length,
            )
            for name in opened.graphs
        }
        self._gallery, self._text = graphs["gallery"], graphs["text"]
        self._compose = graphs.get("query") or graphs.get("compose")  # None: composed is the gallery's vector
        self._rerank = graphs.get(bundle.RERANK)
        reading = [graph for graph in graphs.values() if "tokens" in graph.inputs]
        # a GPU warms up each shape, and its engines are compiled for one length
        self._cuts = not device.is_gpu and all(graph.is_free("tokens", 1) for graph in reading)
        self._references = None
        if "query" not in graphs:
            reference = graphs.get("reference") or graphs["gallery"]
            self._references = References(reference, cache_bytes=reference_cache_bytes)
            read = "tokens" if "reference" in graphs else "text"  # or the vector of text.onnx
            if self._compose is not None and set(self._compose.inputs) != {*self._references.names, read}:
                raise BundleBroken(f"compose.onnx of {opened.path} wants other features than its graphs give")

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        threads: int = 0,
        device: Device = CPU,
        reference_cache_bytes: int = reference_cache.CACHE_BYTES,
        decoders: ImageDecoders | None = None,
    ) -> "Encoder":
        """Opens a bundle and runs its self-test; `threads` of ONNX Runtime, 0 for one per core.

        Images are decoded by `decoders`; without them, by as many processes as cores, with time for large images.
        If the query is not one graph, features of the latest reference images are cached, up to so many bytes.
        Raises BundleMissing, BundleBroken, and ConfigError if this machine lacks the provider.
        """
        opened = Bundle.open(path)
        encoder = cls(
            opened,
            threads=threads,
            device=device,
            reference_cache_bytes=reference_cache_bytes,
            decoders=decoders or ImageDecoders(os.cpu_count() or 1, cpu_s=CPU_S),
        )
        encoder.self_test()  # a model that computes other values here must never answer
        return encoder

    def with_template(self, template: str) -> "Encoder":
        """The same model with its changes set into another template; raises ConfigError as `templates.another`."""
        parsed = templates.another(template, self.manifest, self._tokenizer)
        other = copy.copy(self)
        other.manifest, other._template = self.manifest.model_copy(update={"template": template}), parsed
        return other

    @property
    def path(self) -> Path:
        """The bundle's folder."""
        return self._bundle.path

    @property
    def placement(self) -> Mapping[str, Placement]:
        """The providers that run the nodes of each graph."""
        return {name: graph.placement for name, graph in self._graphs.items()}

    def warm_up(self, most: int) -> None:
        """Run every graph on 1 to `most` rows, so that no search pays for the first run of a batch size on a GPU."""
        for graph in self._graphs.values():
            graph.warm_up(range(1, most + 1), length=self.manifest.context_length)

    @property
    def known_images(self) -> KnownImages | None:
        """The images that the model knows; None if the bundle does not say."""
        return self._bundle.known_images

    @property
    def end(self) -> int:
        """The id of the end token, also used for padding."""
        return self._tokenizer.end

    @property
    def reference_cache(self) -> CacheUse | None:
        """Hits, misses and size of the reference-image cache; None if the bundle has one graph for the whole query."""
        return None if self._references is None else self._references.use

    def preprocess(
        self, data: bytes, *, max_pixels: int = preprocess.MAX_IMAGE_PIXELS, box: preprocess.Box | None = None
    ) -> Pixels:
        """The pixels (3, S, S) of an image file's bytes, decoded in another process; raises as ImageDecoders does.

        With a `box` they are of that part of the image.
        """
        return self._decoders.pixels(data, resize=self.manifest.resize, max_pixels=max_pixels, box=box)

    def spelt(self, text: str) -> str:
        """A query's text as it is read: with slips of the finger put right."""
        return self._tokenizer.spelt(text)

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """The token ids (B, L) of text-only queries."""
        return self._tokenizer.encode(texts)

    def changes(self, texts: Sequence[str]) -> Changes:
        """The changes with their texts set into the bundle's template."""
        return Changes(tuple(texts), self._tokenizer.encode(texts, template=self._template))

    def gallery(self, pixels: Pixels) -> Embeddings:
        """Embeddings (B, d) of images (B, 3, S, S), as gallery items or as image-only queries."""
        return self._gallery.run({"pixels": pixels})["vector"]

    def texts(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings (B, d) of text-only queries."""
        return self.words(self.tokenize(texts))

    def words(self, tokens: Tokens) -> Embeddings:
        """Embeddings (B, d) of text-only queries, from the tokens of `tokenize`."""
        return self._run(self._text, {}, tokens)["vector"]

    def queries(self, pixels: Pixels, texts: Sequence[str], *, text_weight: float) -> Embeddings:
        """Composed queries (B, d): reference images (B, 3, S, S), each with the text of its change."""
        return self.compose(pixels, self.changes(texts), text_weight=text_weight)

    def compose(self, pixels: Pixels, changes: Changes, *, text_weight: float | NDArray[np.float32]) -> Embeddings:
        """Composed queries (B, d): reference images (B, 3, S, S), each with its change.

        `text_weight` in 0…1, one for all or (B,), is the share of the text's own embedding in the result (InstructCIR,
        Eq. 3: λ z_q + (1 − λ) e_txt, with λ = 1 − text_weight).
        """
        found = self._run(self._compose, self._features(pixels), changes.tokens)
        weights = np.broadcast_to(np.asarray(text_weight, np.float32), len(pixels))[:, np.newaxis]  # (B, 1)
        if not weights.any():
            return normalised(found["composed"])
        if self._compose is None:
            words = self.words(changes.tokens)
        else:
            words = found["text"] if "text" in found else self.texts(changes.texts)
        return normalised((1 - weights) * found["composed"] + weights * words)

    @property
    def reranks(self) -> bool:
        """True if the bundle has a re-ranker."""
        return self._rerank is not None

    def rerank(
        self, pixels: Pixels, changes: Changes, *, composed: Embeddings, candidates: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Scores (B, K) of K candidates (B, K, d) from the gallery, the higher the better.

        For composed queries (B, d) with their reference images and changes; no score depends on other candidates.
        Raises ConfigError if the bundle has no re-ranker.
        """
        if self._rerank is None:
            raise ConfigError(f"{self.manifest.model_id} has no re-ranker: take a bundle that was exported with one")
        given = {"reference": self.gallery(pixels), "composed": composed, "candidates": candidates}
        return self._rerank.run({**given, "tokens": self._cut(changes.tokens)})["scores"]

    @property
    def sentence(self) -> str:
        """The template up to its pseudo-word, as "a photo of *"; raises ConfigError if it has none."""
        if self._template.before is None:
            raise ConfigError(
                f"{self.manifest.model_id} makes no pseudo-words, since its template {self.manifest.template!r} has no"
                f" {SLOT}: take a bundle of a method that makes them, such as two-stage"
            )
        return self._template.before + SLOT

    def sentences(self, pixels: Pixels) -> Embeddings:
        """Embeddings (B, d) of images (B, 3, S, S), each set into `sentence` without a change."""
        tokens = self._tokenizer.encode([""] * len(pixels), template=Template.parse(self.sentence))
        return normalised(self._run(self._compose, self._features(pixels), tokens)["composed"])

    def _run(self, graph: OnnxSession | None, features: Features, tokens: Tokens) -> dict[str, NDArray[np.float32]]:
        """The outputs of a graph for features (B, …) and texts, in runs of texts of like length.

        Features that are pixels are encoded in one run: images in smaller batches would cost more than padding. Without
        a graph `composed` is the image's own vector.
        """
        if graph is None:
            return {"composed": np.asarray(features["vector"], np.float32)}
        if "text" in graph.inputs:
            words = self.words(tokens)
            return {**graph.run({**features, "text": words}), "text": words}
        lengths = self._lengths(tokens)
        groups = grouped_by_length(lengths) if self._cuts and len(lengths) > 1 and "pixels" not in features else ()
        if len(groups) < 2:
            return graph.run({**features, "tokens": self._cut(tokens)})
        parts = [
            graph.run({**{name: some[rows] for name, some in features.items()}, "tokens": tokens.ids[rows, :length]})
            for rows, length in groups
        ]
        places = np.argsort(np.concatenate([rows for rows, _ in groups]))
        return {name: np.concatenate([part[name] for part in parts])[places] for name in graph.outputs}

    def _lengths(self, tokens: Tokens) -> NDArray[np.int64]:
        """The columns (B,) that each text needs, rounded up."""
        ends: NDArray[np.int64] = (tokens.ids == self._tokenizer.end).argmax(axis=1) + 1
        return np.minimum(np.maximum(SHORTEST, -(-ends // _COLUMNS) * _COLUMNS), tokens.ids.shape[1])

    def _cut(self, tokens: Tokens) -> TokenIds:
        """The token ids (B, L) without columns that are padding in every row, if the graphs take fewer (B, L')."""
        if not self._cuts or not len(tokens.ids):
            return tokens.ids
        return tokens.ids[:, : int(self._lengths(tokens).max())]

    def _features(self, pixels: Pixels) -> Features:
        """The image inputs of the query's second graph."""
        return {"pixels": pixels} if self._references is None else self._references.features(pixels)

    def self_test(self) -> None:
        """Replays the outputs that torch gave at the export; raises BundleBroken if this machine's differ."""
        record = np.load(io.BytesIO(self._bundle.file(bundle.SELF_TEST).read_bytes()))
        pixels, tokens = record["pixels"], record["tokens"]
        gallery, text = self._gallery.run({"pixels": pixels})["vector"], self._text.run({"tokens": tokens})["vector"]
        composed = {"composed": gallery}
        if self._compose is not None:
            features: Features = {"pixels": pixels} if self._references is None else self._references.computed(pixels)
            given = {"text": text} if "text" in self._compose.inputs else {"tokens": tokens}
            composed = self._compose.run({**features, **given})
        answers = {"gallery": gallery, "text": text, "composed": composed["composed"]}
        if "text" in composed:
            answers["query_text"] = composed["text"]
        if self._rerank is not None:
            given = {name: record[name] for name in ("tokens", "composed", "candidates")}
            answers["scores"] = self._rerank.run({"reference": record["gallery"], **given})["scores"]
        tolerance = self.device.tolerance(self.manifest.tolerance)
        for name, answer in answers.items():
            difference = float(np.abs(answer - record[name]).max())
            if not difference <= tolerance:  # also true of NaN
                raise BundleBroken(
                    f"the self-test of {self._bundle.path} failed: {name} differs from torch by {difference:.2g}, more"
                    f" than {tolerance:.2g}; export the bundle again or use another provider"
                )

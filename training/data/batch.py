"""The legend of all batches: which tensors each has, and their shapes.

b rows of one rank · M rows of the global batch · L tokens · d embedding · D text width · N patches · S image side ·
K pseudo-regions or candidates · r their width. An image may come as pixels uint8 (b, 3, S, S) or as an output of the
frozen image tower: its states (b, 1+N, d) or its embedding (b, d), in any float type and at any length. A text may come
as token ids int64 (b, L) or as the embedding (b, d) of the frozen text tower.
"""

from dataclasses import dataclass

from torch import Tensor

from training.engine.batch import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastBatch(Batch):
    """Images, their attributes and, once captions are learnt, their captions: for a CLIP that learns from nothing."""

    pixels: Tensor  # uint8 (b, 3, S, S)
    codes: Tensor  # int64 (b, A): the attributes of the products, as `attributes.codes`
    tokens: Tensor | None = None  # int64 (b, L)
    described: Tensor | None = None  # bool (b, M): which other images of the global batch the caption describes too


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBatch(Batch):
    """Images alone."""

    target: Tensor  # image


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionedBatch(ImageBatch):
    """Two views of each image and its caption."""

    reference: Tensor  # image, another view of the target
    caption: Tensor  # text


@dataclass(frozen=True, slots=True, kw_only=True)
class InvertedBatch(ImageBatch):
    """Images and the pseudo-words that gradient descent gave them."""

    word: Tensor  # (b, D)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedBatch(Batch):
    """Captions alone, whole and with pseudo-words in place of their keywords."""

    caption: Tensor  # int64 (b, L)
    masked: Tensor  # int64 (b, L)
    places: Tensor  # bool (b, L): the columns of `masked` that hold a pseudo-word


@dataclass(frozen=True, slots=True, kw_only=True)
class TripletBatch(Batch):
    """Triplets: reference image, wanted change, target image."""

    reference: Tensor  # image
    target: Tensor  # image
    text: Tensor  # int64 (b, L), the template with the wanted change
    caption: Tensor | None = None  # text, of the reference
    target_caption: Tensor | None = None  # text, of the target
    described: Tensor | None = None  # bool (b, M): which other targets of the global batch that caption describes too
    reference_row: Tensor | None = None  # int64 (b,): equal numbers are the same reference image
    target_row: Tensor | None = None  # int64 (b,): equal numbers are the same target image
    satisfied: Tensor | None = None  # bool (b, M): which other targets of the global batch satisfy the text too
    shop: Tensor | None = None  # int64 (b,): the shop that all triplets of the batch are of
    grades: Tensor | None = None  # int16 (b, S): how far the shop's products are from the text, 0 if they satisfy it
    word: Tensor | None = None  # (b, D), the reference's pseudo-word; `reference` is then an embedding
    regions: Tensor | None = None  # (b, K, N, r), the reference's pseudo-regions, beside `word`


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateBatch(Batch):
    """Queries with candidates of their ranking, as embeddings of the bundle that ranks."""

    reference: Tensor  # (b, d)
    composed: Tensor  # (b, d)
    candidates: Tensor  # (b, 1+K, d), the target first
    text: Tensor  # int64 (b, L)
    satisfied: Tensor  # bool (b, 1+K): which candidates satisfy the text as well; False in the target's column

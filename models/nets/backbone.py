"""Wrapper of an open_clip model: from pixels and token ids to embeddings, with access to its blocks."""

from collections.abc import Mapping, Sequence

import torch
from open_clip.model import CLIP, CLIPVisionCfg, CustomTextCLIP
from open_clip.transformer import ResidualAttentionBlock, TextTransformer, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from models.errors import ConfigError
from models.nets import open_clip_models
from models.nets.conv_tower import ConvTower
from models.nets.open_clip_models import Description, WeightFacts
from models.nets.sentence_tower import mean_over_text, replace_text_tower
from models.nets.towers import Towers
from models.preprocess import Filter, Mode

_NO_END = 2**30  # above every position
OWN_TOWERS = frozenset({"conv-minilm"})  # the models with a ConvTower and a sentence encoder


class Backbone(Towers):
    """CLIP with access to its blocks, for the methods that add modules to it.

    Any open_clip model of its `CLIP` class with a ViT image tower (ViT-B/32, ViT-L/14, ours …). `clip.visual` and
    `clip.transformer` are open_clip's own modules.
    """

    cuts_texts = True
    reads_end = True  # whether a text's embedding is read at its end token alone

    def __init__(
        self,
        clip: CLIP | CustomTextCLIP,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        end: int,
        mode: Mode = "crop",
        filter: Filter = "bicubic",
        fill: int = 0,
    ) -> None:
        length = int(clip.context_length)
        super().__init__(clip, mean=mean, std=std, context_length=length, mode=mode, filter=filter, fill=fill)
        self.end = end  # id of the end token

    @classmethod
    def create(cls, name: str, *, pretrained: str, end: int, like: str = "") -> "Backbone":
        """Build the open_clip model `name` with the weights `pretrained`: one of its tags, a file, or "" for random.

        `like` is the tag whose preprocessing and activation the weights of a file have. Raises ConfigError as
        `open_clip_models.describe`, for a model with other towers, and if training cannot prepare its images or texts.
        """
        model = open_clip_models.describe(name, pretrained=pretrained, stated=WeightFacts(), like=like)
        if model.name != name:  # open_clip would only warn, and compute with the wrong activation
            raise ConfigError(f"the weights {pretrained} need the quickgelu model: use {model.name}")
        if (model.mode, model.filter) != ("crop", "bicubic"):
            raise ConfigError(f"the weights {pretrained} of {name} want another preprocessing than training's")
        return cls._trainable(model, end=end)

    @classmethod
    def without_weights(cls, name: str, *, end: int) -> "Backbone":
        """Build the open_clip model `name` for the weights and resize of a bundle; raises ConfigError as `create`."""
        return cls._trainable(open_clip_models.describe(name, pretrained="", stated=WeightFacts()), end=end)

    @classmethod
    def _trainable(cls, model: Description, *, end: int) -> "Backbone":
        name = model.name
        if model.tokenizer_name:
            raise ConfigError(f"{name} has the tokenizer {model.tokenizer_name}, and training knows CLIP's alone")
        clip = model.load()
        if not is_causal(clip):
            raise ConfigError(f"{name} does not read a text at its end token, by causal blocks, as CLIP does")
        backbone = cls.wrap(model, clip, end=end)
        if name not in OWN_TOWERS and any(isinstance(part, nn.BatchNorm2d) for part in backbone.modules()):
            raise ConfigError(f"{name} is no CLIP with a ViT image tower: training would move its batch norms")
        return backbone

    @classmethod
    def wrap(cls, model: Description, clip: CLIP | CustomTextCLIP, *, end: int) -> "Backbone":
        """Wrap a loaded model whose text tower `is_causal`."""
        kind = cls
        if model.name in OWN_TOWERS:
            config, kind = model.config, SentenceBackbone
            clip.visual = ConvTower(CLIPVisionCfg(**config["vision_cfg"]), dimension=clip.visual.output_dim)
            replace_text_tower(clip, layers=config["text_cfg"]["layers"], heads=config["text_cfg"]["heads"])
        return kind(
            clip, mean=model.mean, std=model.std, end=end, mode=model.mode, filter=model.filter, fill=model.fill
        )

    @property
    def text_tower(self) -> TextTransformer:
        """The text tower, or open_clip's plain CLIP itself, which has the same members."""
        return self.clip if isinstance(self.clip, CLIP) else self.clip.text

    @property
    def vit(self) -> VisionTransformer:
        """The image tower; raises ConfigError if it is no ViT of open_clip's own."""
        visual = self.clip.visual
        if not isinstance(visual, VisionTransformer):
            raise ConfigError("this model has no ViT image tower of open_clip's own, whose blocks the method reads")
        return visual

    @property
    def dimension(self) -> int:
        """d, the width of an embedding."""
        projection = self.text_tower.text_projection
        return int(projection.out_features if isinstance(projection, nn.Linear) else projection.shape[1])

    def image(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, S, S) → L2-normalised embedding (B, d)."""
        return F.normalize(self.clip.visual(self.normal_pixels(pixels)), dim=-1)

    def image_states(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, S, S) → all tokens after norm and projection (B, 1+N, d), the class token first.

        The class token is the embedding at its own length. Raises ConfigError for a tower that pools otherwise.
        """
        visual = self.vit
        if visual.attn_pool is not None or visual.pool_type != "tok" or visual.final_ln_after_pool:
            raise ConfigError("this image tower does not read its embedding at the class token")
        found = visual.forward_intermediates(
            self.normal_pixels(pixels),
            indices=1,
            normalize_intermediates=True,
            intermediates_only=True,
            output_fmt="NLC",
            output_extra_tokens=True,
        )
        states = torch.cat([found["image_intermediates_prefix"][0], found["image_intermediates"][0]], dim=1)
        projected: Tensor = states @ visual.proj
        return projected

    @property
    def image_width(self) -> int:
        """w, the width of the image tower."""
        return int(self.vit.conv1.out_channels)

    @property
    def image_heads(self) -> int:
        """Heads of the image tower's attention."""
        return int(self.vit.transformer.resblocks[0].attn.num_heads)

    @property
    def image_blocks(self) -> Sequence[ResidualAttentionBlock]:
        """The image tower's blocks, in their order; raises ConfigError for blocks that do more than CLIP's."""
        blocks = list(self.vit.transformer.resblocks)
        if not all(isinstance(block, ResidualAttentionBlock) for block in blocks):
            raise ConfigError("this image tower's blocks are not CLIP's: attention and MLP, each with its norm before")
        return blocks

    def attended(self, block: ResidualAttentionBlock, states: Tensor) -> Tensor:
        """The first half of one of `image_blocks`, its self-attention: (B, 1+N, w) → (B, 1+N, w)."""
        after: Tensor = states + block.ls_1(block.attention(block.ln_1(states)))
        return after

    def fed_forward(self, block: ResidualAttentionBlock, states: Tensor) -> Tensor:
        """The second half of one of `image_blocks`, its MLP: (B, 1+N, w) → (B, 1+N, w)."""
        after: Tensor = states + block.ls_2(block.mlp(block.ln_2(states)))
        return after

    def image_tokens(self, pixels: Tensor) -> Tensor:
        """uint8 pixels (B, 3, S, S) → input of the first image block (B, 1+N, w)."""
        tokens: Tensor = self.vit._embeds(self.normal_pixels(pixels))
        return tokens

    def image_pooled(self, states: Tensor) -> Tensor:
        """States after the last image block (B, 1+N, w) → L2-normalised embedding (B, d)."""
        visual = self.vit
        pooled, _ = visual._pool(states)
        return F.normalize(pooled @ visual.proj, dim=-1)

    @property
    def text_width(self) -> int:
        """D, the width of the text tower."""
        return int(self.text_tower.transformer.width)

    @property
    def grid(self) -> tuple[int, int]:
        """The patches' rows and columns, (g, g)."""
        rows, columns = self.vit.grid_size
        return int(rows), int(columns)

    @property
    def text_blocks(self) -> Sequence[nn.Module]:
        """The text tower's blocks, in their order."""
        return list(self.text_tower.transformer.resblocks)

    def word_embeddings(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L) → their embeddings (B, L, D), no positions yet."""
        embeddings: Tensor = self.text_tower.token_embedding(tokens)
        return embeddings

    def positioned(self, words: Tensor) -> Tensor:
        """Embeddings (B, L, D) with their positions, the input of the first block; L may be less than the context."""
        states: Tensor = words + self.text_tower.positional_embedding[: words.shape[1]]
        return states

    def run_block(self, block: nn.Module, states: Tensor, heard: Tensor) -> Tensor:
        """One of `text_blocks`: states (B, L, D) → (B, L, D). CLIP's own read under the causal mask, not `heard`."""
        length = states.shape[1]
        after: Tensor = block(states, attn_mask=self.text_tower.attn_mask[:length, :length])
        return after

    def ends(self, tokens: Tensor) -> Tensor:
        """Return the end of each text (B,): the first end token, since a later one can only be padding; 0 without one.

        A least position, not an argmax: ONNX Runtime has none of whole numbers on CUDA, and would copy to the CPU.
        """
        positions = torch.arange(tokens.shape[1], device=tokens.device)  # (L,)
        first = torch.where(tokens == self.end, positions, _NO_END).amin(dim=1)  # (B,)
        return torch.where(first < _NO_END, first, 0)

    def heard(self, tokens: Tensor) -> Tensor:
        """Return which tokens (B, L) are part of the text, bool (B, L): all up to the end."""
        return torch.arange(tokens.shape[1], device=tokens.device) <= self.ends(tokens)[:, None]

    def pooled(self, states: Tensor, tokens: Tensor) -> Tensor:
        """States after the last block (B, L, D) → L2-normalised embedding (B, d)."""
        return self.read(self.text_tower.ln_final(states), tokens)

    def read(self, states: Tensor, tokens: Tensor) -> Tensor:
        """States after the final norm (B, L, D) → L2-normalised embedding (B, d)."""
        return F.normalize(self.projected(states, tokens), dim=-1)

    def projected(self, states: Tensor, tokens: Tensor) -> Tensor:
        """States after the final norm (B, L, D) → embedding at its own length (B, d), read at the end token."""
        rows = torch.arange(tokens.shape[0], device=tokens.device)  # not len(), which would fix B in an export
        return self.project(states[rows, self.ends(tokens)])

    def project(self, states: Tensor) -> Tensor:
        """Text states (…, D) → (…, d)."""
        projection: nn.Linear | Tensor = self.text_tower.text_projection  # (D, d) if it is no module
        projected: Tensor = projection(states) if isinstance(projection, nn.Linear) else states @ projection
        return projected

    def text(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L), or fewer columns than the context → L2-normalised embedding (B, d)."""
        return self.read(self.text_states(tokens), tokens)

    def text_states(self, tokens: Tensor) -> Tensor:
        """Token ids (B, L), or fewer columns than the context → states after the final norm (B, L, D)."""
        states, heard = self.positioned(self.word_embeddings(tokens)), self.heard(tokens)
        for block in self.text_blocks:
            states = self.run_block(block, states, heard)
        normed: Tensor = self.text_tower.ln_final(states)
        return normed

    def temperature(self) -> Tensor:
        """The factor on cosine similarities, at most 100 as in CLIP."""
        scale: Tensor = self.clip.logit_scale
        return scale.exp().clamp(max=100.0)


class SentenceBackbone(Backbone):
    """A CLIP whose text tower is a sentence encoder: no causal mask, and the mean over a text's tokens."""

    reads_end = False

    def positioned(self, words: Tensor) -> Tensor:
        """Embeddings (B, L, D) with their positions, normed: the input of the first block."""
        normed: Tensor = self.text_tower.ln_words(super().positioned(words))
        return normed

    def run_block(self, block: nn.Module, states: Tensor, heard: Tensor) -> Tensor:
        """One of `text_blocks`: states (B, L, D), each token attending to all `heard` (B, L) → (B, L, D)."""
        after: Tensor = block(states, heard)
        return after

    def projected(self, states: Tensor, tokens: Tensor) -> Tensor:
        """States after the last block (B, L, D) → embedding at its own length (B, d): the mean, projected."""
        return self.project(mean_over_text(states, self.heard(tokens)))


def is_causal(clip: CLIP | CustomTextCLIP) -> bool:
    """True if a model reads a text at its end token, by blocks that see the tokens before alone, as CLIP does."""
    tower = clip if isinstance(clip, CLIP) else clip.text
    pool = tower.text_pool_type if isinstance(clip, CLIP) else getattr(tower, "pool_type", None)
    return (
        pool in ("argmax", "eos")
        and tower.attn_mask is not None
        and tower.text_projection is not None
        and getattr(tower, "cls_emb", None) is None
    )


def context_length(name: str) -> int:
    """L of an open_clip model, without building it; raises ConfigError for a name that open_clip does not know."""
    return int(open_clip_models.known(name)["text_cfg"].get("context_length", 77))


def cleaning(name: str) -> str:
    """Name of an open_clip model's cleaning of texts; raises ConfigError for a name that open_clip does not know."""
    options = open_clip_models.known(name)["text_cfg"].get("tokenizer_kwargs")
    return str(options.get("clean", "lower")) if isinstance(options, Mapping) else "lower"

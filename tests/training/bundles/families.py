"""Models of every family of open_clip at a reduced size, as folders that open_clip itself can load."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import open_clip
import timm
import torch
from timm.models import convnext, eva, fastvit, register_model, vision_transformer, vitamin
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as kinds
from torch.nn import functional as F
from transformers import M2M100Config, MT5Config, PreTrainedTokenizerFast, XLMRobertaConfig

TEXTS = ["a photo of a red dress", "in blue, with long sleeves", "women's knit — naïve", "the same jacket but shorter"]
VOCABULARY = 300
VIT = {"image_size": 32, "layers": 1, "width": 48, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 24, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
OWN = {**TEXT, "vocab_size": VOCABULARY, "hf_tokenizer_name": "of-the-folder"}
HALVES = {"mean": [0.5] * 3, "std": [0.5] * 3}
SQUASH = {"resize_mode": "squash", **HALVES}
OPENAI = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}


@dataclass(frozen=True)
class Family:
    """The config of a small model of one family."""

    vision: Mapping[str, Any] = field(default_factory=lambda: VIT)
    text: Mapping[str, Any] = field(default_factory=lambda: TEXT)
    preprocessing: Mapping[str, Any] = field(default_factory=lambda: OPENAI)
    more: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: str = ""  # a function below

    def write(self, path: Path) -> str:
        """Write the model with random weights to a folder, and return its name."""
        path.mkdir()
        text = dict(self.text)
        if "hf_model_name" in text:
            ENCODERS[text["hf_model_name"]].save_pretrained(path / "encoder")
            text["hf_model_name"] = str(path / "encoder")
        config = {"embed_dim": 32, "vision_cfg": dict(self.vision), "text_cfg": text, **self.more}
        whole = {"model_cfg": config, "preprocess_cfg": dict(self.preprocessing)}
        (path / "open_clip_config.json").write_text(json.dumps(whole))
        if self.tokenizer:
            TOKENIZERS[self.tokenizer]().save_pretrained(path)
        torch.manual_seed(0)
        clip = open_clip.create_model(f"local-dir:{path}", pretrained_text=False)
        with torch.no_grad():
            for parameter in clip.parameters():  # untrained, all images and all texts would look nearly alike
                parameter.add_(torch.randn_like(parameter) * 0.1)
            if any(isinstance(part, torch.nn.BatchNorm2d) for part in clip.visual.train().modules()):
                size, mean, std = self.vision["image_size"], *map(self.preprocessing.get, ("mean", "std"))
                for _ in range(20):  # so that the norms fit the weights and the images
                    coarse = (torch.rand(8, 4, 4, 3) - torch.tensor(mean)) / torch.tensor(std)
                    clip.visual(F.interpolate(coarse.permute(0, 3, 1, 2), size, mode="bilinear"))
        torch.save(clip.state_dict(), path / "open_clip_pytorch_model.bin")
        return f"local-dir:{path}"


def _timm(name: str, pool: str, proj: str | None, *, size: int = 32) -> dict[str, Any]:
    return {"timm_model_name": name, "timm_pool": pool, "timm_proj": proj, "image_size": size}


@register_model
def small_eva(**options: Any) -> torch.nn.Module:
    return eva.eva02_base_patch16_clip_224(**{**options, **_SMALL, "ref_feat_shape": (2, 2)})


@register_model
def small_pe(**options: Any) -> torch.nn.Module:
    own = {"ref_feat_shape": (2, 2), "attn_pool_num_heads": 4}
    return eva.vit_pe_core_tiny_patch16_384(**{**options, **_SMALL, **own})


@register_model
def small_siglip(**options: Any) -> torch.nn.Module:
    return vision_transformer.vit_base_patch16_siglip_224(**{**options, **_SMALL, "embed_dim": 32, "num_heads": 2})


@register_model
def small_vitamin(**options: Any) -> torch.nn.Module:
    convolutions = vitamin.VitConvCfg(norm_layer="layernorm2d", norm_eps=1e-6)
    parts = vitamin.VitCfg(
        embed_dim=(16, 32, 48), depths=(1, 1, 1), stem_width=16, conv_cfg=convolutions, head_type="1d"
    )
    return vitamin.vitamin_small_224(**{**options, **_SMALL, "embed_cfg": parts})


@register_model
def small_fastvit(**options: Any) -> torch.nn.Module:
    return fastvit.fastvit_mci0(**{**options, "layers": (1, 1, 1, 1), "embed_dims": (16, 32, 32, 32)})


@register_model
def small_convnext(**options: Any) -> torch.nn.Module:
    return convnext.convnext_base(**{**options, "depths": (1, 1, 1, 1), "dims": (16, 16, 32, 32)})


_SMALL = {"img_size": 32, "depth": 1, "embed_dim": 48, "num_heads": 3}
for _name in ("eva", "pe", "siglip", "vitamin", "fastvit", "convnext"):
    assert timm.is_model(f"small_{_name}")


def _bert() -> PreTrainedTokenizerFast:
    """Word pieces between [CLS] and [SEP], as BERT's."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(kinds.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


def _t5() -> PreTrainedTokenizerFast:
    """SentencePiece's unigrams with an end token, padded by it, as SigLIP's."""
    return _unigrams(["<unk>", "</s>"], frame="$A </s>", padding="</s>")


def _roberta() -> PreTrainedTokenizerFast:
    """Unigrams between <s> and </s>, as XLM's."""
    return _unigrams(["<s>", "<pad>", "</s>", "<unk>"], frame="<s> $A </s>", padding="<pad>")


def _unigrams(special: list[str], *, frame: str, padding: str) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(kinds.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("  ", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    ids = [(token, tokenizer.token_to_id(token)) for token in special]
    tokenizer.post_processor = processors.TemplateProcessing(single=frame, special_tokens=ids)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token=padding, eos_token="</s>", padding_side="right"
    )


def _gemma() -> PreTrainedTokenizerFast:
    """Byte pairs whose spaces are ▁ and whose line feeds are tokens, with an end token, as SigLIP 2's."""
    tokenizer = Tokenizer(kinds.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    tokenizer.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=VOCABULARY - 8, special_tokens=special))
    tokenizer.add_tokens(["\n", "\n\n", "<h1>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", eos_token="<eos>", padding_side="right"
    )


TOKENIZERS = {"bert": _bert, "t5": _t5, "roberta": _roberta, "gemma": _gemma}


ENCODERS = {  # of the transformers library
    "xlm-roberta": XLMRobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=40,
        pad_token_id=1,
    ),
    "mt5": MT5Config(vocab_size=VOCABULARY, d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, pad_token_id=1),
    "nllb": M2M100Config(
        vocab_size=VOCABULARY,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=40,
        pad_token_id=1,
    ),
}


def _encoded_by(encoder: str, pooler: str) -> dict[str, Any]:
    """Return the text config of one of ENCODERS."""
    own = {"hf_model_name": encoder, "hf_tokenizer_name": "of-the-folder", "hf_pooler_type": pooler}
    return {"context_length": 24, **own}


_SIGLIP_TEXT = {
    **OWN,
    "tokenizer_kwargs": {"clean": "canonicalize"},
    "no_causal_mask": True,
    "proj_bias": True,
    "pool_type": "last",
    "norm_kwargs": {"eps": 1e-6},
    "act_kwargs": {"approximate": "tanh"},
}
_CUSTOM = {"custom_text": True}
FAMILIES = {
    "vit": Family(preprocessing={"resize_mode": "longest", "fill_color": 90, **HALVES}, more={"quick_gelu": True}),
    "clipa": Family(
        vision={**VIT, "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
        text={**OWN, "tokenizer_kwargs": {"strip_sep_token": True}, "pool_type": "last", "no_causal_mask": True},
        preprocessing={**SQUASH, "interpolation": "bilinear"},
        tokenizer="bert",
    ),
    "worldwide": Family(text={**OWN, "pool_type": "eos", "eos_id": 2}, tokenizer="roberta"),
    "xlm-roberta": Family(text=_encoded_by("xlm-roberta", "mean_pooler"), tokenizer="roberta"),
    "mt5": Family(text=_encoded_by("mt5", "mean_pooler"), tokenizer="roberta"),
    "nllb": Family(
        text={**_encoded_by("nllb", "cls_pooler"), "hf_proj_type": "linear"}, preprocessing=SQUASH, tokenizer="roberta"
    ),
    "siglip": Family(
        _timm("small_siglip", "map", "none"), _SIGLIP_TEXT, SQUASH, {**_CUSTOM, "init_logit_bias": -10}, "t5"
    ),
    "mobileclip": Family(
        _timm("small_fastvit", "avg", None, size=64),
        {**TEXT, "no_causal_mask": True},
        {"mean": [0.0] * 3, "std": [1.0] * 3, "interpolation": "bilinear"},
        _CUSTOM,
    ),
    "vitamin": Family(_timm("small_vitamin", "", "linear"), more=_CUSTOM),
    "convnext": Family(_timm("small_convnext", "", "linear", size=64)),
    "eva02": Family(_timm("small_eva", "token", None), more=_CUSTOM),
    "pe": Family(_timm("small_pe", "map", None), preprocessing={**SQUASH, "interpolation": "bilinear"}, more=_CUSTOM),
    "coca": Family(
        {**VIT, "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},
        {**TEXT, "context_length": 23, "embed_cls": True, "output_tokens": True},
        more={**_CUSTOM, "multimodal_cfg": {**TEXT, "context_length": 23, "attn_pooler_heads": 2}},
    ),
    "rn50": Family({"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}),
}

"""Makes a CLIP of transformers with random weights, as large as the bundle's. Arguments: size, bundle, folder."""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizerFast  # type: ignore[attr-defined]  # of 4

# image side, patch, and of each tower the layers, width and heads
SHAPES = {"small": (96, 16, (2, 256, 4), (6, 384, 12)), "ViT-B/32": (224, 32, (12, 768, 12), (12, 512, 8))}

size, bundle, out = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
manifest = json.loads((bundle / "manifest.json").read_text())
side, patch, vision, text = SHAPES[size]
Path(out).mkdir(parents=True, exist_ok=True)


def pieces() -> tuple[dict[str, int], list[str]]:
    """Return vocabulary and merges as CLIP's tokenizer takes them: the bundle's, or some learnt from its words."""
    model = json.loads((bundle / "tokenizer.json").read_text())["model"]
    if model["type"] != "BPE":
        learnt = Tokenizer(BPE())
        ends = ["<|startoftext|>", "<|endoftext|>"]
        letters = [chr(code) for code in range(33, 127)]
        trainer = BpeTrainer(special_tokens=ends, end_of_word_suffix="</w>", initial_alphabet=letters)
        learnt.train_from_iterator((bundle / "words.txt").read_text().split(), trainer)
        model = json.loads(learnt.to_str())["model"]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return model["vocab"], merges


vocabulary, merges = pieces()
Path(out, "vocab.json").write_text(json.dumps(vocabulary))
Path(out, "merges.txt").write_text("\n".join(["#version: 0.2", *merges]))
tokenizer = CLIPTokenizerFast(
    str(Path(out, "vocab.json")), str(Path(out, "merges.txt")), model_max_length=manifest["context_length"]
)


def tower(layers: int, width: int, heads: int) -> dict[str, int]:
    """Return the shape of a transformer as CLIPConfig names it."""
    return {
        "num_hidden_layers": layers,
        "hidden_size": width,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "projection_dim": manifest["dimension"],
    }


words = {
    "vocab_size": 49408,  # of CLIP's own tokenizer, which clip-retrieval takes for every model
    "max_position_embeddings": 77,
    "bos_token_id": tokenizer.bos_token_id,
    "eos_token_id": tokenizer.eos_token_id,
    "pad_token_id": tokenizer.pad_token_id,
}
config = CLIPConfig(
    text_config=tower(*text) | words,
    vision_config=tower(*vision) | {"image_size": side, "patch_size": patch},
    projection_dim=manifest["dimension"],
)
images = CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
CLIPModel(config).save_pretrained(out)
CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(out)  # type: ignore[no-untyped-call]  # no types there

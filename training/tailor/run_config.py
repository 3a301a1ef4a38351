"""Config of the training run of a tailored bundle: the second stage of the two-stage method alone, on the shop."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from models.arrays import Embeddings
from models.bundle import Manifest
from models.tokenizer import SLOT

TEMPLATE = "a photo of * that {text}"  # if the bundle has no pseudo-word in its own
BATCH = 64  # enough, since the loss ranks all products of the shop
_LEARNING_RATE = 1.0e-3
_SPREAD = 0.15  # temperature, in standard deviations of the similarity of two products
_WARMUP_STEPS = 50


def document(
    manifest: Manifest,
    *,
    bundle: Path,
    run: Path,
    features: Path,
    vectors: Embeddings,
    triplets: int,
    epochs: int,
    seed: int,
    device: str,
    precision: str,
) -> Mapping[str, object]:
    """Return the values of the config's TOML file; `vectors` (N, d) are of the products to train on."""
    products = str(run / "products.jsonl")
    optim = {"learning_rate": _LEARNING_RATE, "weight_decay": 0.1, "warmup_steps": _WARMUP_STEPS}
    loop = {
        "epochs": epochs,
        "batch": min(BATCH, triplets),
        "precision": precision,
        "device": device,
        "checkpoint_steps": 50,
    }
    return {
        "method": "two-stage",
        "seed": seed,
        "template": manifest.template if SLOT in manifest.template else TEMPLATE,
        "backbone": {"name": manifest.backbone, "pretrained": str(bundle)},
        "mapping": {
            "net": {"injection_layers": [3, 7]},
            "data": {"source": "table", "table": products, "caption": "caption", "validation": 2},
            "optim": optim,
            "loop": loop,
        },
        "composing": {
            "start": "scratch",
            "learns": "everything",
            "net": {"adapter_layers": [1, 3, 5, 7, 9, 11]},
            "data": {
                "source": "shop",
                "products": products,
                "features": str(features),
                "triplets": triplets,
                "validation_triplets": min(1000, triplets),
            },
            "loss": {"temperature": _temperature(vectors), "shop": [1.0, 0.5, 0.25, 0.1], "mapping": 0.25, "soft": 0.0},
            "optim": optim,
            "loop": loop,
        },
    }


def _temperature(vectors: Embeddings) -> float:
    """Return τ by the spread of the products' similarities, which lie close together in some CLIPs."""
    some = vectors[:: max(1, len(vectors) // 2000)]
    scores = (some @ some.T)[np.triu_indices(len(some), 1)]
    return round(float(np.clip(_SPREAD * scores.std(), 0.005, 0.1)), 4)

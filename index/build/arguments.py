"""Arguments of `likebut index build`."""

import argparse
from pathlib import Path
from typing import Literal, get_args

from models.bundle import SHIPPED
from models.runtime.device import ENGINES, Products, Provider


def add(build: argparse.ArgumentParser) -> None:
    """Add the source and all options but those of the progress."""
    build.add_argument(
        "source",
        nargs="?",
        help="a folder, a .csv, .jsonl or .parquet table with id and image, or a product feed or export of Google"
        " Merchant (.txt, .tsv, .xml), Shopify or WooCommerce (.csv); here or in a store (s3://…). Without it, the"
        " gallery is built again from its last source, or from its own items if changes filled it",
    )
    build.add_argument(
        "--gallery", type=Path, metavar="DIR", help="the folder to create or replace, or milvus://HOST:PORT/SHOP"
    )
    build.add_argument("--dry-run", action="store_true", help="print what would be built, and embed nothing")
    add_map(build)
    add_embedding(build)
    build.add_argument(
        "--shards",
        type=_shards,
        default="auto",
        metavar="N",
        help="number of FAISS files (default: by the number of GPUs and items)",
    )
    build.add_argument(
        "--encoding",
        choices=("auto", "flat", "fp16", "sq8", "rabitq"),
        default="auto",
        help="encoding of the vectors in FAISS, from the largest to the smallest (default: by the number of items)",
    )
    build.add_argument(
        "--recall",
        type=_recall,
        default="auto",
        metavar="R",
        help="recall@10 of composed queries to reach (default: .99 for few items, .95 for many)",
    )
    build.add_argument(
        "--lexical",
        metavar="NAMES",
        help="attributes whose words find items, beside the id, with commas between them (default: those of the live"
        " snapshot, or title, name, brand, category, sku, mpn and gtin)",
    )
    build.add_argument(
        "--max-loss",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="share of the live items that may be gone afterwards, or the build is refused (default: .05)",
    )


def add_part(embed: argparse.ArgumentParser) -> None:
    """Add the arguments of `likebut index embed`, but those of the progress."""
    embed.add_argument("source", help="as that of build")
    embed.add_argument("--gallery", type=Path, metavar="DIR", help="the gallery that will be built")
    embed.add_argument("--part", default="1/1", metavar="I/N", help="the I-th of N parts, from 1 (default: all)")
    add_map(embed)
    add_embedding(embed)


def add_embedding(parser: argparse.ArgumentParser) -> None:
    """Add the options of embedding images."""
    parser.add_argument(
        "--bundle",
        type=Path,
        default=SHIPPED,
        metavar="DIR",
        help="folder of the model that embeds the images (default: the shipped one)",
    )
    parser.add_argument(
        "--blocks",
        metavar="PLACE",
        help="folder, or a store's (s3://…), for the vectors of `likebut index embed` (default: in the gallery)",
    )
    parser.add_argument(
        "--allow-private-hosts",
        choices=("true", "false"),
        default="true",
        help="whether images may be fetched from private addresses; jobs of the service say false (default: true)",
    )
    parser.add_argument(
        "--provider",
        choices=get_args(Provider),
        default="cpu",
        help="device that runs the model (default: cpu)",
    )
    parser.add_argument(
        "--products",
        choices=get_args(Products),
        default="auto",
        help="precision of the model's products: float32 or tf32 on cuda, tf32 or float16 on tensorrt (default: auto,"
        " the first of them)",
    )
    parser.add_argument(
        "--engines",
        type=Path,
        default=ENGINES,
        metavar="DIR",
        help="folder of TensorRT's compiled engines (default: ~/.cache/likebut/engines)",
    )
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="threads of the model on the CPU (default: one per core)"
    )


def add_map(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the columns of a table."""
    parser.add_argument(
        "--map",
        type=mapping,
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="the column of a table that is the id, the image or another attribute, as image=image_link; repeatable",
    )


def _shards(given: str) -> int | Literal["auto"]:
    return "auto" if given == "auto" else int(given)


def _recall(given: str) -> float | Literal["auto"]:
    return "auto" if given == "auto" else float(given)


def mapping(given: str) -> tuple[str, str]:
    """Parse NAME=COLUMN."""
    name, equals, column = (part.strip() for part in given.partition("="))
    if not name or not equals or not column:
        raise argparse.ArgumentTypeError(f"{given!r} is not NAME=COLUMN, as in image=image_link")
    return name, column

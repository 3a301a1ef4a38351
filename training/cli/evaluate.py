"""`likebut evaluate`: measure one bundle on one benchmark."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from models import cli
from training.evaluation.benchmarks.published import PRESETS

if TYPE_CHECKING:
    from models.encoder import Encoder
    from training.evaluation.result import Result

SEED = 7  # of the drawn world of the shipped bundles and the documented numbers
EXAMPLES = 8  # hits in a report, and misses
CACHE = Path("runs/cache")


def add(benchmarks: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add a verb for each benchmark."""
    for name, preset in PRESETS.items():
        published = benchmarks.add_parser(name, help=preset.what, formatter_class=argparse.RawDescriptionHelpFormatter)
        published.description = "variants:\n" + "\n".join(f"  {each}: {what}" for each, what in preset.variants.items())
        published.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of its files")
        published.add_argument("--split", choices=preset.splits, default=preset.splits[0])
        published.add_argument("--variant", choices=tuple(preset.variants), default=next(iter(preset.variants)))
        published.add_argument("--allow-missing", action="store_true", help="evaluate without the missing images")
        published.add_argument(
            "--template",
            metavar="TEMPLATE",
            help='instead of the bundle\'s: "a photo of * , that {text}", as papers write it',
        )
        published.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="folder that caches embeddings")
        published.set_defaults(verb=_published)
    shop = benchmarks.add_parser("catalogue", help="composed retrieval in a drawn shop")
    shop.add_argument("--queries", type=cli.at_least(1), default=2_500)
    shop.add_argument(
        "--variant",
        choices=("shop", "hard", "phrasings", "negation", "turns", "images", "unlike"),
        default="shop",
        help="hard: also rank four items per query that differ from its target in one visible attribute each; "
        "phrasings: each query in six phrasings among these; negation: queries such as anything but red; "
        "turns: three changes one after the other; images: two references; unlike: and an image to be unlike",
    )
    shop.add_argument(
        "--texts",
        choices=("written", "paraphrased", "misspelt", "editorial", "second-language", "practical", "generated"),
        default="written",
        help="texts of the queries: the shopper's own, paraphrased in words that no training text has, with typos, "
        "in the words of one of three phrasebooks, or template texts of both products' captions",
    )
    shop.add_argument(
        "--rerank",
        type=cli.between(1, 100),
        nargs="?",
        const=100,
        default=0,
        metavar="COUNT",
        help="also re-rank the first COUNT, or 100, with the bundle's re-ranker",
    )
    words = benchmarks.add_parser("pseudo-words", help='find each drawn image by its pseudo-word, "a photo of *"')
    captions = benchmarks.add_parser("captions", help="text to image retrieval among drawn products")
    sheet = benchmarks.add_parser("sheet", help="answers to free sentences as pictures, to be read by eye")
    for drawn in (shop, words, captions, sheet):
        drawn.add_argument("--products", type=cli.at_least(2), default=5_000, help="items of the gallery")
        drawn.add_argument("--split", choices=("val", "test"), default="test", help="val is for choosing settings")
        drawn.add_argument("--seed", type=int, default=SEED)
        drawn.add_argument("--cache", type=Path, metavar="DIR", help="folder that caches drawn images and galleries")
        drawn.set_defaults(verb=_drawn)
    sheet.set_defaults(verb=_sheet)
    for name, benchmark in benchmarks.choices.items():
        if name in (*PRESETS, "catalogue"):
            benchmark.add_argument("--text-weight", type=cli.share, help="instead of the bundle's default")
        benchmark.add_argument("--bundle", type=Path, required=True)
        benchmark.add_argument("--provider", choices=("cpu", "cuda", "tensorrt"), default="cpu")
        if name == "sheet":
            benchmark.add_argument("--out", type=Path, required=True, metavar="FILE.jpg", help="the picture to write")
            continue
        benchmark.add_argument("--out", type=Path, metavar="RESULT.json", help="write the result, query by query")
        benchmark.add_argument("--report", type=Path, metavar="DIR", help="write a page with plots, hits and misses")
        benchmark.add_argument("--json", action="store_true", help="one JSON object on stdout")


def _published(arguments: argparse.Namespace) -> None:
    from models.encoder import Encoder
    from models.runtime.device import Device
    from training.evaluation import evaluate
    from training.evaluation.benchmarks import published

    benchmark = published.load(arguments.benchmark, arguments.data, split=arguments.split, variant=arguments.variant)
    checked = evaluate.check(benchmark, allow_missing=arguments.allow_missing)  # before a bundle is opened
    encoder = Encoder.open(arguments.bundle, device=Device(arguments.provider))
    if arguments.template is not None:
        encoder = encoder.with_template(arguments.template)
    weight = _text_weight(arguments, encoder)
    result = evaluate.evaluate(encoder, checked, text_weight=weight, date=_now(), cache=arguments.cache)
    _show(result, arguments)
    if arguments.report is not None:
        from training.evaluation import report, report_images

        report.write(result, arguments.report, way=None, show=report_images.files(benchmark), examples=EXAMPLES)


def _drawn(arguments: argparse.Namespace) -> None:
    from models.encoder import Encoder
    from models.runtime.device import Device
    from training.evaluation import drawn_catalogue
    from training.evaluation.drawn_queries import ShopEvaluation
    from training.evaluation.phrasings import negations, phrasings, turns
    from training.evaluation.several_images import several_images, unlike_an_image

    variants = {
        "phrasings": phrasings,
        "negation": negations,
        "turns": turns,
        "images": several_images,
        "unlike": unlike_an_image,
    }
    encoder = Encoder.open(arguments.bundle, device=Device(arguments.provider))
    options = {"split": arguments.split, "products": arguments.products, "seed": arguments.seed, "date": _now()}
    if arguments.benchmark == "catalogue":
        run = ShopEvaluation(
            encoder=encoder,
            queries=arguments.queries,
            text_weight=_text_weight(arguments, encoder),
            cache=arguments.cache,
            **options,
        )
        if arguments.variant in variants:
            result = variants[arguments.variant](run)
        else:
            texts, rerank = arguments.texts, arguments.rerank
            result = drawn_catalogue.composed(run, variant=arguments.variant, texts=texts, rerank=rerank)
    else:
        measure = drawn_catalogue.pseudo_words if arguments.benchmark == "pseudo-words" else drawn_catalogue.captions
        result = measure(encoder, cache=arguments.cache, **options)
    _show(result, arguments)
    if arguments.report is not None:
        from training.evaluation import report, report_images

        report.write(result, arguments.report, way=None, show=report_images.drawings(result), examples=EXAMPLES)


def _sheet(arguments: argparse.Namespace) -> None:
    from models.encoder import Encoder
    from models.runtime.device import Device
    from training.evaluation import answer_sheet

    encoder = Encoder.open(arguments.bundle, device=Device(arguments.provider))
    options = {"products": arguments.products, "seed": arguments.seed, "cache": arguments.cache}
    count = answer_sheet.write(encoder, arguments.out, **options)
    print(f"{arguments.out} shows the answers to {count} sentences")


def _text_weight(arguments: argparse.Namespace, encoder: "Encoder") -> float:
    return encoder.manifest.text_weight if arguments.text_weight is None else float(arguments.text_weight)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _show(result: "Result", arguments: argparse.Namespace) -> None:
    if arguments.out is not None:
        result.write(arguments.out)
    if arguments.json:
        cli.print_json(result.summary())
        return
    lines: list[tuple[str, object]] = [("NOTE", note) for note in result.notes]
    lines += ((name.replace("_", " "), value) for name, value in result.facts().items())
    for name, row in result.rows.items():
        cells = (f"{metric} {e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for metric, e in row.items())
        lines.append((name, "   ".join(cells)))
    if not result.rows:
        lines.append(("metrics", "only the test server knows the targets: `likebut submission write` makes its files"))
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        print(f"{name:>{width}}  {value}")

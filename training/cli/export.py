"""`likebut export`: turn a finished run, or an open_clip model, into a bundle."""

import argparse
from pathlib import Path

from models import cli


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("run", type=Path, nargs="?", help="a run's folder")
    source.add_argument(
        "--model",
        help="an open_clip model instead of a run: its name with --pretrained, hf-hub:ORG/NAME, local-dir:FOLDER",
    )
    parser.add_argument("--pretrained", help="with --model, its weights: one of open_clip's tags, or a file")
    parser.add_argument(
        "--text-weight",
        type=cli.share,
        help="default share of the text in a composed query (sum: .5, two-stage, transagg: 0, instruct: as learnt)",
    )
    parser.add_argument(
        "--slerp",
        type=cli.share,
        metavar="SHARE",
        help="with --model, the arc from image to text up to this share, in place of their sum",
    )
    parser.add_argument("--stage", metavar="STAGE", help="the last stage to export, as in train --until")
    parser.add_argument(
        "--compact",
        action="store_true",
        help="round matrices to half precision, those of a sentence encoder to 8 bits: a third of the size, no slower",
    )
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    parser.add_argument(
        "--tokenizer",
        metavar="FOLDER",
        default="",
        help="with --model, the folder of its tokenizer, instead of the hub's",
    )
    facts = parser.add_argument_group("facts of a file's weights", "that are not in the file, and are never guessed")
    facts.add_argument("--like", metavar="TAG", default="", help="all of them, as of this tag of the model")
    for name, what in (("mean", "mean"), ("std", "standard deviation")):
        facts.add_argument(
            f"--{name}", type=float, nargs="+", metavar="X", help=f"{what} of the channels in 0…1: one number, or three"
        )
    facts.add_argument("--resize", choices=["shortest", "squash", "longest"], help="the side that is resized, or both")
    facts.add_argument("--interpolation", choices=["bicubic", "bilinear"], help="the filter of the resize")
    facts.add_argument(
        "--quick-gelu", action=argparse.BooleanOptionalAction, help="whether the weights want OpenAI's activation"
    )
    parser.set_defaults(verb=_export)


def _export(arguments: argparse.Namespace) -> None:
    from models.errors import ConfigError
    from models.nets.open_clip_models import MODES, WeightFacts
    from training.methods import runs, weighted_sum

    stated = WeightFacts(
        mean=_three(arguments.mean, "--mean"),
        std=_three(arguments.std, "--std"),
        mode=None if arguments.resize is None else MODES[arguments.resize],
        filter=arguments.interpolation,
        quick_gelu=arguments.quick_gelu,
    )
    if arguments.run is not None:
        if (
            stated != WeightFacts()
            or arguments.slerp is not None
            or any((arguments.like, arguments.pretrained, arguments.tokenizer))
        ):
            raise ConfigError("a run knows its weights: leave out the options that go with --model")
        weight, stage = arguments.text_weight, arguments.stage
        manifest = runs.export(
            arguments.run, text_weight=weight, stage=stage, compact=arguments.compact, out=arguments.out
        )
    else:
        if arguments.pretrained is None and not arguments.model.startswith(("hf-hub:", "local-dir:")):
            raise ConfigError("--model and --pretrained go together: an open_clip name and its weights")
        manifest = weighted_sum.export_open_clip(
            arguments.model,
            pretrained=arguments.pretrained or "",
            text_weight=arguments.text_weight,
            stated=stated,
            like=arguments.like,
            tokenizer=arguments.tokenizer,
            share=arguments.slerp,
            compact=arguments.compact,
            out=arguments.out,
        )
    cli.show(manifest.model_dump(exclude={"files"}), as_json=False)


def _three(values: list[float] | None, option: str) -> tuple[float, ...] | None:
    from models.errors import ConfigError

    if values is None:
        return None
    if len(values) not in (1, 3):
        raise ConfigError(f"{option} takes one number, or three: of red, green and blue")
    return tuple(values * (3 // len(values)))

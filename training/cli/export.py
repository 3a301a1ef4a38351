"""`likebut export`: turn a finished run, or an open_clip model, into a bundle."""

import argparse
from pathlib import Path

from models import cli


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("run", type=Path, nargs="?", help="a run's folder")
    source.add_argument("--model", help="an open_clip model's name instead of a run")
    parser.add_argument("--pretrained", help="with --model, its weights: one of open_clip's tags, or a file")
    parser.add_argument(
        "--text-weight",
        type=cli.share,
        help="default share of the text in a composed query (sum: .5, two-stage, transagg: 0, instruct: as learnt)",
    )
    parser.add_argument("--stage", metavar="STAGE", help="the last stage to export, as in train --until")
    parser.add_argument(
        "--compact",
        action="store_true",
        help="round matrices to half precision, those of a sentence encoder to 8 bits: a third of the size, no slower",
    )
    parser.add_argument("--out", type=Path, required=True, help="the bundle's folder")
    parser.set_defaults(verb=_export)


def _export(arguments: argparse.Namespace) -> None:
    from models.errors import ConfigError
    from training.methods import clip, runs

    if (arguments.model is None) != (arguments.pretrained is None):
        raise ConfigError("--model and --pretrained go together: an open_clip name and its weights")
    if arguments.run is not None:
        weight, stage = arguments.text_weight, arguments.stage
        manifest = runs.export(
            arguments.run, text_weight=weight, stage=stage, compact=arguments.compact, out=arguments.out
        )
    else:
        manifest = clip.export_open_clip(
            arguments.model,
            pretrained=arguments.pretrained,
            text_weight=arguments.text_weight,
            compact=arguments.compact,
            out=arguments.out,
        )
    cli.show(manifest.model_dump(exclude={"files"}), as_json=False)

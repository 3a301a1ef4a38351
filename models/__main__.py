"""The models command line: inspect and verify a bundle."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from models import cli


def main(argv: Sequence[str]) -> int:
    """Runs one command and gives its exit status."""
    parser = argparse.ArgumentParser(prog="likebut bundle", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, verb, what in (
        ("inspect", _inspect, "say what a bundle is"),
        ("verify", _verify, "check every digest and replay the self-test"),
    ):
        each = verbs.add_parser(name, help=what)
        each.add_argument("bundle", type=Path)
        each.add_argument("--json", action="store_true", help="one JSON object on stdout")
        each.set_defaults(verb=verb)
        if verb is _verify:
            each.add_argument(
                "--provider", choices=("cpu", "cuda", "tensorrt"), default="cpu", help="device (default: cpu)"
            )
            each.add_argument(
                "--products",
                choices=("auto", "float32", "tf32", "float16"),
                default="auto",
                help="precision of its products on a GPU",
            )
    return cli.run(parser, argv)


def _inspect(arguments: argparse.Namespace) -> None:
    from models.bundle import Bundle

    opened = Bundle.open(arguments.bundle)
    facts = opened.manifest.model_dump(mode="json", exclude={"files", "preprocessing"})
    sizes = {name: opened.file(name).stat().st_size for name in opened.manifest.files}
    facts |= {
        "image_size": opened.manifest.image_size,
        "graphs": ", ".join(opened.graphs),
        "bytes": sum(sizes.values()),
    }
    cli.show({**facts, "files": sizes} if arguments.json else facts, as_json=arguments.json)


def _verify(arguments: argparse.Namespace) -> None:
    from models.encoder import Encoder
    from models.runtime.device import Device

    encoder = Encoder.open(arguments.bundle, device=Device(arguments.provider, arguments.products))
    encoder.self_test()
    facts = {"bundle": str(arguments.bundle), "model_id": encoder.manifest.model_id, "verified": True}
    if encoder.device.is_gpu:
        facts |= {"products": encoder.device.precision} | {
            f"nodes of {name}": dict(placed.nodes) for name, placed in encoder.placement.items()
        }
        facts["operators on the CPU"] = {name: dict(placed.on_cpu) for name, placed in encoder.placement.items()}
    cli.show(facts, as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

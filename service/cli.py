"""The `likebut` command: passes each verb on to one of four command lines, which is imported only then."""

import importlib
import os
import sys
from collections.abc import Sequence

from models import cli

VERBS = {
    "catalogue": ("training", "draw a shop: images, an items table and triplets"),
    "data": ("training", "check a source of images and texts for missing and broken files"),
    "triplets": ("training", "make triplets from images only"),
    "train": ("training", "train a model from a config, or resume a run"),
    "export": ("training", "export a run, or an open_clip model, as a bundle"),
    "quantize": ("training", "turn a bundle to 8 bits, two to three times as fast on a CPU"),
    "tailor": ("training", "make a bundle from a shop's own products, if it is better"),
    "calibrate": ("training", "fit the chance that a bundle's scores stand for"),
    "evaluate": ("training", "measure a bundle on a benchmark"),
    "report": ("training", "write a result as a web page with plots, hits and misses"),
    "compare": ("training", "compare results of one benchmark"),
    "submission": ("training", "write and check files for the test servers of CIRR and CIRCO"),
    "bundle": ("models", "inspect or verify an exported model"),
    "index": ("index", "build or inspect a gallery"),
    "serve": ("service", "answer searches over HTTP"),
    "openapi": ("service", "print the OpenAPI document of the HTTP interface"),
    "search": ("service", "search once, without HTTP"),
    "keys": ("service", "add, list or remove API keys"),
    "capacity": ("service", "estimate machines, memory, disk, build time and cost"),
}


def main() -> int:
    """Runs the command line of the folder that has the verb."""
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        # names of files are UTF-8 whatever the locale says, and ids are made of them
        console = sys.stdout.encoding if sys.stdout else "utf-8"
        environment = {"PYTHONIOENCODING": console, **os.environ, "PYTHONUTF8": "1"}
        os.execve(sys.executable, sys.orig_argv, environment)
    return cli.guarded(lambda: _run(sys.argv[1:]))


def _run(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print("usage: likebut VERB …      (likebut VERB --help for details)\n")
        for verb, (_, summary) in VERBS.items():
            print(f"  {verb:<10} {summary}")
        return 0
    if words[0] == "--version":
        from importlib import metadata

        print(metadata.version("likebut"))
        return 0
    if words[0] not in VERBS:
        print(f"likebut: unknown verb {words[0]!r}: the verbs are {', '.join(VERBS)}", file=sys.stderr)
        return 2
    folder, _ = VERBS[words[0]]
    # after index and bundle follow verbs of their own
    rest = words[1:] if words[0] in ("index", "bundle") else words
    status: int = importlib.import_module(f"{folder}.__main__").main(rest)
    return status


if __name__ == "__main__":
    sys.exit(main())

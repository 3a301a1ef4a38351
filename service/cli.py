"""The `likebut` command: one thin door to the four command lines, each imported only when it is asked for."""

import importlib
import sys

VERBS = {
    "catalogue": ("training", "draw a shop: pictures, an items table and triplets"),
    "data": ("training", "count a source of pictures and words and find what is missing or broken"),
    "triplets": ("training", "make triplets from pictures alone"),
    "train": ("training", "train as a config says, or go on where a run stopped"),
    "export": ("training", "turn a run, or an open_clip model, into a bundle"),
    "evaluate": ("training", "measure a bundle on a benchmark"),
    "report": ("training", "write a result as a page with plots, hits and misses"),
    "compare": ("training", "set results of one benchmark side by side"),
    "submission": ("training", "write and check files for the test servers of CIRR and CIRCO"),
    "bundle": ("models", "inspect or verify an exported model"),
    "index": ("index", "build or inspect a gallery"),
    "serve": ("service", "answer searches over HTTP"),
    "openapi": ("service", "print the OpenAPI document of the HTTP interface"),
    "search": ("service", "one search, without HTTP"),
    "keys": ("service", "add, list or remove the keys that callers are known by"),
}


def main() -> int:
    """Hands the words after `likebut` to the folder that knows their first."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print("usage: likebut VERB …      (likebut VERB --help says more)\n")
        for verb, (_, what) in VERBS.items():
            print(f"  {verb:<10} {what}")
        return 0
    if words[0] == "--version":
        from importlib import metadata

        print(metadata.version("likebut"))
        return 0
    if words[0] not in VERBS:
        print(f"likebut: there is no verb {words[0]!r}; there are {', '.join(VERBS)}", file=sys.stderr)
        return 2
    folder, _ = VERBS[words[0]]
    # index and bundle are a folder's only noun: their own verbs follow
    rest = words[1:] if words[0] in ("index", "bundle") else words
    status: int = importlib.import_module(f"{folder}.__main__").main(rest)
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Command line of the service: serve over HTTP, print its OpenAPI document, search once, and manage API keys."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from models import cli
from service.capacity import command as capacity
from service.settings import Settings


def main(argv: Sequence[str]) -> int:
    """Runs one command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="likebut", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    serve = verbs.add_parser(
        "serve",
        help="answer searches over HTTP",
        description="Every option can also be set as a LIKEBUT_* environment variable.",
    )
    for name, field in Settings.model_fields.items():
        standard = " (default: none)" if field.default in (None, ()) else f" (default {field.default})"
        if name == "bundle":
            standard = " (default: the bundle that is shipped)"
        serve.add_argument(f"--{name.replace('_', '-')}", help=f"{field.description}{standard}")
    serve.set_defaults(verb=_serve)
    describe = verbs.add_parser("openapi", help="print the OpenAPI document of the HTTP interface")
    describe.set_defaults(verb=_openapi)
    search = verbs.add_parser("search", help="search once, without HTTP")
    search.add_argument("--gallery", help="folder of the gallery, or its address in Milvus")
    search.add_argument("--bundle", help="folder of the exported model")
    reference = search.add_mutually_exclusive_group()
    reference.add_argument("--image", type=Path, metavar="FILE", help="the reference: an image file")
    reference.add_argument("--item", metavar="ID", help="the reference: an item of the gallery")
    search.add_argument("--text", help="the change to the reference; without a reference, a description of the product")
    search.add_argument("-k", type=int, default=10, help="number of hits (default 10)")
    search.add_argument("--json", action="store_true", help="one JSON object on stdout")
    search.set_defaults(verb=_search)
    _keys(verbs.add_parser("keys", help="add, list or remove API keys"))
    capacity.add(verbs.add_parser("capacity", help="estimate machines, memory, disk, build time and cost"))
    return cli.run(parser, argv)


def _serve(arguments: argparse.Namespace) -> None:
    from service import launch

    launch.serve(Settings.read(os.environ, {name: getattr(arguments, name) for name in Settings.model_fields}))


def _keys(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    add = verbs.add_parser("add", help="create a key and print it once; the file holds only its hash")
    listed = verbs.add_parser("list", help="list the names, roles and rates of the keys")
    remove = verbs.add_parser("remove", help="remove a key; a running service notices within a second")
    for verb in (add, listed, remove):
        verb.add_argument("file", type=Path, metavar="FILE", help="the key file")
    for verb in (add, remove):
        verb.add_argument("--name", required=True, help="name of the caller: letters, digits and . _ -")
    add.add_argument(
        "--role", required=True, choices=("search", "admin"), help="what the key may do; admin may do everything"
    )
    add.add_argument(
        "--rate", type=float, metavar="R", help="searches per second (default: the setting of the service)"
    )
    add.add_argument(
        "--burst", type=int, metavar="B", help="searches at once after a pause (default: the setting of the service)"
    )
    listed.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add.set_defaults(verb=_add)
    listed.set_defaults(verb=_list)
    remove.set_defaults(verb=_remove)


def _add(arguments: argparse.Namespace) -> None:
    from service.auth import keys

    name, role, rate_per_s, burst = arguments.name, arguments.role, arguments.rate, arguments.burst
    secret = keys.add(arguments.file, name=name, role=role, rate_per_s=rate_per_s, burst=burst)
    try:
        print(secret, flush=True)
    except OSError:
        keys.remove(arguments.file, name)  # a key that was never shown is of no use, and would keep its name
        raise
    print(f"likebut: store the key now: {arguments.file} holds only its hash", file=sys.stderr)


def _list(arguments: argparse.Namespace) -> None:
    from service.auth import keys

    listed = keys.read(arguments.file)
    if arguments.json:
        facts = [{"name": k.name, "role": k.role, "rate_per_s": k.rate_per_s, "burst": k.burst} for k in listed]
        cli.show({"keys": facts}, as_json=True)
        return
    for key in listed:
        rate = "" if key.rate_per_s is None else f"{key.rate_per_s:g} per second"
        burst = "" if key.burst is None else f"{key.burst} at once"
        print(f"{key.name:<24}  {key.role:<6}  {', '.join(filter(None, (rate, burst)))}".rstrip())


def _remove(arguments: argparse.Namespace) -> None:
    from service.auth import keys

    keys.remove(arguments.file, arguments.name)


def _openapi(arguments: argparse.Namespace) -> None:
    from service.http import app

    cli.print_json(app.description(), indent=2)


def _search(arguments: argparse.Namespace) -> None:
    from index.gallery import Gallery
    from index.search.request import SearchRequest
    from index.sources import image_bytes
    from index.sources.rows import SourceRow
    from models.encoder import Encoder
    from models.errors import InputError, UnreadableImage
    from service.schemas import search as search_schemas
    from service.search.query import Query, answer_one
    from service.search.references import ImageReference
    from service.search.stopwatch import Stopwatch

    settings = Settings.read(os.environ, {"gallery": arguments.gallery, "bundle": arguments.bundle})
    image = None
    if arguments.image is not None:
        try:
            row = SourceRow("", str(arguments.image.absolute()), {})
            image = image_bytes.read_image(row, max_image_bytes=settings.max_image_bytes)
        except UnreadableImage as error:
            raise InputError(f"{error}: name an image file of this machine") from error
    encoder = Encoder.open(settings.bundle, threads=settings.threads, device=settings.device)
    gallery = Gallery.open(settings.gallery, space_id=encoder.manifest.space_id)
    has_image = image is not None or arguments.item is not None
    references = (ImageReference(data=image, item_id=arguments.item),) if has_image else ()
    query = Query(references, arguments.text, SearchRequest(k=arguments.k))
    answer = answer_one(query, encoder=encoder, gallery=gallery, settings=settings, watch=Stopwatch())
    if arguments.json:
        hits = [
            {
                "id": hit.item.id,
                "score": round(hit.score, 6),
                "attributes": search_schemas.without_empty(hit.item.attributes),
                "uri": hit.item.uris[hit.image],
                "image": hit.image,
                "images": list(hit.item.uris),
            }
            for hit in answer.hits
        ]
        facts = {"snapshot": answer.snapshot, "model": answer.model, "took_ms": answer.took_ms}
        remarks = {"notes": answer.notes, "diagnostics": answer.diagnostics}
        cli.show({"hits": hits, **facts, **remarks}, as_json=True)
        return
    for hit in answer.hits:
        several = f"  (image {hit.image} of 0 to {len(hit.item.further)})" if hit.item.further else ""
        line = f"{hit.score:.4f}  {hit.item.id}  {hit.item.attributes.get('title') or ''}{several}"
        print(cli.printable(line).rstrip())
    for note in (*answer.notes, *answer.diagnostics):
        print(f"likebut: {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The service command line: serve over HTTP, describe that, search once without it, and keep the keys of callers."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from models import cli
from service.settings import Settings


def main(argv: Sequence[str]) -> int:
    """Runs one command and gives its exit status."""
    parser = argparse.ArgumentParser(prog="likebut", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    serve = verbs.add_parser(
        "serve", help="answer searches over HTTP", description="Every option is also a LIKEBUT_* variable."
    )
    for name, field in Settings.model_fields.items():
        standard = " (default: none)" if field.default in (None, ()) else f" (default {field.default})"
        if name == "bundle":
            standard = " (default: the shipped one)"
        serve.add_argument(f"--{name.replace('_', '-')}", help=f"{field.description}{standard}")
    serve.set_defaults(verb=_serve)
    describe = verbs.add_parser("openapi", help="print the OpenAPI document of the HTTP interface")
    describe.set_defaults(verb=_openapi)
    search = verbs.add_parser("search", help="one search, without HTTP")
    search.add_argument("--gallery", help="folder of the gallery")
    search.add_argument("--bundle", help="folder of the exported model")
    reference = search.add_mutually_exclusive_group()
    reference.add_argument("--image", type=Path, metavar="FILE", help="the reference, a picture file")
    reference.add_argument("--item", metavar="ID", help="the reference, an item of the gallery")
    search.add_argument("--text", help="the wanted change; with no reference, the wanted product")
    search.add_argument("-k", type=int, default=10, help="how many hits (default 10)")
    search.add_argument("--json", action="store_true", help="one JSON object on stdout")
    search.set_defaults(verb=_search)
    _keys(verbs.add_parser("keys", help="add, list or remove the keys that callers are known by"))
    return cli.run(parser, argv)


def _serve(arguments: argparse.Namespace) -> None:
    from service import server

    server.serve(Settings.read(os.environ, {name: getattr(arguments, name) for name in Settings.model_fields}))


def _keys(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    add = verbs.add_parser("add", help="make a key; only its hash is kept, so that it is shown this once")
    listed = verbs.add_parser("list", help="the names of the keys, their roles and rates")
    remove = verbs.add_parser("remove", help="take a key away; a running service knows within a second")
    for verb in (add, listed, remove):
        verb.add_argument("file", type=Path, metavar="FILE", help="file of the keys")
    for verb in (add, remove):
        verb.add_argument("--name", required=True, help="whom the key is for: letters, digits and . _ -")
    add.add_argument("--role", required=True, choices=("search", "admin"), help="what the key may do; admin is all")
    add.add_argument("--rate", type=float, metavar="R", help="searches a second (default: as the service is set)")
    add.add_argument("--burst", type=int, metavar="B", help="searches at once after a pause (default: the service's)")
    listed.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add.set_defaults(verb=_add)
    listed.set_defaults(verb=_list)
    remove.set_defaults(verb=_remove)


def _add(arguments: argparse.Namespace) -> None:
    from service.auth import keys

    name, role, rate_per_s, burst = arguments.name, arguments.role, arguments.rate, arguments.burst
    print(keys.add(arguments.file, name=name, role=role, rate_per_s=rate_per_s, burst=burst))
    print(f"likebut: keep it now, {arguments.file} holds its hash only", file=sys.stderr)


def _list(arguments: argparse.Namespace) -> None:
    from service.auth import keys

    known = keys.read(arguments.file)
    if arguments.json:
        facts = [{"name": k.name, "role": k.role, "rate_per_s": k.rate_per_s, "burst": k.burst} for k in known]
        cli.show({"keys": facts}, as_json=True)
        return
    for key in known:
        rate = "" if key.rate_per_s is None else f"{key.rate_per_s:g} a second"
        burst = "" if key.burst is None else f"{key.burst} at once"
        print(f"{key.name:<24}  {key.role:<6}  {', '.join(filter(None, (rate, burst)))}".rstrip())


def _remove(arguments: argparse.Namespace) -> None:
    from service.auth import keys

    keys.remove(arguments.file, arguments.name)


def _openapi(arguments: argparse.Namespace) -> None:
    from service.http import app, openapi

    print(json.dumps(app.description(openapi.Examples()), indent=2, ensure_ascii=False))


def _search(arguments: argparse.Namespace) -> None:
    from index.gallery import Gallery
    from index.search.request import SearchRequest
    from models.encoder import Encoder
    from models.errors import InputError
    from service.schemas import search as search_schemas
    from service.search.query import Query, Stopwatch, answer_one

    settings = Settings.read(os.environ, {"gallery": arguments.gallery, "bundle": arguments.bundle})
    image = None
    if arguments.image is not None:
        try:
            image = arguments.image.read_bytes()
        except OSError as error:
            raise InputError(f"{arguments.image} cannot be read ({error.strerror}): name a picture file") from error
    encoder = Encoder.open(settings.bundle, threads=settings.threads, provider=settings.provider)
    gallery = Gallery.open(settings.gallery, space_id=encoder.manifest.space_id)
    query = Query(image=image, item_id=arguments.item, text=arguments.text, want=SearchRequest(k=arguments.k))
    found = answer_one(query, encoder=encoder, gallery=gallery, settings=settings, watch=Stopwatch())
    if arguments.json:
        hits = [
            {
                "id": hit.item.id,
                "score": round(hit.score, 6),
                "attributes": search_schemas.known(hit.item.attributes),
                "uri": hit.item.uri,
            }
            for hit in found.hits
        ]
        facts = {"snapshot": found.snapshot, "model": found.model, "took_ms": found.took_ms, "notes": found.notes}
        cli.show({"hits": hits, **facts}, as_json=True)
        return
    for hit in found.hits:
        print(f"{hit.score:.4f}  {hit.item.id}  {hit.item.attributes.get('title') or ''}".rstrip())
    for note in found.notes:
        print(f"likebut: {note}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Files for the test servers of CIRR and CIRCO: written from a ranking, and checked for everything that they refuse.

CIRR (Test-split_server.md of its repository) takes two files, {"version": "rc2", "metric": "recall", "12063": [50
names], …} and the same with "recall_subset" and 3 names of the query's own set; the reference is never listed. CIRCO
(its README) takes one, {"0": [50 numbers], …, "799": […]}.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.errors import ConfigError, InputError
from training.evaluation.benchmarks.benchmark import Benchmark
from training.evaluation.result import Result

Server = Literal["cirr", "circo"]
Metric = Literal["recall", "recall_subset"]
Name = str | int  # CIRR's images have names, CIRCO's numbers

VERSION = "rc2"
LENGTHS: Mapping[Metric, int] = {"recall": 50, "recall_subset": 3}
MAX_BYTES = 5_000_000  # CIRR's server says 5 MB; the smaller reading is safe in both


@dataclass(frozen=True, slots=True)
class SubmittedQuery:
    """The names that may be listed for one query."""

    among: frozenset[Name]
    never: frozenset[Name]  # its reference, if that is not ranked
    length: int  # how many are listed


@dataclass(frozen=True, slots=True)
class SubmissionRules:
    """Requirements of a server for one file."""

    server: Server
    head: Mapping[str, str]  # entries beside the queries
    queries: Mapping[str, SubmittedQuery]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake that a server refuses or counts wrong without a warning."""

    kind: str  # one of few
    detail: str


def rules(benchmark: Benchmark, *, metric: Metric = "recall") -> SubmissionRules:
    """Return the server's requirements for a file; `metric` selects one of CIRR's two.

    Raises ConfigError if the benchmark has no server.
    """
    server = _server(benchmark.name)
    galleries = {name: frozenset(_names(names, server)) for name, names in benchmark.galleries.items()}
    queries = {}
    for query in benchmark.queries:
        if metric == "recall_subset":
            among = frozenset(_names(query.subset, server))
        elif isinstance(query.gallery, str):
            among = galleries[query.gallery]  # one set for all queries
        else:
            among = frozenset(_names(query.gallery, server))
        never = frozenset(_names(query.excluded, server))
        queries[query.id] = SubmittedQuery(among, never, min(LENGTHS[metric], len(among) - len(among & never)))
    return SubmissionRules(server, {"version": VERSION, "metric": metric} if server == "cirr" else {}, queries)


def write(result: Result, benchmark: Benchmark, out: Path, *, way: str) -> list[Path]:
    """Write the files to submit into a folder, from one way to query, and return their paths.

    Raises ConfigError, and writes none, if the result does not have that way or the server would refuse one of the
    files.
    """
    if way not in result.answers:
        raise ConfigError(f"there is no row {way!r}: choose one of {', '.join(result.answers)}")
    answers, files = result.answers[way], dict[Path, bytes]()
    lists: dict[Metric, Sequence[Sequence[str]]] = {"recall": answers.first}
    if benchmark.name == "cirr":
        lists["recall_subset"] = answers.subset
    for metric, names in lists.items():
        limits = rules(benchmark, metric=metric)
        listed = zip((query.id for query in result.queries), names, strict=True)
        cut = {query: list(_names(best[: LENGTHS[metric]], limits.server)) for query, best in listed}
        path = out / f"{benchmark.name}-{benchmark.split}-{metric}.json"
        files[path] = json.dumps({**limits.head, **cut}).encode()
        for mistake in _mistakes(files[path], limits):
            refused = f"{path} would be refused ({mistake.kind}: {mistake.detail})"
            raise ConfigError(f"{refused}: evaluate the whole split again")
    out.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        path.write_bytes(data)
    return list(files)


def metric(path: Path) -> Metric:
    """Return which of CIRR's two files this is, from its entry or, if it has none, from the length of its first list.

    Raises InputError if the file cannot be read.
    """
    try:
        content: object = json.loads(_read(path))
    except (ValueError, RecursionError):
        return "recall"
    if not isinstance(content, dict):
        return "recall"
    for one in LENGTHS:
        if content.get("metric") == one:
            return one
    first = next((listed for listed in content.values() if isinstance(listed, list)), [])
    return "recall_subset" if len(first) == LENGTHS["recall_subset"] else "recall"


def mistakes(path: Path, rules: SubmissionRules) -> list[Mistake]:
    """Return every mistake that the server refuses or counts wrong; raises InputError if the file cannot be read."""
    return list(_mistakes(_read(path), rules))


def _server(benchmark: str) -> Server:
    """Return the server of a benchmark by its name."""
    match benchmark:
        case "cirr" | "circo":
            return benchmark
        case _:
            raise ConfigError(f"there is no test server for {benchmark}: its targets are public, so evaluate it here")


def _names(names: Iterable[str], server: Server) -> Iterator[Name]:
    return (int(name) if server == "circo" else name for name in names)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): name the file to submit") from error


def _mistakes(data: bytes, rules: SubmissionRules) -> Iterator[Mistake]:
    if rules.server == "cirr" and len(data) > MAX_BYTES:
        yield Mistake("too large", f"{len(data)} bytes of at most {MAX_BYTES}: list no more names than are requested")
    twice: list[str] = []
    try:
        # decoded here, since json.loads accepts bytes of other encodings too, and a server does not
        content: object = json.loads(data.decode("utf-8"), object_pairs_hook=lambda pairs: _once(pairs, twice))
    except (ValueError, RecursionError) as error:
        yield Mistake("no JSON", str(error))
        return
    if not isinstance(content, dict):
        yield Mistake("no object", "the whole file is one JSON object, from query to list")
        return
    for key in twice:
        yield Mistake("key twice", f"{key!r}: only its last list would count")
    yield from _head(content, rules)
    for query in rules.queries:
        if query not in content:
            yield Mistake("query missing", query)
    for query, listed in content.items():
        if query in rules.queries:
            yield from _list(query, listed, rules)
        elif query not in rules.head:
            yield Mistake("unknown query", repr(query))


def _once(pairs: list[tuple[str, object]], twice: list[str]) -> dict[str, object]:
    """Return the pairs as a dict; keys that a plain reader would silently drop are added to `twice`."""
    content: dict[str, object] = {}
    for key, value in pairs:
        if key in content:
            twice.append(key)
        content[key] = value
    return content


def _head(content: Mapping[str, object], rules: SubmissionRules) -> Iterator[Mistake]:
    for key, value in rules.head.items():
        if key not in content:
            yield Mistake(f"no {key}", f'add "{key}": "{value}"')
        elif content[key] != value:
            yield Mistake(f"wrong {key}", f"{content[key]!r} in place of {value!r}")


def _list(query: str, listed: object, rules: SubmissionRules) -> Iterator[Mistake]:
    limits = rules.queries[query]
    if not isinstance(listed, list):
        yield Mistake("no list", f"{query} has {listed!r:.80}")
        return
    if len(listed) != limits.length:
        yield Mistake("wrong length", f"{query} lists {len(listed)} in place of {limits.length}")
    kind, called = (str, "name") if rules.server == "cirr" else (int, "number")
    seen: set[Name] = set()
    for name in listed:
        if type(name) is not kind:  # True is an int to isinstance
            yield Mistake(f"no {called}", f"{query} lists {name!r:.80}")
            continue
        if name in seen:
            yield Mistake("listed twice", f"{query} lists {name!r} again")
        seen.add(name)
        if name in limits.never:
            yield Mistake("reference listed", f"{query} lists {name!r}, its own reference")
        elif name not in limits.among:
            yield Mistake("not to be ranked", f"{query} lists {name!r}, which is not among the {len(limits.among)}")

"""Report of `likebut data check` on a source: its size, and what is missing or broken."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from models import preprocess
from models.errors import InputError, UnreadableImage
from training.data.images import Images
from training.data.processes import in_order
from training.data.rows import Captioned, Downloads, Flaw, LoadedRows, Triplets

_LISTED = 20  # flaws of each kind
_CHUNK = 512  # images that a process inspects before it reports
_HEADER_BYTES = 65536  # enough for the header of most images


@dataclass(frozen=True, slots=True)
class SourceReport:
    """Counts and flaws of a source."""

    source: str
    rows: int  # all of them
    usable: int
    pictures: int  # in the usable rows
    same_pictures: int | None  # with the same bytes as an earlier one; None if they were not read whole
    duplicate_rows: int  # that repeat an earlier one
    distinct_texts: int
    blank_texts: int
    longest_text_words: int
    downloads: Downloads | None  # None if img2dataset wrote no statistics
    flaws: tuple[Flaw, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Result of inspecting one image."""

    digest: bytes  # of the bytes that were read
    problem: str  # "" if there is none


def check(found: LoadedRows[Captioned] | LoadedRows[Triplets], *, decode: bool, workers: int) -> SourceReport:
    """Inspect the header of every image that a row uses, or with `decode` every pixel."""
    rows = found.rows
    uses = _uses(rows)  # (N, 1 or 2)
    held = np.stack([rows.images.files, rows.images.offsets])
    _, first, inverse = np.unique(held, axis=1, return_index=True, return_inverse=True)
    places = inverse.reshape(-1)[uses]  # (N, 1 or 2): two names may mean one place on the disk
    used = np.unique(places)
    looks = list(looked_at(rows.images, first[used], decode=decode, workers=workers))
    problems = {int(place): look.problem for place, look in zip(used, looks, strict=True) if look.problem}
    broken = tuple(_broken(rows, uses, places, problems))
    texts = rows.captions if isinstance(rows, Captioned) else rows.texts
    flaws = found.flaws + broken
    return SourceReport(
        source=found.source,
        rows=len(rows) + len(found.flaws),
        usable=len(rows) - len(broken),
        pictures=len(used),
        same_pictures=len(looks) - len({look.digest for look in looks}) if decode else None,
        duplicate_rows=len(rows) - len(set(zip(*places.T.tolist(), texts, strict=True))),
        distinct_texts=len(set(texts)),
        blank_texts=sum(flaw.kind.startswith("blank") for flaw in flaws),
        longest_text_words=max((len(text.split()) for text in texts), default=0),
        downloads=found.downloads,
        flaws=flaws,
    )


def looked_at(pictures: Images, used: NDArray[np.int64], *, decode: bool, workers: int) -> Iterator[Look]:
    """Inspect each of the `used` images, in their order: its header, or with `decode` every pixel."""
    chunks = [used[start : start + _CHUNK] for start in range(0, len(used), _CHUNK)]
    tasks = (partial(_looked, pictures.take(chunk), decode) for chunk in chunks)
    with tqdm(total=len(used), unit="picture", desc="checking", mininterval=1.0) as bar:
        for looks in in_order(tasks, workers=workers if len(chunks) > 1 else 0):
            yield from looks
            bar.update(len(looks))


def facts(report: SourceReport) -> dict[str, object]:
    """Return the report as names and values, with the downloads, and the number of flaws of each kind."""
    kinds = Counter(flaw.kind for flaw in report.flaws)
    apart = ("downloads", "flaws")
    numbers = {field.name: getattr(report, field.name) for field in fields(report) if field.name not in apart}
    downloads = {} if report.downloads is None else asdict(report.downloads)
    return {**{name: value for name, value in numbers.items() if value is not None}, **downloads, **kinds}


def listed(flaws: Sequence[Flaw], *, rest: str) -> list[str]:
    """Return a line for each flaw; if there are many of one kind, only the first, and last where the `rest` is."""
    lines, counts = [], Counter[str]()
    for flaw in flaws:
        counts[flaw.kind] += 1
        if counts[flaw.kind] <= _LISTED:
            lines.append(": ".join(filter(None, (flaw.kind, flaw.name, flaw.detail))))
    more = sum(count - _LISTED for count in counts.values() if count > _LISTED)
    return [*lines, f"… and {more} more: {rest}"] if more else lines


def _uses(rows: Captioned | Triplets) -> NDArray[np.int64]:
    """Return the images of each row, (N, 1 or 2)."""
    if isinstance(rows, Captioned):
        return np.arange(len(rows))[:, None]
    return np.stack([rows.references, rows.targets], axis=1)


def _broken(
    rows: Captioned | Triplets, uses: NDArray[np.int64], places: NDArray[np.int64], problems: Mapping[int, str]
) -> Iterator[Flaw]:
    """Yield every row that uses an image with a problem."""
    bad = np.isin(places, list(problems))  # (N, 1 or 2)
    for row in np.flatnonzero(bad.any(axis=1)).tolist():
        which = int(bad[row].argmax())
        problem = f"{rows.images.name(int(uses[row, which]))}: {problems[int(places[row, which])]}"
        yield Flaw(rows.names[row], "broken image", problem)


def _looked(pictures: Images, decode: bool) -> list[Look]:
    return [_look(pictures, row, decode=decode) for row in range(len(pictures))]


def _look(pictures: Images, row: int, *, decode: bool) -> Look:
    try:
        data = pictures.read(row) if decode else pictures.read(row, limit=_HEADER_BYTES)
        digest = blake2b(data, digest_size=16).digest()
    except InputError as error:
        return Look(digest=str(error).encode(), problem=str(error))
    try:
        if decode:
            preprocess.decode(data)
        else:
            _header(pictures, row, data)
    except InputError as error:
        return Look(digest=digest, problem=str(error))
    return Look(digest=digest, problem="")


def _header(pictures: Images, row: int, start: bytes) -> None:
    """Raise the errors of `preprocess.opened`; a header may be longer than the start of the file."""
    try:
        preprocess.opened(start)
    except UnreadableImage:
        preprocess.opened(pictures.read(row))

"""One search, from the query's bytes to the hits, and the searcher that answers many at once."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from index.facets import Facets
from index.gallery import Gallery
from index.want import Hit, Want
from models.arrays import Embeddings
from models.encoder import Encoder
from service import images
from service.errors import Unusable
from service.pool import Place, Pool
from service.serving import Serving, opened
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: an image (bytes, or an item of the gallery), a text, or both."""

    image: bytes | None
    item_id: str | None
    text: str | None
    want: Want
    exclude_reference: bool = True
    text_weight: float | None = None  # None: the bundle's own
    image_url: str | None = None  # where the image is to be had, as long as it is not fetched


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of one query, best first, with the milliseconds that each stage took."""

    hits: list[Hit]
    total: int
    facets: Facets
    snapshot: str
    model: str
    took_ms: dict[str, float]
    notes: list[str]


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by stage, in the order the stages ended."""

    took_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is inside, added to what the stage took before."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.took_ms[name] = round(self.took_ms.get(name, 0.0) + (time.perf_counter() - start) * 1000, 3)


def find(query: Query, *, encoder: Encoder, gallery: Gallery, settings: Settings, watch: Stopwatch) -> Found:
    """Answers one query on one snapshot; raises InputError for what cannot be used and UnknownItem."""
    text = checked_text(query, settings)
    want = query.want
    if not 1 <= want.k <= settings.max_k:
        raise Unusable(
            f"k must lie between 1 and {settings.max_k}", fields=[{"field": "k", "detail": f"1 to {settings.max_k}"}]
        )
    notes = []
    data = query.image
    with watch.stage("decode"):
        if query.item_id is not None:
            data = images.read(gallery.item(query.item_id), max_bytes=settings.max_image_bytes)
            if query.exclude_reference:
                want = replace(want, reference=query.item_id)
        elif data is not None and text and query.exclude_reference:  # with no text, who sends a picture looks for it
            want = replace(want, content=hashlib.sha256(data).hexdigest())
        pixels = None
        if data is not None:
            pixels = encoder.preprocess(data, max_pixels=settings.max_pixels)[np.newaxis]  # (1, 3, S, S)
    with watch.stage("encode"):
        vector: Embeddings  # (1, d)
        if pixels is not None and text:
            weight = encoder.manifest.text_weight if query.text_weight is None else query.text_weight
            changes = encoder.changes([text])
            vector = encoder.compose(pixels, changes, text_weight=weight)
            truncated = bool(changes.tokens.truncated[0])
        elif pixels is not None:
            vector = encoder.gallery(pixels)
            truncated = False
        else:
            words = encoder.tokenize([text])
            vector = encoder.words(words)
            truncated = bool(words.truncated[0])
    if truncated:
        notes.append(f"the text was cut: the model reads {encoder.manifest.context_length} tokens")
    if query.text_weight is not None and not (text and pixels is not None):
        notes.append("text_weight was ignored: it mixes an image and a text, and only one was given")
    with watch.stage("search"):
        (found,) = gallery.search(vector, [want])
    notes += found.notes
    return Found(
        found.hits, found.total, found.facets, gallery.manifest.name, encoder.manifest.model_id, watch.took_ms, notes
    )


def checked_text(query: Query, settings: Settings) -> str:
    """The query's text without white space around it, empty where there is none; raises Unusable."""
    text = (query.text or "").strip()
    if len(text) > settings.max_text_chars:
        detail = f"the text has {len(text)} characters, more than {settings.max_text_chars}"
        raise Unusable(detail, fields=[{"field": "text", "detail": detail}])
    assert query.image_url is None
    if not text and query.image is None and query.item_id is None:
        raise Unusable("give an image, a text, or both")
    return text


class Searcher:
    """Answers queries on the live snapshot, in a bounded pool of threads.

    `serving` is replaced by one assignment; a search keeps to the model and the snapshot it began with.
    """

    def __init__(self, settings: Settings) -> None:
        """Opens the settings' bundle; raises BundleMissing or BundleBroken."""
        encoder = opened(settings.bundle, settings)
        self.serving = Serving(settings.bundle, encoder, None, reason="no gallery is open yet")
        self._settings = settings
        self._pool = Pool("search", workers=settings.search_workers, max_waiting=settings.max_waiting)
        self._probe = Pool("probe", workers=1, max_waiting=8)  # its own, so that load never looks like illness

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)
        await self._probe.__aexit__(kind, error, trace)

    @property
    def active(self) -> int:
        """Searches that compute or wait."""
        return self._pool.active

    def live(self) -> Gallery:
        """The snapshot that answers now; raises NotReady where there is none."""
        return self.serving.live()

    def close(self, reason: str) -> None:
        """Lets no search in, and says why."""
        self.serving = replace(self.serving, gallery=None, reason=reason)

    async def swap(self, bundle: Path) -> Serving:
        """Lets the model in `bundle` answer with the live snapshot from the next search on.

        Raises what `successor` raises; then nothing has changed.
        """
        self.serving = await asyncio.to_thread(self.serving.successor, bundle, self._settings)
        return self.serving

    async def salvage(self, reason: str) -> None:
        """Serves what can be read of a damaged snapshot; raises GalleryError where that is nothing."""
        serving, path = self.serving, self._settings.gallery
        space_id = serving.encoder.manifest.space_id
        gallery = await asyncio.to_thread(Gallery.salvage, path, space_id=space_id)
        self.serving = replace(serving, gallery=gallery, reason=reason)

    def place(self) -> Place:
        """A place for one search, to be taken before its body is read; raises Overloaded and NotReady."""
        self.live()
        return self._pool.place()

    async def search(self, parse: Callable[[], Query], *, place: Place, watch: Stopwatch) -> Found:
        """Parses one query in a thread and answers it, telling `watch` its stages; raises what both raise."""
        serving = self.serving  # kept until the end, whatever is swapped in meanwhile
        gallery = serving.live()
        asked = time.perf_counter()

        def work() -> Found:
            watch.took_ms["wait"] = round((time.perf_counter() - asked) * 1000, 3)
            try:
                with watch.stage("decode"):
                    query = parse()
                return find(query, encoder=serving.encoder, gallery=gallery, settings=self._settings, watch=watch)
            finally:
                watch.took_ms["total"] = round((time.perf_counter() - asked) * 1000, 3)

        return await place.run(work)

    async def probe(self, *, timeout_s: float) -> list[str]:
        """Why searches cannot be answered, empty when they can: by a real forward pass and a real search."""
        encoder, gallery = self.serving.encoder, self.serving.gallery
        if gallery is None:
            return [self.serving.reason]
        side = encoder.manifest.image_size

        def work() -> None:
            gallery.search(encoder.gallery(np.full((1, 3, side, side), 255, dtype=np.uint8)), [Want(k=1)])

        try:
            await asyncio.wait_for(self._probe.run(work), timeout_s)
        except TimeoutError:
            return [f"a trial search took more than {timeout_s:g} s"]
        except Exception as error:  # whatever it is, this process cannot search
            return [f"a trial search failed ({type(error).__name__})"]
        return []

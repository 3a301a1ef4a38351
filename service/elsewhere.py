"""Items' pictures that are on no disk of this machine: fetched beside the searches, in threads of their own."""

import asyncio
import functools
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from index.items import Item
from models.errors import UnknownItem
from service import images
from service.pool import Place, Pool
from service.query import Found, Query, Stopwatch
from service.searcher import Fetch, Searcher

FETCHES, WAITING = 8, 24  # pictures fetched at once, and searches that may wait for one
TIMEOUT_S = 2 * images.FETCH_TIMEOUT_S  # with the wait, and with a name that is slow to resolve


class _Away(Exception):
    """The search has to fetch a picture first."""

    def __init__(self, query: Query, item: Item) -> None:
        super().__init__(item.uri)
        self.query, self.item = query, item


class Elsewhere:
    """Answers searches for such items: a slow host keeps its own searches waiting, and no others."""

    def __init__(self, searcher: Searcher, *, max_bytes: int, timeout_s: float = TIMEOUT_S) -> None:
        self._searcher = searcher
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._pool = Pool("item fetch", workers=FETCHES, max_waiting=WAITING)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def search(
        self, parse: Callable[[], Query], *, place: Place, watch: Stopwatch, fetch: Fetch | None = None
    ) -> Found:
        """As `Searcher.search`; raises also UnknownItem for what did not come in time, and Overloaded."""
        search = functools.partial(self._searcher.search, place=place, watch=watch, fetch=fetch)
        try:
            return await search(functools.partial(self._here, parse))
        except _Away as away:
            query, item = away.query, away.item
        with watch.stage("fetch"), place.aside():  # its place, too, is for others meanwhile
            data = await self._fetched(item)
        return await search(lambda: replace(query, image=data))

    def _here(self, parse: Callable[[], Query]) -> Query:
        query = parse()
        if query.item_id is not None:
            item = self._searcher.live().item(query.item_id)
            if "://" in item.uri:
                raise _Away(query, item)
        return query

    async def _fetched(self, item: Item) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._pool.run(functools.partial(images.read, item, max_bytes=self._max_bytes))
        except TimeoutError as error:
            raise UnknownItem(f"the picture of item {item.id!r} did not come in time: try again") from error

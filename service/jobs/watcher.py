"""Follows the gallery's folder: what another process published is searched here too, and many changes are folded in."""

import asyncio
import contextlib
import logging

from index.storage import snapshot
from models.errors import JobRunning, LikebutError
from service.jobs.runner import JobRunner
from service.schemas.gallery import IndexBody
from service.search.searcher import Searcher
from service.settings import Settings

EVERY_S = 1.0
LOG = logging.getLogger("likebut")


class GalleryWatcher:
    """Looks at CURRENT every second, as long as it runs."""

    def __init__(self, searcher: Searcher, jobs: JobRunner, settings: Settings) -> None:
        self._searcher = searcher
        self._jobs = jobs
        self._settings = settings
        self._refused = ""  # a snapshot that could not be opened is not tried again, nor said again
        self._tried = 0  # the change up to which a compaction was begun

    async def run(self) -> None:
        """Looks without end, whatever it finds."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._look()
            except LikebutError as error:
                LOG.warning("the gallery was not followed: %s", error)
            except Exception:  # whatever it is, the next second may be better
                LOG.exception("the gallery was not followed")

    async def _look(self) -> None:
        """Opens the live snapshot if it is another, and compacts if there are many changes."""
        if self._jobs.running() is not None:
            return  # it swaps by itself when it is done
        try:
            name = await asyncio.to_thread(snapshot.current, self._settings.gallery)
        except LikebutError:
            return  # there is none yet
        serving = self._searcher.serving
        here = "" if serving.gallery is None else serving.gallery.manifest.name
        if name not in (here, self._refused):
            self._refused = name
            await self._searcher.swap(serving.bundle)
            self._refused = ""
        elif serving.gallery is not None and serving.gallery.changes >= self._settings.compact_after:
            through = serving.gallery.manifest.through + serving.gallery.changes
            if through - self._tried < self._settings.compact_after:
                return  # it failed, and would again: after as many changes more it is tried once more
            with contextlib.suppress(JobRunning):
                await self._jobs.start(IndexBody(compact=True))
                self._tried = through

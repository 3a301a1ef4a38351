"""Watches the gallery folder: opens snapshots that others publish, notices a moved folder, starts compactions."""

import asyncio
import contextlib
import logging

from index.storage import snapshot
from models.errors import GalleryReadOnly, JobRunning, LikebutError
from service.jobs.plan import JobRequest
from service.jobs.runner import JobRunner
from service.search.searcher import Searcher
from service.settings import Settings

EVERY_S = 1.0
LOG = logging.getLogger("likebut")


class GalleryWatcher:
    """Reads CURRENT every second, as long as it runs."""

    def __init__(self, searcher: Searcher, jobs: JobRunner, settings: Settings) -> None:
        self._searcher = searcher
        self._jobs = jobs
        self._settings = settings
        self._refused = ""  # the snapshot that could not be opened: it is tried and logged only once
        self._logged = ""  # the last error: it is logged only once in a row
        self._compacted = 0  # the change up to which the last compaction was started

    async def run(self) -> None:
        """Watches without end; errors are logged."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._check()
                self._logged = ""
            except LikebutError as error:
                if str(error) != self._logged:
                    LOG.warning("the gallery could not be updated: %s", error)
                self._logged = str(error)
            except Exception:  # the next second may be better
                LOG.exception("the gallery could not be updated")

    async def _check(self) -> None:
        """Opens the live snapshot if it is a new one or another folder's, and compacts if there are many changes."""
        displaced = await asyncio.to_thread(self._searcher.serving.displaced)
        self._searcher.displaced = displaced
        try:
            live = await asyncio.to_thread(snapshot.live_manifest, self._settings.gallery)
        except LikebutError:
            return  # there is none yet
        serving = self._searcher.serving
        name, open_name = live.name, "" if serving.gallery is None else serving.gallery.manifest.name
        if self._jobs.running() is not None:
            # the job swaps at its end, but edits wait for what it has published; only it opens that of another model
            if name != open_name and not displaced and live.space_id == serving.encoder.manifest.space_id:
                await self._searcher.swap(serving.bundle)
        elif displaced:  # tried again until it can be opened, since a copy may be under way
            await self._searcher.swap(serving.bundle)
        elif name not in (open_name, self._refused):
            self._refused = name
            await self._searcher.swap(serving.bundle)
            self._refused = ""
        elif serving.gallery is not None and serving.gallery.changes >= self._settings.compact_after:
            through = serving.gallery.manifest.through + serving.gallery.changes
            if through - self._compacted < self._settings.compact_after:
                return  # the last compaction failed and would fail again: wait for as many further changes
            with contextlib.suppress(JobRunning, GalleryReadOnly):  # another process may compact it
                await self._jobs.start(JobRequest(compact=True))
                self._compacted = through

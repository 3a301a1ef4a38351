"""Watches the gallery folder: opens snapshots that others publish, notices a moved folder, starts compactions."""

import asyncio
import contextlib
import logging
from pathlib import Path

from index import places
from models.errors import GalleryReadOnly, JobRunning, LikebutError
from service.errors import NotReady
from service.jobs.plan import JobRequest
from service.jobs.runner import JobRunner
from service.search.searcher import Searcher
from service.settings import Settings
from service.shared_folder import Serving, WorkerRole

EVERY_S = 1.0
FOLLOWER_S = 0.2  # the leader's jobs end only when all workers have opened what they made
LOG = logging.getLogger("likebut")


class GalleryWatcher:
    """Reads CURRENT every second, as long as it runs; more often if another worker runs the jobs."""

    def __init__(
        self, searcher: Searcher, settings: Settings, *, runner: JobRunner | None, role: WorkerRole | None
    ) -> None:
        """`runner` has the jobs, unless another worker does; `role` is that of this worker, if there are several."""
        self._searcher = searcher
        self._runner = runner
        self._role = role
        self._settings = settings
        self._refused = ""  # the snapshot that could not be opened: it is tried and logged only once
        self._refused_bundle: Path | None = None  # likewise
        self._logged = ""  # the last error: it is logged only once in a row
        self._compacted = 0  # the change up to which the last compaction was started

    async def run(self) -> None:
        """Watches without end; errors are logged."""
        while True:
            try:
                self._note()
            except OSError:
                LOG.exception("the other workers do not know what is served here")
            await asyncio.sleep(FOLLOWER_S if self._runner is None else EVERY_S)
            try:
                await self._follow()
                await self._check()
                self._logged = ""
            except LikebutError as error:
                if str(error) != self._logged:
                    LOG.warning("the gallery could not be updated: %s", error)
                self._logged = str(error)
            except Exception:  # the next second may be better
                LOG.exception("the gallery could not be updated")

    def _note(self) -> None:
        """Tells the other workers what is served here."""
        if self._role is None:
            return
        serving = self._searcher.serving
        facts = Serving(str(serving.bundle), "" if serving.gallery is None else serving.gallery.manifest.name)
        if self._role.folder.serving(self._role.index) != facts:  # a successor that failed may have written its own
            self._role.folder.set_serving(self._role.index, facts)

    async def _follow(self) -> None:
        """Opens the model that a job of the leader has made the one that serves."""
        if self._role is None or self._runner is not None:
            return
        bundle = self._role.folder.bundle()
        if bundle not in (None, self._searcher.serving.bundle, self._refused_bundle):
            self._refused_bundle = bundle
            await self._searcher.swap(bundle)
            self._refused_bundle = None

    async def _check(self) -> None:
        """Opens the live snapshot if it is a new one or another folder's, and compacts if there are many changes."""
        displaced = await asyncio.to_thread(self._searcher.serving.displaced)
        self._searcher.displaced = displaced
        try:
            space_id = self._searcher.serving.encoder.manifest.space_id
            live = await asyncio.to_thread(places.servable_manifest, self._settings.gallery, space_id)
        except LikebutError:
            return  # there is none yet
        serving = self._searcher.serving
        name, open_name = live.name, "" if serving.gallery is None else serving.gallery.manifest.name
        same_space = live.space_id == serving.encoder.manifest.space_id
        if self._runner is not None and self._runner.running() is not None:
            # the job swaps at its end, but edits wait for what it has published; only it opens that of another model
            if name != open_name and not displaced and same_space:
                await self._searcher.swap(serving.bundle)
        elif displaced:  # tried again until it can be opened, since a copy may be under way
            await self._searcher.swap(serving.bundle)
        elif name not in (open_name, self._refused) and (same_space or self._runner is not None):  # else `_follow` does
            self._refused = name
            await self._searcher.swap(serving.bundle)
            self._refused = ""
        elif (
            self._runner is not None
            and serving.gallery is not None
            and serving.gallery.changes >= self._settings.compact_after
        ):
            through = serving.gallery.manifest.through + serving.gallery.changes
            if through - self._compacted < self._settings.compact_after:
                return  # the last compaction failed and would fail again: wait for as many further changes
            with contextlib.suppress(JobRunning, GalleryReadOnly, NotReady):  # another process may compact it
                await self._runner.start(JobRequest(compact=True))
                self._compacted = through

"""Runs index jobs one at a time, each in its own process, so that searches never share a heap with a build."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

import index
from models.errors import JobRunning, LikebutError, UnknownJob
from service.errors import NotReady
from service.jobs.plan import JobRequest, Plan, plan
from service.schemas.gallery import Job, SkippedImage
from service.search.searcher import Searcher
from service.settings import Settings
from service.shared_folder import Serving, WorkerRole
from service.telemetry.metrics import Metrics

MAX_JOBS = 50
MAX_SKIPPED_ITEMS = 100
CANCELLED = "the job was cancelled"
LINE_LIMIT_BYTES = 64 * 1024 * 1024  # the last line names every skipped item
TERMINATE_S = 5.0  # between SIGTERM and SIGKILL
SPREAD_S = 60.0  # for other workers to open what a job has made
SPREAD_CHECK_S = 0.1
LOG = logging.getLogger("likebut")


class ProgressLine(BaseModel):
    """One line of `index build --progress json`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    stage: str
    done: int = 0
    total: int = 0
    rate: float = 0.0
    skipped: list[SkippedImage] = []
    embedded: int | None = None
    reused: int | None = None
    unreachable: int = 0
    notes: list[str] = []


class JobRunner:
    """Starts jobs, follows their progress, and swaps `searcher` at the end of each; remembers the last fifty."""

    def __init__(
        self, settings: Settings, metrics: Metrics, searcher: Searcher, role: WorkerRole | None = None
    ) -> None:
        """With a role, a job ends when all workers serve what it has made."""
        self._role = role
        self._settings = settings
        self._metrics = metrics
        self._searcher = searcher
        self._planning = False
        self._jobs: dict[str, Job] = {}
        self._task: asyncio.Task[None] | None = None
        self._cancelled: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def start(self, request: JobRequest) -> Job:
        """Starts a job; raises JobRunning, NotReady, and Unusable if source or bundle cannot be used."""
        running = self.running()
        if running is not None:
            raise JobRunning(f"job {running.id} is running: wait until it ends, or delete it")
        if self._planning:
            raise JobRunning("another job is starting: wait until it ends")
        self._planning = True  # planning may test a bundle, which takes a while
        try:
            self._note()
            if self._role is not None and self._role.folder.leader() != os.getpid():
                raise NotReady("the process that runs jobs is being replaced: retry in some seconds")
            current = self._searcher.serving.bundle
            planned = await asyncio.to_thread(plan, request, self._settings, current=current)
        except BaseException:
            self._planning = False
            self._note()
            raise
        self._planning = False
        job = Job(
            id=uuid.uuid4().hex[:12],
            kind=planned.kind,
            source=planned.source,
            bundle=str(planned.bundle),
            shards=planned.shards,
            state="queued",
        )
        self._jobs[job.id] = job
        while len(self._jobs) > MAX_JOBS:
            del self._jobs[next(iter(self._jobs))]  # the oldest
        self._task = asyncio.create_task(self._run(job, planned), name=f"likebut-job-{job.id}")
        return job

    def _note(self) -> None:
        """Tells the supervisor whether there is a job, which must not end with this process."""
        if self._role is not None:
            self._role.folder.set_working(self._planning or self.running() is not None)

    async def get(self, id: str) -> Job:
        """Return a job by its id; raises UnknownJob."""
        return self._get(id)

    def _get(self, id: str) -> Job:
        try:
            return self._jobs[id]
        except KeyError:
            raise UnknownJob(f"there is no job {id[:40]!r}: the last {MAX_JOBS} are known") from None

    def running(self) -> Job | None:
        """Return the job that is queued or running."""
        return next((job for job in self._jobs.values() if job.state in ("queued", "running")), None)

    async def cancel(self, id: str) -> Job:
        """Cancels a job if it is queued or running; what serves does not change. Raises UnknownJob."""
        job = self._get(id)
        if job is self.running() and self._task is not None:
            self._cancelled = job.id
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            if job.state == "queued":  # it had not started, so its task set no state
                job.state, job.error = "cancelled", CANCELLED
        return job

    async def last(self) -> Job | None:
        """Return the job that was started last."""
        return next(reversed(self._jobs.values()), None)

    async def _run(self, job: Job, planned: Plan) -> None:
        job.state, job.started = "running", _now()
        self._metrics.job_progress.set(0)
        try:
            if planned.arguments:
                await self._command(job, planned.arguments)
            job.stage = "open"
            gallery = (await self._searcher.swap(planned.bundle)).live()
            job.snapshot, job.items = gallery.manifest.name, len(gallery.view())
            if self._role is not None:
                await self._spread(planned.bundle, gallery.manifest.name, self._role)
            job.state = "done"
        except asyncio.CancelledError:
            if self._cancelled == job.id:
                job.state, job.error = "cancelled", CANCELLED
            else:
                job.state, job.error = "failed", "the service stopped before the job ended"
            raise
        except LikebutError as error:
            job.state, job.error = "failed", str(error)
        except Exception as error:  # otherwise the job would stay "running" for ever
            job.state, job.error = (
                "failed",
                f"the job failed unexpectedly ({type(error).__name__})",
            )
        finally:
            job.finished = _now()
            self._note()
            self._metrics.jobs.labels(job.state).inc()
            self._metrics.job_progress.set(1 if job.state == "done" else 0)

    async def _spread(self, bundle: Path, snapshot: str, role: WorkerRole) -> None:
        """Waits until every worker serves this model with this snapshot, so that no later search gets the old two."""
        wanted = Serving(str(bundle), snapshot)
        role.folder.set_serving(role.index, wanted)
        role.folder.set_bundle(bundle)
        end_s = time.monotonic() + SPREAD_S
        while late := [index for index in range(role.workers) if role.folder.serving(index) not in (None, wanted)]:
            if time.monotonic() > end_s:
                LOG.warning("workers %s have not opened snapshot %s after %.0f s", late, snapshot, SPREAD_S)
                return
            await asyncio.sleep(SPREAD_CHECK_S)

    async def _command(self, job: Job, arguments: Sequence[str]) -> None:
        """Runs `likebut index` with these arguments to its end; raises LikebutError if it fails."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "index", *arguments),
            cwd=Path(index.__file__).parents[1],  # so that `-m index` is this package, installed or not
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
            start_new_session=True,  # its own process group, so that its children end with it
        )
        try:
            assert process.stdout is not None and process.stderr is not None
            errors = asyncio.create_task(_tail(process.stderr))
            done = await self._follow(job, process.stdout)
            status = await process.wait()
            error_text = await errors
        finally:
            await _end(process)
        if status != 0 or not (done or job.kind == "roll-back"):
            lines = [line.removeprefix("likebut: ") for line in error_text.splitlines() if line.strip()]
            raise LikebutError(lines[-1] if lines else f"the build ended with status {status} and no message")

    async def _follow(self, job: Job, lines: asyncio.StreamReader) -> bool:
        """Reads progress into the job until the output ends; returns whether a line reported the stage "done"."""
        done = False
        async for line in lines:
            try:
                progress = ProgressLine.model_validate_json(line)
            except ValidationError:
                continue  # output of a library, not a progress line
            if progress.stage == "done":
                done = True
                job.skipped, job.skipped_items = len(progress.skipped), progress.skipped[:MAX_SKIPPED_ITEMS]
                job.embedded, job.reused = progress.embedded, progress.reused
                job.unreachable, job.notes = progress.unreachable, progress.notes
                continue
            job.stage, job.done, job.total, job.rate = progress.stage, progress.done, progress.total, progress.rate
            job.unreachable = progress.unreachable
            self._metrics.job_progress.set(min(1.0, progress.done / progress.total) if progress.total else 0)
        return done


async def _tail(stream: asyncio.StreamReader) -> str:
    """Return the last 4096 bytes of a stream; reads it to its end, so that the writer never blocks."""
    tail = b""
    while chunk := await stream.read(4096):
        tail = (tail + chunk)[-4096:]
    return tail.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends a process and its group, first by SIGTERM; does nothing if it has ended."""
    if process.returncode is not None:
        return
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), TERMINATE_S)
            return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

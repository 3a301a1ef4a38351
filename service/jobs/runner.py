"""Rebuilds of the gallery: one at a time, each its own process, so that searches never share a heap with a build."""

import asyncio
import contextlib
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

import index
from models.errors import JobRunning, LikebutError, UnknownJob
from service.jobs.plan import Plan, plan
from service.schemas.gallery import IndexBody, Job, SkippedImage
from service.search.searcher import Searcher
from service.settings import Settings
from service.telemetry.metrics import Metrics

KEPT_JOBS = 50
KEPT_SKIPPED = 100
CANCELLED = "the job was deleted before it ended"
LINE_LIMIT_BYTES = 64 * 1024 * 1024  # the last line names every item that was skipped
PATIENCE_S = 5.0  # between asking a build to end and ending it


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


class JobRunner:
    """Starts rebuilds, follows them, and has `searcher` swap at the end of each; the last fifty are remembered."""

    def __init__(self, settings: Settings, metrics: Metrics, searcher: Searcher) -> None:
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

    async def start(self, body: IndexBody) -> Job:
        """Begins a job; raises JobRunning, and Unusable for a source or a bundle that it could not use."""
        running = self.running()
        if running is not None:
            raise JobRunning(f"job {running.id} is rebuilding the gallery: wait for it to end, or delete it")
        if self._planning:
            raise JobRunning("another job is being prepared: wait for it to end")
        self._planning = True  # testing a bundle takes a while, and only one job may come of it
        try:
            current = self._searcher.serving.bundle
            planned = await asyncio.to_thread(plan, body, self._settings, current=current)
        finally:
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
        while len(self._jobs) > KEPT_JOBS:
            del self._jobs[next(iter(self._jobs))]  # the oldest: a dictionary keeps its order
        self._task = asyncio.create_task(self._run(job, planned), name=f"likebut-job-{job.id}")
        return job

    def get(self, id: str) -> Job:
        """A job by its id; raises UnknownJob."""
        try:
            return self._jobs[id]
        except KeyError:
            raise UnknownJob(f"there is no job {id[:40]!r}: the last {KEPT_JOBS} since the start are kept") from None

    def running(self) -> Job | None:
        """The job that is under way."""
        return next((job for job in self._jobs.values() if job.state in ("queued", "running")), None)

    async def cancel(self, id: str) -> Job:
        """Ends a job that is under way; nothing of what answers is changed. Raises UnknownJob."""
        job = self.get(id)
        if job is self.running() and self._task is not None:
            self._cancelled = job.id
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            if job.state == "queued":  # it had not begun, so that nothing in it noticed
                job.state, job.error = "cancelled", CANCELLED
        return job

    def last(self) -> Job | None:
        """The job that was started last."""
        return next(reversed(self._jobs.values()), None)

    async def _run(self, job: Job, planned: Plan) -> None:
        job.state, job.started = "running", _now()
        self._metrics.job_progress.set(0)
        try:
            if planned.words:
                await self._command(job, planned.words)
            job.stage = "open"
            gallery = (await self._searcher.swap(planned.bundle)).live()
            job.snapshot, job.items = gallery.manifest.name, len(gallery)
            job.state = "done"
        except asyncio.CancelledError:
            if self._cancelled == job.id:
                job.state, job.error = "cancelled", CANCELLED
            else:
                job.state, job.error = "failed", "the service was stopped before the job ended"
            raise
        except LikebutError as error:
            job.state, job.error = "failed", str(error)
        except Exception as error:  # the job must never be left running for ever
            job.state, job.error = "failed", f"the rebuild broke off unexpectedly ({type(error).__name__})"
        finally:
            job.finished = _now()
            self._metrics.jobs.labels(job.state).inc()
            self._metrics.job_progress.set(1 if job.state == "done" else 0)

    async def _command(self, job: Job, words: Sequence[str]) -> None:
        """Follows `likebut index` with those words from its start to its end; raises LikebutError where it fails."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "index", *words),
            cwd=Path(index.__file__).parents[2],  # so that `-m index` is this index, installed or not
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT_BYTES,
            start_new_session=True,  # a group of its own, so that whatever it starts ends with it
        )
        try:
            assert process.stdout is not None and process.stderr is not None
            complaint = asyncio.create_task(_tail(process.stderr))
            done = await self._follow(job, process.stdout)
            status = await process.wait()
            said = await complaint
        finally:
            await _end(process)
        if status != 0 or not (done or job.kind == "roll-back"):
            lines = [line.removeprefix("likebut: ") for line in said.splitlines() if line.strip()]
            raise LikebutError(lines[-1] if lines else f"the build ended with status {status} and said nothing")

    async def _follow(self, job: Job, lines: asyncio.StreamReader) -> bool:
        """Reads progress into the job until the output ends; whether one of the lines said done."""
        done = False
        async for line in lines:
            try:
                progress = ProgressLine.model_validate_json(line)
            except ValidationError:
                continue  # a library below may print; only progress matters here
            if progress.stage == "done":
                done = True
                job.skipped, job.skipped_items = len(progress.skipped), progress.skipped[:KEPT_SKIPPED]
                job.embedded, job.reused = progress.embedded, progress.reused
                continue
            job.stage, job.done, job.total, job.rate = progress.stage, progress.done, progress.total, progress.rate
            self._metrics.job_progress.set(min(1.0, progress.done / progress.total) if progress.total else 0)
        return done


async def _tail(stream: asyncio.StreamReader) -> str:
    """The last four thousand bytes of a stream, read to its end so that the writer never blocks."""
    kept = b""
    while chunk := await stream.read(4096):
        kept = (kept + chunk)[-4096:]
    return kept.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends a process and its group, first by asking; does nothing where it has ended."""
    if process.returncode is not None:
        return
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, wanted)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), PATIENCE_S)
            return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

"""Jobs that another worker runs: what passes through the socket, however long, and what fails there."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from models.errors import LikebutError, UnknownJob
from service.errors import NotReady, OutOfResources, Unusable
from service.jobs.plan import JobRequest
from service.jobs.remote_jobs import CALL_BYTES, JobSocket, RemoteJobs
from service.schemas.gallery import Job, SkippedImage

LONG = "x" * 10_000_000


class JobsOfLeader:
    """The jobs of a leader: one, whose facts are long; each id that is an error is raised."""

    def __init__(self, errors: dict[str, Exception]) -> None:
        self.errors = errors
        self.job = Job(id="one", kind="build", source="", bundle="", shards="auto", state="done", notes=[LONG])
        self.job.skipped_items = [SkippedImage(id="é\n", uri="a", reason="b")]

    async def start(self, request: JobRequest) -> Job:
        return self.job.model_copy(update={"source": request.source})

    async def get(self, id: str) -> Job:
        if id in self.errors:
            raise self.errors[id]
        return self.job

    cancel = get

    async def last(self) -> Job | None:
        return None


def through(path: Path, scenario: Callable[[RemoteJobs], Awaitable[None]], **errors: Exception) -> None:
    """Runs a scenario with the jobs of a leader whose socket is at this path."""

    async def run() -> None:
        async with JobSocket(JobsOfLeader(errors), str(path)):
            await scenario(RemoteJobs(str(path)))

    asyncio.run(run())


def test_a_job_passes_however_long_its_facts_are(tmp_path: Path) -> None:
    async def scenario(jobs: RemoteJobs) -> None:
        job = await jobs.start(JobRequest(source="é" * 60_000))
        assert job.source == "é" * 60_000 and job.notes == [LONG] and job.skipped_items[0].id == "é\n"
        assert await jobs.last() is None

    through(tmp_path / "leader", scenario)


def test_a_call_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async def scenario(jobs: RemoteJobs) -> None:
        with pytest.raises(Unusable):
            await jobs.start(JobRequest(source="x" * CALL_BYTES))

    through(tmp_path / "leader", scenario)


def test_an_error_of_the_leader_is_raised_as_it_was(tmp_path: Path) -> None:
    async def scenario(jobs: RemoteJobs) -> None:
        with pytest.raises(UnknownJob, match="no job"):
            await jobs.get("missing")
        with pytest.raises(Unusable) as unusable:
            await jobs.cancel("unusable")
        assert unusable.value.fields == ({"field": "bundle", "detail": "is no folder"},)
        with pytest.raises(OutOfResources) as short:  # the leader's machine is to blame, not the caller
            await jobs.get("short")
        assert short.value.retry_after_s >= 1
        with pytest.raises(LikebutError) as other:
            await jobs.get("bug")
        assert type(other.value) is LikebutError

    through(
        tmp_path / "leader",
        scenario,
        missing=UnknownJob("there is no job"),
        unusable=Unusable("bundle: no", fields=[{"field": "bundle", "detail": "is no folder"}]),
        short=OSError(errno.EMFILE, "too many open files"),
        bug=KeyError("x"),
    )


def test_without_a_leader_jobs_are_not_ready(tmp_path: Path) -> None:
    async def scenario() -> None:
        jobs = RemoteJobs(str(tmp_path / "leader"))
        with pytest.raises(NotReady):
            await jobs.get("one")
        assert await jobs.last() is None

    asyncio.run(scenario())

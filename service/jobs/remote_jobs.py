"""Index jobs of a service with several workers: one of them, the leader, runs them, and the others pass them on."""

import asyncio
import contextlib
import json
import logging
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import models.errors
from models.errors import LikebutError
from service import errors
from service.errors import NotReady, Unusable
from service.jobs.plan import JobRequest
from service.schemas.gallery import Job

CALL_BYTES = 2**20  # of a call: the body of a request has at most 64 KiB
LENGTH = struct.Struct("!I")
ANSWER_S = 120.0  # a start tests the bundle, which takes a while
LOG = logging.getLogger("likebut")


class Jobs(Protocol):
    """The index jobs, run by this process or by another one."""

    async def start(self, request: JobRequest) -> Job:
        """Starts a job; raises JobRunning, and Unusable if it cannot be done."""

    async def get(self, id: str) -> Job:
        """Return a job by its id; raises UnknownJob."""

    async def cancel(self, id: str) -> Job:
        """Cancels a job if it is queued or running; raises UnknownJob."""

    async def last(self) -> Job | None:
        """Return the job that was started last."""


class JobSocket:
    """Takes the jobs of the other workers at a Unix socket, from entering to leaving."""

    def __init__(self, jobs: Jobs, path: str) -> None:
        self._jobs = jobs
        self._path = path
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listens; a former leader that is about to end keeps the connections it has."""
        sibling = f"{self._path}.{os.getpid()}"
        self._server = await asyncio.start_unix_server(self._serve, sibling)
        Path(sibling).replace(self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            call = await _read(reader, most=CALL_BYTES)
            if call is None:
                answer = _facts(Unusable(f"the job needs more than {CALL_BYTES} bytes to describe it"))
            else:
                answer = await self._answer(call)
            _write(writer, answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the worker ended
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, call: Mapping[str, object]) -> dict[str, object]:
        id = str(call.get("id"))
        try:
            match call["verb"]:
                case "start":
                    assert isinstance(call["request"], dict)
                    job: Job | None = await self._jobs.start(JobRequest(**call["request"]))
                case "get":
                    job = await self._jobs.get(id)
                case "cancel":
                    job = await self._jobs.cancel(id)
                case _:
                    job = await self._jobs.last()
        except LikebutError as error:
            return _facts(error)
        except Exception as error:
            shortage = errors.shortage(error)
            if shortage is None:
                LOG.exception("a job could not be started or read")
            return _facts(shortage or LikebutError("the process that runs jobs failed: see its log"))
        return {"job": None if job is None else job.model_dump(mode="json")}


class RemoteJobs:
    """The jobs of the leader, for another worker; raises what the leader raises, and NotReady while there is none."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def start(self, request: JobRequest) -> Job:
        """Starts a job."""
        return await self._job("start", request=asdict(request))

    async def get(self, id: str) -> Job:
        """Return a job by its id."""
        return await self._job("get", id=id)

    async def cancel(self, id: str) -> Job:
        """Cancels a job if it is queued or running."""
        return await self._job("cancel", id=id)

    async def last(self) -> Job | None:
        """Return the job that was started last; None also while there is no leader."""
        try:
            return await self._call({"verb": "last"})
        except NotReady:
            return None

    async def _job(self, verb: str, **arguments: object) -> Job:
        job = await self._call({"verb": verb, **arguments})
        assert job is not None
        return job

    async def _call(self, call: Mapping[str, object]) -> Job | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_unix_connection(self._path)
                try:
                    _write(writer, call)
                    answer = await _read(reader)
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise NotReady(
                f"the process that runs jobs does not answer ({type(error).__name__}): retry soon"
            ) from error
        assert answer is not None
        if "error" in answer:
            raise _error(answer)
        return None if answer["job"] is None else Job.model_validate(answer["job"])


def _write(writer: asyncio.StreamWriter, message: Mapping[str, object]) -> None:
    """Writes a message after its length: a line could be longer than the reader's buffer."""
    data = json.dumps(message).encode()
    writer.write(LENGTH.pack(len(data)) + data)


async def _read(reader: asyncio.StreamReader, *, most: int = 2**32) -> dict[str, Any] | None:
    """Return the next message, or None if it is too long."""
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if length > most:
        return None
    message: dict[str, Any] = json.loads(await reader.readexactly(length))
    return message


def _facts(error: LikebutError) -> dict[str, object]:
    """Return an error as the caller's process raises it again."""
    members = {name: getattr(error, name) for name in ("fields", "retry_after_s") if hasattr(error, name)}
    return {"error": type(error).__name__, "detail": str(error), "members": members}


def _error(answer: Mapping[str, Any]) -> LikebutError:
    """Return the error that the leader raised."""
    name = answer["error"]
    kind: type[LikebutError] = getattr(errors, name, getattr(models.errors, name, LikebutError))
    return kind(answer["detail"], **answer["members"])

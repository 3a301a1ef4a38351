"""Everything that one app owns, from its start to its end, and how a route gets it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from starlette.staticfiles import StaticFiles

from index import edits
from index.edits import Edit, Problem
from index.gallery import Gallery
from index.milvus import address
from models.encoder import Encoder
from models.image_decoders import ImageDecoders
from service.http.openapi import Documents
from service.images import thumbnails, url_policy
from service.images.download import ImageDownloader
from service.images.url_policy import CallerPolicy
from service.jobs.remote_jobs import Jobs, RemoteJobs
from service.jobs.runner import JobRunner
from service.search.remote_references import RemoteReferences
from service.search.searcher import Searcher
from service.settings import Settings
from service.shared_folder import WorkerRole
from service.telemetry import tracing
from service.telemetry.metrics import Metrics
from service.telemetry.readiness import ReadinessProbe
from service.workers.pool import Pool

MILVUS_WRITERS = 8  # changes that wait at once until Milvus shows them
WEB = Path(__file__).parents[1] / "web"


class AppState:
    """Everything that one app owns, from its start to its end."""

    def __init__(self, settings: Settings, role: WorkerRole | None) -> None:
        self.settings = settings
        self.metrics = Metrics(serving=lambda: self.searcher.serving, provider=settings.provider, role=role)
        threads = settings.shared(os.cpu_count() or 1)
        self.decoders = ImageDecoders(threads.decoders, cpu_s=settings.decode_s)
        self.searcher = Searcher(settings, self.decoders, self.metrics.observe_batch)
        self.prober = ReadinessProbe(self.searcher, stale_after_s=settings.stale_after_s)
        self.metrics.watch(self.searcher)
        self.metrics.follow(self.metrics.ready, lambda: not self.prober.reasons)
        self.thumbnails = thumbnails.Thumbnails(
            self.decoders, max_bytes=settings.max_image_bytes, max_pixels=settings.max_pixels
        )
        self.image_pool = Pool("image", workers=2, max_waiting=256)
        self.suggestion_pool = Pool("suggest", workers=2, max_waiting=64)
        self.list_pool = Pool("list", workers=1, max_waiting=32)
        writers = MILVUS_WRITERS if address.is_milvus(settings.gallery) else 1  # one at a time, as in the journal
        self.edit_pool = Pool("edit", workers=writers, max_waiting=64)
        self.downloader = (
            None
            if not settings.image_hosts
            else ImageDownloader(
                CallerPolicy(url_policy.parse_hosts(settings.image_hosts), http=settings.image_http),
                max_bytes=settings.max_image_bytes,
            )
        )
        self.remote_references = RemoteReferences(
            self.downloader, max_bytes=settings.max_image_bytes, private_hosts=settings.allow_private_hosts
        )
        self.runner = (  # None: another worker runs the jobs
            None if role is not None and not role.leads else JobRunner(settings, self.metrics, self.searcher, role)
        )
        self.jobs: Jobs = self.runner or RemoteJobs(role.folder.socket if role is not None else "")
        self.documents = Documents()
        self.web_files = StaticFiles(directory=WEB)
        self.tracing = tracing.connect(settings.otlp_endpoint)

    def change(self, wanted: Sequence[Edit]) -> list[Problem | None]:
        """Applies the edits with the model and the snapshot that answer now; raises NotReady if there is none."""

        def serving() -> tuple[Encoder, Gallery]:
            active = self.searcher.serving
            return active.encoder, active.live()

        return edits.apply(wanted, serving, max_pixels=self.settings.max_pixels)

    def summary(self) -> str:
        """Return one line for the operator: the gallery that is served, or why none is."""
        serving = self.searcher.serving
        if serving.gallery is None:
            return f"nothing to search: {serving.reason}"
        source = serving.gallery.manifest.source or "a gallery without a source"
        return f"{len(serving.gallery.view())} items of {source}"


def app_state(request: Request) -> AppState:
    """Return the state of the app that answers."""
    state: AppState = request.app.state.service
    return state


async def _app_state(request: Request) -> AppState:  # async, because FastAPI would run a plain function in a thread
    return app_state(request)


def root_path(request: Request) -> str:
    """Return the path below which a proxy serves the service, empty if it is the root."""
    path: str = request.scope.get("root_path", "")
    return path


AppStateDep = Annotated[AppState, Depends(_app_state)]

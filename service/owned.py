"""Everything that one app owns, from its start to its end, and how a route comes by it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request

from index import put
from index.changes import Delete
from index.put import Problem, Put
from service import hosts, images, page, tracing
from service.elsewhere import Elsewhere
from service.jobs import Jobs
from service.metrics import Metrics
from service.pool import Pool
from service.prober import Prober
from service.remote import Remote
from service.searcher import Searcher
from service.settings import Settings


class Service:
    """Everything that one app owns, from its start to its end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics(serving=lambda: self.searcher.serving, provider=settings.provider)
        self.searcher = Searcher(settings, self.metrics.passed)
        self.prober = Prober(self.searcher, stale_after_s=settings.stale_after_s)
        self.metrics.watch(self.searcher)
        self.metrics.ready.set_function(lambda: not self.prober.reasons)
        self.album = images.Album(max_bytes=settings.max_image_bytes, max_pixels=settings.max_pixels)
        self.pictures = Pool("picture", workers=2, max_waiting=256)
        self.writes = Pool("change", workers=1, max_waiting=64)  # one writes at a time, as in the journal
        self.remote = (
            None
            if not settings.image_hosts
            else Remote(
                hosts.patterns(settings.image_hosts),
                http=settings.image_http,
                max_bytes=settings.max_image_bytes,
                max_pixels=settings.max_pixels,
            )
        )
        self.elsewhere = Elsewhere(self.remote, max_bytes=settings.max_image_bytes)
        self.jobs = Jobs(settings, self.metrics, self.searcher)
        self.assets = page.assets()
        self.tracing = tracing.opened(settings.otlp_endpoint)

    def change(self, wanted: Sequence[Put | Delete]) -> list[Problem | None]:
        """Makes the changes with the model and the snapshot that answer; as `put.change`, and raises NotReady."""
        while True:
            serving = self.searcher.serving
            limit = self.settings.max_pixels
            problems = put.change(wanted, serving.live(), serving.encoder, self.settings.gallery, max_pixels=limit)
            if self.searcher.serving.encoder.manifest.space_id == serving.encoder.manifest.space_id:
                return problems
            # another model was swapped in meanwhile, which knows nothing of these vectors: once more, with it

    def offers(self) -> str:
        """What is served, or why nothing is, as one line for the operator."""
        serving = self.searcher.serving
        if serving.gallery is None:
            return f"nothing to search: {serving.reason}"
        return f"{serving.gallery.manifest.count} items of {serving.gallery.manifest.source}"


def of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _service(request: Request) -> Service:  # async, since FastAPI would run any other in a thread
    return of(request)


Here = Annotated[Service, Depends(_service)]

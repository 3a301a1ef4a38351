"""Downloads images that callers name by URL, in a thread pool of their own, so that a slow host delays no search.

Disabled unless an operator allows hosts.
"""

import asyncio
import functools
import ssl
from types import TracebackType
from typing import Self

from index.sources.download import Downloader, printable
from models.errors import InputError
from service.errors import Unusable
from service.images.url_policy import CallerPolicy, host_name
from service.workers.pool import Pool

TIMEOUT_S = 3.0  # for everything together: names, connections, redirects, the body
FETCHES = 64  # downloads at the same time
HOST_SHARE = 0.25  # of them that one host gets: several slow ones leave enough to the others


class Unfetchable(Unusable):
    """An image that a request names by URL cannot be downloaded, or its URL is not allowed."""

    def __init__(self, url: str, reason: str) -> None:
        detail = f"{printable(url)} cannot be fetched: {reason}"
        super().__init__(detail, fields=[{"field": "image.url", "detail": reason}])


class ImageDownloader:
    """Downloads images under a policy, up to `FETCHES` at once, a quarter of them from one host; refuses more."""

    def __init__(
        self,
        policy: CallerPolicy,
        *,
        max_bytes: int,
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`tls` verifies the hosts' certificates; the default trusts the authorities of the system."""
        self._downloader = Downloader(policy, tls=tls)
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._pool = Pool("image fetch", workers=FETCHES, max_waiting=0, share=HOST_SHARE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def fetch(self, url: str) -> bytes:
        """Download a file; raises Unfetchable, and Overloaded if the pool is full.

        The permit of a caller that leaves is free again when its thread ends, at the deadline at the latest.
        """
        with self._pool.permit(caller=host_name(url)) as permit:
            try:
                async with asyncio.timeout(self._timeout_s):  # the thread cannot leave a resolver that hangs
                    return await permit.run(functools.partial(self._download, url))
            except TimeoutError as error:
                raise Unfetchable(url, f"it did not come within {self._timeout_s:g} s") from error
            except InputError as error:
                raise Unfetchable(url, str(error)) from error

    def _download(self, url: str) -> bytes:
        image = self._downloader.download(url, max_bytes=self._max_bytes, timeout_s=self._timeout_s)
        assert image is not None  # no fingerprint was given that it could equal
        return image.data

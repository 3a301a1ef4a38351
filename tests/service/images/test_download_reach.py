"""A download reaches allowed public addresses only: redirects, DNS rebinding, addresses that do not answer."""

import asyncio
import ipaddress
from collections.abc import Callable
from contextlib import AsyncExitStack

from service.images import url_policy
from service.images.download import ImageDownloader
from service.images.url_policy import CallerPolicy
from tests.service.sites import Names, downloading, image_response, redirect, refusal, serve_site

Draw = Callable[..., bytes]


def test_redirects_are_followed_and_each_is_checked_like_the_first(image_file: Draw) -> None:
    async def scenario() -> None:
        async with serve_site() as site, downloading(site) as downloader:
            site.answers = {
                "/x.png": image_response(image_file()),
                "/away": redirect(site.url()),
                "/near": redirect("x.png", 307),
            }
            site.answers |= {f"/{n}": redirect(f"/{n - 1}" if n > 1 else "/x.png", 301) for n in range(1, 5)}
            for path in ("/away", "/near", "/3"):
                assert await downloader.fetch(site.url(path)) == image_file()
            assert "more than 3 times" in await refusal(downloader, site.url("/4"))
            requests = len(site.heads)
            port = site.port
            for to in (
                f"http://127.0.0.2:{port}/", f"http://[::1]:{port}/",
                f"http://169.254.169.254:{port}/latest/meta-data/",
                f"http://2130706433:{port}/", f"http://0x7f000002:{port}/", f"http://0177.0.0.2:{port}/",
                f"http://127.2:{port}/",
                f"//127.0.0.2:{port}/x.png", f"http://[::ffff:127.0.0.2]:{port}/", f"http://[64:ff9b::7f00:2]:{port}/",
                f"http://localhost:{port}/", "http://cdn.example:22/", "file:///etc/passwd", "ftp://cdn.example/x.png",
                f"http://user:pass@cdn.example:{port}/", f"http://cdn.example:{port}\\@127.0.0.2/",
                "gopher://cdn.example/",
            ):  # fmt: skip
                site.answers["/to"] = redirect(to)
                reason = await refusal(downloader, site.url("/to"))
                assert "redirects to" in reason or "cannot be reached" in reason, (to, reason)
                requests += 1
                assert len(site.heads) == requests, to

    asyncio.run(scenario())


def test_a_name_is_resolved_once_and_the_checked_address_is_connected(image_file: Draw) -> None:
    names = Names(
        {
            "cdn.example": [["127.0.0.1"], ["127.0.0.2"]],
            "mixed.example": [["127.0.0.1", "127.0.0.2"]],
            "none.example": [[]],
        }
    )

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            site = await stack.enter_async_context(serve_site())
            inner = await stack.enter_async_context(serve_site(address="127.0.0.2", port=site.port))
            downloader = await stack.enter_async_context(downloading(site, names))
            site.answers["/x.png"] = image_response(image_file())
            assert await downloader.fetch(site.url()) == image_file()
            assert names.lookups == ["cdn.example"]
            assert "not a public one" in await refusal(downloader, site.url())  # the name has another address now
            assert "not a public one" in await refusal(downloader, site.url(host="mixed.example"))  # one is enough
            assert "no address" in await refusal(downloader, site.url(host="none.example"))
            assert "unknown name" in await refusal(downloader, site.url(host="nobody.example"))
            names.lookups.clear()
            site.answers["/back"] = redirect(site.url())
            assert "redirects to" in await refusal(downloader, site.url("/back"))  # rebound between two hops
            assert inner.heads == []

    asyncio.run(scenario())


def test_the_next_address_is_tried_if_one_is_dead(image_file: Draw) -> None:
    async def scenario() -> None:
        async with serve_site() as site:
            site.answers["/x.png"] = image_response(image_file())
            names = Names({"cdn.example": [["127.0.0.3", "127.0.0.1"]]})
            hosts, loopback = url_policy.parse_hosts(f"*:{site.port}"), ipaddress.ip_network("127.0.0.0/8")
            policy = CallerPolicy(hosts, http=True, resolve=names, trusted=[loopback])
            async with ImageDownloader(policy, max_bytes=10**5) as downloader:
                assert await downloader.fetch(site.url()) == image_file()

    asyncio.run(scenario())

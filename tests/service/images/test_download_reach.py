"""Where a fetch may go: redirects, names that lead elsewhere, and addresses that are dead."""

import asyncio
import ipaddress
from collections.abc import Callable
from contextlib import AsyncExitStack

from service.images import url_policy
from service.images.download import ImageDownloader
from service.images.url_policy import CallerPolicy
from tests.service.sites import Names, fetching, moved, sited, whole, why

Draw = Callable[..., bytes]


def test_a_redirect_is_followed_and_each_is_checked_as_the_first(picture: Draw) -> None:
    async def scenario() -> None:
        async with sited() as site, fetching(site) as remote:
            site.answers = {"/x.png": whole(picture()), "/away": moved(site.url()), "/near": moved("x.png", 307)}
            site.answers |= {f"/{n}": moved(f"/{n - 1}" if n > 1 else "/x.png", 301) for n in range(1, 5)}
            for path in ("/away", "/near", "/3"):
                assert await remote.fetch(site.url(path)) == picture()
            assert "more than 3 times" in await why(remote, site.url("/4"))
            asked = len(site.heads)
            ours = site.port
            for to in (
                f"http://127.0.0.2:{ours}/", f"http://[::1]:{ours}/",
                f"http://169.254.169.254:{ours}/latest/meta-data/",
                f"http://2130706433:{ours}/", f"http://0x7f000002:{ours}/", f"http://0177.0.0.2:{ours}/",
                f"http://127.2:{ours}/",
                f"//127.0.0.2:{ours}/x.png", f"http://[::ffff:127.0.0.2]:{ours}/", f"http://[64:ff9b::7f00:2]:{ours}/",
                f"http://localhost:{ours}/", "http://cdn.example:22/", "file:///etc/passwd", "ftp://cdn.example/x.png",
                f"http://user:pass@cdn.example:{ours}/", f"http://cdn.example:{ours}\\@127.0.0.2/",
                "gopher://cdn.example/",
            ):  # fmt: skip
                site.answers["/to"] = moved(to)
                said = await why(remote, site.url("/to"))
                assert "redirects to" in said or "cannot be reached" in said, (to, said)
                asked += 1
                assert len(site.heads) == asked, to

    asyncio.run(scenario())


def test_a_name_is_looked_up_once_and_its_checked_address_asked(picture: Draw) -> None:
    names = Names(
        {
            "cdn.example": [["127.0.0.1"], ["127.0.0.2"]],
            "mixed.example": [["127.0.0.1", "127.0.0.2"]],
            "none.example": [[]],
        }
    )

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            site = await stack.enter_async_context(sited())
            inner = await stack.enter_async_context(sited(address="127.0.0.2", port=site.port))
            remote = await stack.enter_async_context(fetching(site, names))
            site.answers["/x.png"] = whole(picture())
            assert await remote.fetch(site.url()) == picture()
            assert names.asked == ["cdn.example"]
            assert "not a public one" in await why(remote, site.url())  # the name leads elsewhere now
            assert "not a public one" in await why(remote, site.url(host="mixed.example"))  # one of two is enough
            assert "no address" in await why(remote, site.url(host="none.example"))
            assert "unknown name" in await why(remote, site.url(host="nobody.example"))
            names.asked.clear()
            site.answers["/back"] = moved(site.url())
            assert "redirects to" in await why(remote, site.url("/back"))  # rebound between two hops
            assert inner.heads == []

    asyncio.run(scenario())


def test_the_next_address_is_asked_where_one_is_dead(picture: Draw) -> None:
    async def scenario() -> None:
        async with sited() as site:
            site.answers["/x.png"] = whole(picture())
            names = Names({"cdn.example": [["127.0.0.3", "127.0.0.1"]]})
            hosts, loopback = url_policy.parse_hosts(f"*:{site.port}"), ipaddress.ip_network("127.0.0.0/8")
            policy = CallerPolicy(hosts, http=True, resolve=names, trusted=[loopback])
            async with ImageDownloader(policy, max_bytes=10**5, max_pixels=10**6) as remote:
                assert await remote.fetch(site.url()) == picture()

    asyncio.run(scenario())

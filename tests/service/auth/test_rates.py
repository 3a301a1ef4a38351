"""Rate limits of keys, and a service without keys."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from models.errors import ConfigError
from service.auth import keys
from service.auth.guard import Guard
from service.settings import Settings
from tests.service.auth.conftest import bearer

Inside = Callable[..., object]


@pytest.mark.slow
def test_a_key_over_its_rate_gets_a_retry_after(gallery: Path, tmp_path: Path, inside: Inside) -> None:
    path = tmp_path / "keys"
    standard, own, free = (
        bearer(keys.add(path, name=name, role="search", rate_per_s=rate, burst=burst))
        for name, rate, burst in (("standard", None, None), ("own", 0.1, 1), ("free", 0.0, None))
    )

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        async def statuses(headers: dict[str, str], count: int) -> list[int]:
            return [
                (await client.post("/search", json={"text": "x"}, headers=headers)).status_code for _ in range(count)
            ]

        assert await statuses(standard, 4) == [200, 200, 200, 429]
        assert await statuses(own, 2) == [200, 429]  # another key, another bucket
        assert await statuses(free, 6) == [200] * 6
        refused = await client.post("/search", json={"text": "x"}, headers=own)
        assert refused.json()["type"] == "urn:likebut:problem:rate-limited"
        assert 8 <= int(refused.headers["retry-after"]) <= 10 and "own" in refused.json()["detail"]
        assert (await client.get("/browse", headers=own)).status_code == 200  # only searches count

    inside(Settings(gallery=gallery, keys=path, rate_per_s=0.01, burst=3), scenario)


def test_a_rate_without_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rate_per_s"):
        Guard(Settings(rate_per_s=5.0))


@pytest.mark.slow
def test_each_search_of_a_call_counts_for_the_rate(gallery: Path, tmp_path: Path, inside: Inside) -> None:
    path = tmp_path / "rated.jsonl"
    headers = bearer(keys.add(path, name="shop", role="search", rate_per_s=0.01, burst=5))

    async def scenario(client: httpx.AsyncClient, app: FastAPI) -> None:
        four, six = ({"searches": [{"text": "x"}] * count} for count in (4, 6))
        assert (await client.post("/searches", json=four, headers=headers)).status_code == 200
        refused = await client.post("/searches", json=four, headers=headers)
        assert refused.status_code == 429 and 100 < int(refused.headers["retry-after"]) <= 300
        fresh = bearer(keys.add(path, name="other", role="search", rate_per_s=2.0, burst=5))
        await asyncio.sleep(1.1)  # the file is checked once a second
        assert (await client.post("/searches", json=six, headers=fresh)).status_code == 200  # more than its burst
        refused = await client.post("/searches", json=four, headers=fresh)
        assert refused.status_code == 429
        await asyncio.sleep(int(refused.headers["retry-after"]))
        assert (await client.post("/searches", json=four, headers=fresh)).status_code == 200

    inside(Settings(gallery=gallery, keys=path), scenario)

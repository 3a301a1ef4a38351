"""A model is replaced over services of one gallery in Milvus: the former collection answers until the last has gone."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from index import places
from index.milvus import address
from index.milvus.connection import MilvusConnection
from index.milvus.shop import MilvusShop
from models.bundle import SHIPPED
from outages import milvus_server
from outages.milvus_server import StandaloneServer
from tests.service.rollout.fleet import Fleet, Serve, index, model, wait

pytest.importorskip("pymilvus")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Milvus's own server."""
    if reason := milvus_server.reason_to_skip():
        pytest.skip(reason)
    milvus = StandaloneServer(tmp_path_factory.mktemp("server"))
    try:
        yield milvus.start()
    finally:
        milvus.kill()


def is_gone(url: str) -> bool:
    return httpx.get(url, timeout=30).status_code == 404


def test_no_search_fails_or_is_mixed_while_services_get_a_new_model(
    server: str, shop: Path, split_bundle: Path, tmp_path: Path, serve: Serve, image_file: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MILVUS_FILES", str(tmp_path / "files"))
    gallery = Path(f"milvus://{server}/shop")

    def live() -> str:
        return places.live_manifest(gallery).name

    index("build", shop, "--gallery", gallery, "--bundle", SHIPPED)
    old = model(SHIPPED), live()
    with Fleet(serve) as fleet:
        first, second = fleet.start("--gallery", gallery), fleet.start("--gallery", gallery)
        with fleet.searched():
            fleet.more(old)
            index("build", "--gallery", gallery, "--bundle", split_bundle)
            new = [(model(split_bundle), live())]
            third = fleet.start("--gallery", gallery, "--bundle", split_bundle)
            fleet.more(new[0])
            fleet.stop(first)
            first = fleet.start("--gallery", gallery)  # one of the old model ends in the middle, and starts again
            assert fleet.pair(first) == fleet.pair(second) == old
            for number in range(3):  # so many builds that only the services keep the old collection
                index("build", shop, "--gallery", gallery, "--bundle", split_bundle, "--recall", f".9{number}")
                new.append((model(split_bundle), live()))
                fleet.more(new[-1])
            fleet.more(old)
            assert len({*new, old}) == 5
            deleted = httpx.delete(f"{third}/items/green-cross", timeout=60)
            assert deleted.status_code == 204, deleted.text
            refused = httpx.delete(f"{second}/items/black-cross", timeout=60)
            assert refused.status_code == 503, refused.text
            for service in (first, second, third):
                wait(partial(is_gone, f"{service}/items/green-cross"))
            fleet.stop(first)
            fourth = fleet.start("--gallery", gallery, "--bundle", split_bundle)
            fleet.more(old)
            fleet.stop(second)
            fleet.more(new[-1])
            picture = {"image": ("new.png", image_file("box", "yellow"), "image/png")}
            assert httpx.put(f"{fourth}/items/new", files=picture, timeout=60).status_code == 200
    fleet.check({old, *new})
    shop_of = MilvusShop(MilvusConnection(address.parse(gallery)))
    assert {manifest.name for manifest in shop_of.snapshots()} == {old[1], *(name for _, name in new[-3:])}

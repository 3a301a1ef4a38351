"""Milvus's own server, where it can be started."""

from collections.abc import Iterator

import pytest

from outages import milvus_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of Milvus's own server."""
    if reason := milvus_server.reason_to_skip():
        pytest.skip(reason)
    with milvus_server.running(tmp_path_factory.mktemp("server")) as where:
        yield where

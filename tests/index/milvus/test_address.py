"""Addresses of galleries in Milvus, as they are given and as they are shown."""

from pathlib import Path

import pytest

from index.milvus import address


@pytest.mark.parametrize(
    "given", ["milvus://shop.example:19530/shop", "milvus+https://shop.example:443/shop_2", "galleries/shop"]
)
def test_a_gallery_is_shown_as_it_was_given_though_a_path_drops_a_slash(given: str) -> None:
    assert address.shown(Path(given)) == address.shown(given) == given


def test_a_file_is_shown_with_its_folder(tmp_path: Path) -> None:
    assert address.shown(f"milvus-lite:{tmp_path}/shop.db") == f"milvus-lite:{tmp_path}/shop.db"

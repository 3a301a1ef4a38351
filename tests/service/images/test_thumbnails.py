"""The album: what it sends, and that what it keeps is bounded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from index.items.items import GalleryItem
from models import preprocess
from models.errors import UnknownItem
from models.image_decoders import ImageDecoders
from service.images.thumbnails import Thumbnails

Draw = Callable[..., bytes]


def test_a_thumbnail_is_drawn_once_and_anew_for_a_changed_file(tmp_path: Path, image_file: Draw) -> None:
    item = GalleryItem("x", str(tmp_path / "x.png"), {})
    album = Thumbnails(ImageDecoders(1, cpu_s=10), max_bytes=10**7, max_pixels=10**7)
    (tmp_path / "x.png").write_bytes(image_file("ball", "red"))
    red = album.image(item, size=50)
    assert red.media_type == "image/jpeg" and preprocess.decode(red.data).size == (50, 50)
    assert album.image(item, size=50).data is red.data
    assert album.cached_bytes == len(red.data)
    assert album.image(item, size=200).data == image_file("ball", "red")  # small enough as it is
    (tmp_path / "x.png").write_bytes(image_file("ball", "blue"))
    assert album.image(item, size=50).data != red.data


def test_what_is_kept_is_bounded(tmp_path: Path, image_file: Draw) -> None:
    album = Thumbnails(ImageDecoders(1, cpu_s=10), max_bytes=10**7, max_pixels=10**7, cache_bytes=4000)
    sizes = range(30, 80)
    data = image_file()
    (tmp_path / "x.png").write_bytes(data)
    item = GalleryItem("x", str(tmp_path / "x.png"), {})
    drawn = [album.image(item, size=size).data for size in sizes]
    assert sum(map(len, drawn)) > 4000 >= album.cached_bytes > 0
    assert album.image(item, size=sizes[-1]).data is drawn[-1]  # the latest are the ones that stay
    assert album.image(item, size=sizes[0]).data is not drawn[0]


def test_a_file_that_is_gone_or_no_image_any_more_is_never_sent(tmp_path: Path) -> None:
    album = Thumbnails(ImageDecoders(1, cpu_s=10), max_bytes=10**7, max_pixels=10**7)
    with pytest.raises(UnknownItem, match="x"):
        album.image(GalleryItem("x", str(tmp_path / "gone.png"), {}), size=None)
    (tmp_path / "x.png").write_text("secret")
    with pytest.raises(UnknownItem, match="x"):
        album.image(GalleryItem("x", str(tmp_path / "x.png"), {}), size=None)

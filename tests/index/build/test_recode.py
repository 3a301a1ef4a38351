"""A gallery in another encoding has the same items, changes and hits, and reaches its recall."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from index.__main__ import main
from index.build.build import build
from index.build.tune import recode
from index.gallery import Gallery
from index.search.request import SearchRequest
from index.storage import snapshot
from index.storage.changes import Delete
from index.vectors.encodings import IndexOptions
from models.encoder import Encoder
from models.errors import ConfigError
from tests.index.uploads import quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw


@pytest.mark.slow
def test_another_encoding_finds_the_same(
    tmp_path: Path, encoder: Encoder, draw: "Draw", capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "p", 120)
    gallery, space_id = tmp_path / "g", encoder.manifest.space_id
    build(tmp_path / "p", gallery, encoder, shape=IndexOptions(2, "sq8", recall=1.0), progress=quiet)
    before = Gallery.open(gallery, space_id=space_id)
    gone = before.view().ids[7]
    before.change([Delete(gone)])
    with pytest.raises(ConfigError, match="sq8 already"):
        recode(gallery, "sq8")
    for encoding in ("rabitq", "flat"):
        assert main(["recode", str(gallery), "--encoding", encoding]) == 0
        assert f"encoded as {encoding}" in capsys.readouterr().out
        after = Gallery.open(gallery, space_id=space_id)
        assert (after.manifest.encoding, len(after.manifest.shards)) == (encoding, 2)
        assert after.manifest.recall_at_10 >= 0.95
        assert after.view().ids == before.view().ids
        for id in before.view().ids[::10]:
            query = before.view().vector(id)[np.newaxis]
            (one,), (other,) = (each.view().search(query, [SearchRequest(k=5)]) for each in (before, after))
            assert [hit.item.id for hit in one.hits] == [hit.item.id for hit in other.hits]
            assert gone not in [hit.item.id for hit in other.hits]
    assert snapshot.live(gallery).manifest.count == 120

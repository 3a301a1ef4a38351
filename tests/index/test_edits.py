"""Items are put, changed and deleted one by one, are found at once by every open gallery, and outlive a compaction."""

import itertools
import json
import os
from pathlib import Path
from random import Random
from types import NoneType
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import parquet

from index.__main__ import main
from index.build.build import build
from index.build.compact import compact
from index.build.publish import roll_back
from index.build.snapshot_writer import Progress
from index.build.tune import tune
from index.edits import Put, restate
from index.gallery import Gallery
from index.items.filters import parse
from index.search.request import SearchRequest
from index.storage import snapshot
from index.storage.changes import Delete, Upsert
from index.storage.journal import Journal
from index.vectors.encodings import ENCODINGS, Encoding, IndexOptions
from models.arrays import Embeddings, normalised
from models.encoder import Encoder
from models.errors import GalleryError, InputError, SpaceMismatch, UnknownItem, UnknownSnapshot, UnreadableImage
from tests.index.uploads import PIXELS, apply, opened, picture, quiet

if TYPE_CHECKING:
    from tests.index.conftest import Draw

COUNT = 150


@pytest.fixture
def folder(tmp_path: Path, encoder: Encoder, draw: "Draw") -> Path:
    build(draw(tmp_path / "pictures", COUNT), tmp_path / "gallery", encoder, progress=quiet)
    return tmp_path / "gallery"


def hit_ids(gallery: Gallery, query: Embeddings, want: SearchRequest) -> list[str]:
    (found,) = gallery.view().search(query, [want])
    return [hit.item.id for hit in found.hits]


def test_what_is_put_changed_and_deleted_is_there_at_once_in_every_opened_gallery(
    folder: Path, encoder: Encoder
) -> None:
    one, other = opened(folder, encoder), opened(folder, encoder)
    data = picture(1)
    vector = encoder.gallery(encoder.preprocess(data)[np.newaxis])
    assert apply([Put("new", [data], {"price": 3})], one, encoder) == [None]
    for gallery in (one, other):
        assert hit_ids(gallery, vector, SearchRequest(k=1)) == ["new"]
        assert gallery.view().item("new").attributes == {"price": 3}
        assert Path(gallery.view().item("new").uri).read_bytes() == data
        assert hit_ids(gallery, vector, SearchRequest(filter=parse({"price": {"gte": 3}}))) == ["new"]
        assert gallery.view().search(vector, [SearchRequest(facets=("price",))])[0].facets == {"price": [(3, 1)]}
        assert len(gallery.view()) == COUNT + 1
    assert apply([Put("new", None, {"price": 4})], other, encoder) == [None]
    assert one.view().item("new").attributes == {"price": 4}
    assert hit_ids(one, vector, SearchRequest(k=1)) == ["new"]
    assert apply([Delete("new"), Delete("0003")], one, encoder) == [None, None]
    assert "new" not in other.view()
    assert "0003" not in hit_ids(other, vector, SearchRequest(k=COUNT))
    assert len(other.view()) == len(other.view().ids) == COUNT - 1


def test_changes_keep_the_types_of_attributes(tmp_path: Path, encoder: Encoder, draw: "Draw", folder: Path) -> None:
    draw(tmp_path / "p", 2)
    rows: list[dict[str, object]] = [{"price": 20, "code": "007", "tags": ["red"]}, {"price": 5, "new": True}]
    lines = [json.dumps({"id": f"{row}", "image": f"p/{row:04d}.png", **facts}) for row, facts in enumerate(rows)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    build(tmp_path / "t.jsonl", folder, encoder, max_loss=1, progress=quiet)
    gallery = opened(folder, encoder)
    puts = [
        Put("0", None, {"price": 19.5, "code": 7, "tags": "wool", "fresh": 1}),
        Put("1", None, {"price": "cheap"}),
        Put("1", None, {"new": 1}),
        Put("1", None, {"price": 5.0, "code": None, "fresh": 1.5}),
        Put("1", None, {"fresh": "x"}),
    ]
    problems = apply(puts, gallery, encoder)
    assert [type(problem) for problem in problems] == [NoneType, InputError, InputError, NoneType, InputError]
    assert "'price'" in str(problems[1]) and "number" in str(problems[1])
    expected = {"0": {"price": 19.5, "code": "7", "tags": ["wool"], "fresh": 1}, "1": {"price": 5, "fresh": 1.5}}
    vector = gallery.view().vector("0")[np.newaxis]
    for _ in range(2):
        assert {id: gallery.view().item(id).attributes for id in "01"} == expected
        for filter, ids in (({"price": {"lt": 20}}, "01"), ({"code": "7"}, "0"), ({"tags": "wool"}, "0")):
            assert sorted(hit_ids(gallery, vector, SearchRequest(filter=parse(filter)))) == list(ids)
        (found,) = gallery.view().search(vector, [SearchRequest(facets=("tags", "price"))])
        assert found.facets == {"tags": [("wool", 1)], "price": [(5, 1), (19.5, 1)]}
        with pytest.raises(InputError, match="'tags'"):
            gallery.view().search(vector, [SearchRequest(group_by="tags")])
        with pytest.raises(InputError, match="'tags'"):
            gallery.view().check(SearchRequest(group_by="tags"))
        compact(folder, progress=quiet)
        gallery = opened(folder, encoder)
    assert gallery.view().rows.types == {
        "price": "number",
        "code": "text",
        "new": "boolean",
        "tags": "list of texts",
        "fresh": "number",
    }


def test_one_bad_item_hurts_no_other(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    wanted: list[Put | Delete] = [
        Put("a", [picture(1)], {}),
        Put("b", [b"no picture"], {}),
        Put("c", None, {"x": 1}),
        Delete("d"),
        Put("a", None, {"x": 2}),
        Delete("0000"),
        Put("0000", None, {}),
    ]
    problems = apply(wanted, gallery, encoder)
    assert isinstance(problems[1], UnreadableImage)
    assert all(isinstance(problems[number], UnknownItem) for number in (2, 3, 6))
    assert [problem is None for problem in problems] == [True, False, False, False, True, True, False]
    assert gallery.view().item("a").attributes == {"x": 2}
    assert "b" not in gallery.view() and "c" not in gallery.view() and "0000" not in gallery.view()


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_gallery_with_changes_answers_as_after_their_compaction(
    tmp_path: Path, encoder: Encoder, draw: "Draw", encoding: Encoding
) -> None:
    folder, random = tmp_path / "gallery", Random(5)
    options = IndexOptions(encoding=encoding, recall=1.0)
    build(draw(tmp_path / "images", COUNT), folder, encoder, shape=options, progress=quiet)
    gallery = opened(folder, encoder)
    generator = np.random.default_rng(9)
    versions = itertools.count()
    for _ in range(6):
        changes: list[Upsert | Delete] = []
        for _ in range(20):
            id = random.choice([f"{random.randrange(COUNT):04d}", f"n{random.randrange(30)}"])
            before = gallery.view().upsert(random.choice(gallery.view().ids))
            assert before is not None
            vector = generator.standard_normal(encoder.manifest.dimension).astype(np.float16)
            item = type(before.item)(id, before.item.uri, {"version": next(versions), "even": random.random() < 0.5})
            put = Upsert(item, before.content, before.space_id, vector)
            changes.append(Delete(id) if random.random() < 0.3 else put)
        gallery.change(changes)
    made = compact(folder, progress=quiet)
    assert made.changes == 120
    after = opened(folder, encoder)
    assert after.manifest.encoding == encoding
    assert after.changes == 0 < gallery.changes
    assert set(after.view().ids) == set(gallery.view().ids)
    old, new = gallery.view(), after.view()
    assert {id: new.item(id) for id in new.ids} == {id: old.item(id) for id in old.ids}
    queries = normalised(generator.standard_normal((20, encoder.manifest.dimension)).astype(np.float32))
    for want in (
        SearchRequest(k=1000),
        SearchRequest(k=7, filter=parse({"even": True})),
        SearchRequest(k=5, group_by="even"),
    ):
        for query in queries:
            found = [gallery.view().search(query[np.newaxis], [want])[0] for gallery in (gallery, after)]
            scores = [[hit.score for hit in each.hits] for each in found]
            assert found[0].total == found[1].total
            np.testing.assert_allclose(scores[0], scores[1], atol=2e-3)  # a vector is rounded once more
    want = SearchRequest(filter=parse({"even": [True, False]}), facets=("even", "version"))
    facets = [each.view().search(queries[:1], [want])[0].facets for each in (gallery, after)]
    assert facets[0] == facets[1]


def test_a_compaction_forgets_only_what_every_kept_snapshot_has(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    first = gallery.manifest.name
    for number in range(2):
        apply([Put(f"n{number}", [picture(number)], {})], opened(folder, encoder), encoder)
        compact(folder, progress=quiet)
    assert (
        isinstance(gallery.journal, Journal) and gallery.journal.pruned() == 0
    )  # the first snapshot is still kept, and lacks both
    back = roll_back(folder, first)
    assert back.name == first == snapshot.current(folder)
    again = opened(folder, encoder)
    assert "n0" in again.view() and "n1" in again.view()  # made since, so that they are not lost
    compact(folder, progress=quiet)
    assert isinstance(gallery.journal, Journal) and gallery.journal.pruned() == 1
    with pytest.raises(UnknownSnapshot, match="keeps no snapshot 'x'"):
        roll_back(folder, "x")


def test_a_rebuild_is_what_its_source_says_and_what_was_changed_since_it_began(
    folder: Path, tmp_path: Path, encoder: Encoder
) -> None:
    gallery = opened(folder, encoder)
    apply([Put("before", [picture(1)], {})], gallery, encoder)

    def meanwhile(progress: Progress) -> None:
        if progress.stage == "train" and progress.done == 0:
            apply([Put("during", [picture(2)], {})], gallery, encoder)

    build(tmp_path / "pictures", folder, encoder, progress=meanwhile)
    after = opened(folder, encoder)
    assert "before" not in after.view()
    assert "during" in after.view()
    assert len(after.view()) == COUNT + 1


def test_a_folder_that_cannot_be_written_is_searched_and_not_changed(
    folder: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in folder.glob("journal*"):
        path.unlink()
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests may run as root, who can write all
    gallery = opened(folder, encoder)
    assert not list(folder.glob("journal*"))
    assert len(hit_ids(gallery, np.eye(1, encoder.manifest.dimension, dtype=np.float32), SearchRequest(k=5))) == 5
    with pytest.raises(GalleryError, match="cannot be written"):
        gallery.change([Delete("0000")])


def test_when_all_is_deleted_a_compaction_leaves_an_empty_gallery(folder: Path, encoder: Encoder) -> None:
    gallery = opened(folder, encoder)
    gallery.change([Delete(id) for id in gallery.view().ids])
    assert hit_ids(gallery, np.eye(1, encoder.manifest.dimension, dtype=np.float32), SearchRequest()) == []
    assert compact(folder, progress=quiet).items == 0
    gallery = opened(folder, encoder)
    assert hit_ids(gallery, np.eye(1, encoder.manifest.dimension, dtype=np.float32), SearchRequest()) == []
    assert apply([Put("new", [picture(1)], {})], gallery, encoder) == [None]
    assert hit_ids(gallery, np.eye(1, encoder.manifest.dimension, dtype=np.float32), SearchRequest()) == ["new"]


def test_a_vector_of_another_space_is_refused_and_one_of_before_a_new_model_embedded_again(
    folder: Path, encoder: Encoder
) -> None:
    gallery = opened(folder, encoder)
    apply([Put("new", [picture(1)], {})], gallery, encoder)
    put = gallery.view().upsert("new")
    assert put is not None
    foreign = Upsert(put.item, put.content, "another space", put.vector[::-1].copy())
    with pytest.raises(SpaceMismatch, match="'new' is of the space"):
        gallery.change([foreign])
    with gallery.journal.transaction() as append:
        append([foreign])  # as a process with another model does, the moment before it is swapped
    assert "new" not in gallery.view()
    assert restate(gallery.journal, encoder, max_pixels=PIXELS) == 0
    again = opened(folder, encoder).view().upsert("new")
    assert again is not None
    np.testing.assert_array_equal(again.vector, put.vector)


def test_the_commands_fold_tune_and_go_back(folder: Path, encoder: Encoder, capsys: pytest.CaptureFixture[str]) -> None:
    first = opened(folder, encoder)
    apply([Put("a", [picture(1)], {})], first, encoder)
    assert main(["compact", str(folder), "--progress", "json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["stage"], told["items"], told["changes"]) == ("done", COUNT + 1, 1)
    assert main(["tune", str(folder), "--recall", ".9"]) == 0
    assert "recall@10" in capsys.readouterr().out
    assert main(["rollback", str(folder), first.manifest.name]) == 0
    assert first.manifest.name in capsys.readouterr().out
    assert snapshot.current(folder) == first.manifest.name
    assert main(["inspect", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"][0] == first.manifest.name
    assert main(["rollback", str(folder), "none"]) == 2
    assert main(["tune", str(folder), "--recall", "2"]) == 2
    assert main(["export", str(folder), str(folder.parent / "out")]) == 0
    metadata = parquet.read_table(folder.parent / "out" / "metadata" / "metadata_0.parquet")
    assert "a" in metadata.column("id").to_pylist()  # put since the snapshot


def test_tuning_sets_the_lists_for_another_recall_on_the_same_files(folder: Path, encoder: Encoder) -> None:
    before = snapshot.live(folder)
    made = tune(folder, goal=0.5)
    after = snapshot.live(folder)
    assert (after.manifest.name, after.manifest.nprobe) == (made.name, made.nprobe)
    assert (made.nprobe, made.recall_goal) <= (before.manifest.nprobe, 0.5)
    assert made.recall_at_10 >= 0.5
    assert (after.path / snapshot.VECTORS).samefile(before.path / snapshot.VECTORS)
    assert opened(folder, encoder).manifest.name == made.name

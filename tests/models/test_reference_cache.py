"""A bundle whose query is split in two graphs, and the cache between them: the same vectors with and without it."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest

from models import bundle, files
from models.arrays import Embeddings, Pixels, normalised
from models.encoder import Encoder
from models.errors import BundleBroken
from models.reference_cache import References
from models.runtime.session import OnnxSession

PICTURE_BYTES = 4 * (32 + 1 * 4 * 16)  # of the tiny model: the pseudo-word and one injection's regions, 4 patches


def pictures(count: int, *, seed: int = 0) -> Pixels:
    """Noise (B, 3, S, S)."""
    return np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)


@pytest.fixture(scope="module")
def encoder(split_bundle: Path) -> Encoder:
    return Encoder.open(split_bundle)


@pytest.fixture(scope="module")
def uncached(split_bundle: Path) -> Encoder:
    return Encoder.open(split_bundle, reference_cache_bytes=0)


@pytest.fixture
def graph(split_bundle: Path) -> OnnxSession:
    return OnnxSession(split_bundle / "reference.onnx", threads=1)


def test_a_composed_query_does_not_depend_on_what_is_kept(split_bundle: Path, uncached: Encoder) -> None:
    encoder = Encoder.open(split_bundle)
    shown, texts = pictures(1), ["in red"]
    expected = uncached.queries(shown, texts, text_weight=0.0)
    for _ in range(3):
        np.testing.assert_array_equal(encoder.queries(shown, texts, text_weight=0.0), expected)
    assert encoder.reference_cache is not None and encoder.reference_cache.hits == 2
    assert uncached.reference_cache is not None and uncached.reference_cache.bytes == uncached.reference_cache.hits == 0


def test_a_batch_of_kept_new_and_repeated_pictures_is_each_row_alone(split_bundle: Path, uncached: Encoder) -> None:
    encoder = Encoder.open(split_bundle)
    known, new = pictures(2), pictures(2, seed=1)
    encoder.queries(known, ["a", "b"], text_weight=0.0)
    shown = np.stack([new[0], known[1], new[0], known[0], new[1], new[0]])
    texts = ["red", "blue", "long", "", "$50", "*"]
    alone = [uncached.queries(shown[row : row + 1], [texts[row]], text_weight=0.0) for row in range(6)]
    # another batch is another order of sums
    np.testing.assert_allclose(encoder.queries(shown, texts, text_weight=0.0), np.concatenate(alone), atol=1e-6)
    assert encoder.reference_cache is not None
    # what one batch asks for twice is computed once
    assert (encoder.reference_cache.hits, encoder.reference_cache.misses) == (4, 4)
    assert encoder.reference_cache.bytes == 4 * PICTURE_BYTES


def test_the_pictures_asked_for_last_are_kept_within_the_bytes(graph: OnnxSession) -> None:
    references = References(graph, cache_bytes=3 * PICTURE_BYTES + 5)
    shown = pictures(5)
    for row in (0, 1, 2, 0, 3, 4):  # 0 is asked for again, so 1 and 2 go
        references.features(shown[row : row + 1])
        assert references.use.bytes <= 3 * PICTURE_BYTES + 5
    assert references.use.bytes == 3 * PICTURE_BYTES
    before = references.use.hits
    for row in (0, 3, 4):
        references.features(shown[row : row + 1])
    assert references.use.hits == before + 3
    references.features(shown[1:2])
    assert references.use.hits == before + 3
    references.features(pictures(40, seed=9))  # more at once than there is room for
    assert references.use.bytes == 3 * PICTURE_BYTES


def test_a_picture_larger_than_the_cache_pushes_nothing_out(graph: OnnxSession) -> None:
    references = References(graph, cache_bytes=PICTURE_BYTES - 1)
    first, second = references.features(pictures(1)), references.features(pictures(1))
    assert references.use.bytes == 0 and references.use.misses == 2
    for name in references.names:
        np.testing.assert_array_equal(first[name], second[name])


def test_what_a_caller_does_to_features_stays_with_the_caller(graph: OnnxSession) -> None:
    references = References(graph, cache_bytes=10**6)
    first = {name: values.copy() for name, values in references.features(pictures(1)).items()}
    for values in references.features(pictures(1)).values():
        values[...] = 0
    for name, values in references.features(pictures(1)).items():
        np.testing.assert_array_equal(values, first[name])


def test_many_threads_get_the_features_of_their_own_pictures(graph: OnnxSession) -> None:
    references = References(graph, cache_bytes=4 * PICTURE_BYTES)  # fewer than there are, so that it turns over
    shown = pictures(8)
    expected = [references.computed(shown[row : row + 1]) for row in range(8)]
    wrong: list[str] = []

    def ask(seed: int) -> None:
        random = np.random.Generator(np.random.PCG64(seed))
        for _ in range(60):
            rows = random.integers(0, 8, random.integers(1, 4))
            found = references.features(shown[rows])
            for place, row in enumerate(rows):
                for name in references.names:
                    if not np.allclose(found[name][place], expected[row][name][0], atol=1e-5):
                        wrong.append(f"{seed} {row} {name}")

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    use = references.use
    assert use.bytes == 4 * PICTURE_BYTES and use.hits > 0 and use.misses > 0


def test_the_text_s_own_embedding_is_computed_where_the_graphs_give_none(encoder: Encoder) -> None:
    shown, texts = pictures(3), ["in red", "$50", "a {text} *"]
    composed, words = encoder.queries(shown, texts, text_weight=0.0), encoder.texts(texts)
    np.testing.assert_allclose(encoder.queries(shown, texts, text_weight=1.0), words, atol=1e-6)
    mixed = encoder.queries(shown, texts, text_weight=0.25)
    np.testing.assert_allclose(mixed, normalised(0.75 * composed + 0.25 * words), atol=1e-6)


def far(left: Embeddings, right: Embeddings) -> bool:
    return bool((np.abs(left - right).max(axis=1) > 1e-3).all())


def test_the_picture_and_the_words_both_count(encoder: Encoder) -> None:
    shown = pictures(2)
    red = encoder.queries(shown, ["in red", "in red"], text_weight=0.0)
    blue = encoder.queries(shown, ["in blue", "in blue"], text_weight=0.0)
    assert far(red, blue) and far(red, red[::-1])


def test_a_shoppers_placeholders_are_words_like_any_other(encoder: Encoder) -> None:
    odd = ["$50", "*", "{text}", "<|endoftext|>", "that * is {text}"]
    changes = encoder.changes(odd)
    assert not changes.tokens.truncated.any()
    assert encoder.manifest.slot is not None
    same = changes.tokens.ids[:, : encoder.manifest.slot + 1]
    assert (same == same[0]).all()  # whatever follows, the template's own words stand before it
    vectors = encoder.queries(pictures(1).repeat(len(odd), axis=0), odd, text_weight=0.0)
    assert (vectors @ vectors.T + np.eye(len(odd)) * -1 < 0.9999).all()  # none was lost


def test_an_overlong_change_is_told_and_keeps_the_pseudo_word(encoder: Encoder) -> None:
    changes = encoder.changes(["red", "red dress " * 30])
    assert changes.tokens.truncated.tolist() == [False, True]
    shown = pictures(2)
    queries = encoder.queries(shown, ["red dress " * 30] * 2, text_weight=0.0)
    assert far(queries[:1], queries[1:])  # the picture still counts


def rewritten(folder: Path, **changed: object) -> None:
    manifest = json.loads((folder / bundle.MANIFEST).read_text())
    for name in manifest["files"]:
        manifest["files"][name] = files.digest(folder / name)
    (folder / bundle.MANIFEST).write_text(json.dumps({**manifest, **changed}))


@pytest.fixture
def copy(split_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(split_bundle, tmp_path / "bundle"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"slot": 3}, "its pseudo-word at 3, its template at 4"),
        ({"slot": None}, "its pseudo-word at None"),
        ({"template": "that {text}"}, "its template at None"),
        ({"template": "* * {text}"}, r"more than one \*"),
        ({"template": "{text} of *"}, r"put \{text\} after it"),
    ],
)
def test_a_template_that_the_graphs_were_not_made_for_is_refused(
    copy: Path, changed: dict[str, object], said: str
) -> None:
    rewritten(copy, **changed)
    with pytest.raises(BundleBroken, match=said):
        Encoder.open(copy)


def test_half_of_a_split_query_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / bundle.MANIFEST).read_text())
    del manifest["files"]["reference.onnx"]
    (copy / bundle.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleBroken, match="wants other features"):
        Encoder.open(copy)


def test_features_that_nobody_gives_are_refused(copy: Path) -> None:
    proto = onnx.load(str(copy / "compose.onnx"), load_external_data=False)
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            if name == "word":
                node.input[place] = "sentence"
    next(value for value in proto.graph.input if value.name == "word").name = "sentence"
    onnx.save(proto, str(copy / "compose.onnx"))
    rewritten(copy)
    with pytest.raises(BundleBroken, match="other features"):
        Encoder.open(copy)


@pytest.mark.parametrize("name", ["gallery", "text", "composed"])
def test_the_self_test_covers_the_split_graphs(copy: Path, name: str) -> None:
    with np.load(copy / bundle.SELF_TEST) as record:
        changed = {**record, name: record[name] + 0.01}
    np.savez(copy / bundle.SELF_TEST, **changed)
    rewritten(copy)
    with pytest.raises(BundleBroken, match=f"{name} differs"):
        Encoder.open(copy)


def test_the_self_test_leaves_the_cache_empty(split_bundle: Path) -> None:
    use = Encoder.open(split_bundle).reference_cache
    assert use is not None and (use.hits, use.misses, use.bytes) == (0, 0, 0)


def test_a_bundle_with_one_query_graph_has_no_such_cache(sum_bundle: Path) -> None:
    assert Encoder.open(sum_bundle).reference_cache is None


def test_texts_of_mixed_lengths_in_one_batch_are_each_text_alone(encoder: Encoder) -> None:
    texts = ["red", "blue and long, with a belt, two pockets and a row of buttons", "", "dots"] * 3
    shown = pictures(len(texts))
    alone = [encoder.queries(shown[row : row + 1], [texts[row]], text_weight=0.3) for row in range(len(texts))]
    np.testing.assert_allclose(encoder.queries(shown, texts, text_weight=0.3), np.concatenate(alone), atol=1e-6)
    words = np.concatenate([encoder.texts([text]) for text in texts])
    np.testing.assert_allclose(encoder.texts(texts), words, atol=1e-6)

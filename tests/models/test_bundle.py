"""The bundle's contract: complete or absent, never changed unnoticed, and its outputs those of torch."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from models import bundle, files
from models.arrays import normalised
from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import BundleBroken, BundleMissing, ConfigError
from models.runtime.device import Device


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(SHIPPED)


def test_a_machine_without_the_provider_is_told_so() -> None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(ConfigError, match="gpu extra"):
            Encoder.open(SHIPPED, device=Device("cuda"))


def test_the_shipped_bundle_passes_its_self_test_and_is_small() -> None:
    Encoder.open(SHIPPED)
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) <= 51_000_000


@pytest.mark.parametrize("name", sorted(path.name for path in SHIPPED.iterdir() if path.name != bundle.MANIFEST))
def test_a_changed_file_is_refused_by_name(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleBroken, match=name):
        Bundle.open(copy)


def test_a_missing_file_is_refused_by_name(copy: Path) -> None:
    (copy / "weights.bin").unlink()
    with pytest.raises(BundleBroken, match=r"weights\.bin"):
        Bundle.open(copy)


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BundleMissing, match=r"manifest\.json"):
            Bundle.open(path)


@pytest.mark.parametrize(
    ("key", "value"), [("schema_version", 2), ("surprise", 1), ("text_weight", 1.5), ("template", "no place for it")]
)
def test_a_manifest_of_another_kind_is_refused_by_its_key(copy: Path, key: str, value: object) -> None:
    manifest = json.loads((copy / bundle.MANIFEST).read_text())
    (copy / bundle.MANIFEST).write_text(json.dumps({**manifest, key: value}))
    with pytest.raises(BundleBroken, match=key):
        Bundle.open(copy)


def test_a_bundle_that_computes_otherwise_than_torch_fails_its_self_test(copy: Path) -> None:
    with np.load(copy / bundle.SELF_TEST) as record:
        changed = {**record, "composed": record["composed"] + 2 * Bundle.open(copy).manifest.tolerance}
    np.savez(copy / bundle.SELF_TEST, **changed)
    manifest = json.loads((copy / bundle.MANIFEST).read_text())
    manifest["files"][bundle.SELF_TEST] = files.digest(copy / bundle.SELF_TEST)
    (copy / bundle.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleBroken, match="composed differs"):
        Encoder.open(copy)


def test_writing_replaces_a_bundle_whole_and_leaves_nothing_beside_it(copy: Path) -> None:
    opened = Bundle.open(copy)
    contents = {name: opened.file(name).read_bytes() for name in opened.manifest.files}
    bundle.write(copy, contents, opened.manifest)
    Encoder.open(copy)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_embeddings_have_length_one_and_do_not_depend_on_the_batch(encoder: Encoder) -> None:
    random = np.random.Generator(np.random.PCG64(0))
    size = encoder.manifest.image_size
    pixels = random.integers(0, 256, (5, 3, size, size), dtype=np.uint8)
    texts = ["in red", "with long sleeves", "", "without a hood", "$50 * off"]
    whole = {
        "gallery": encoder.gallery(pixels),
        "texts": encoder.texts(texts),
        "queries": encoder.queries(pixels, texts, text_weight=0.5),
    }
    single = {
        "gallery": np.concatenate([encoder.gallery(pixels[i : i + 1]) for i in range(5)]),
        "texts": np.concatenate([encoder.texts([text]) for text in texts]),
        "queries": np.concatenate([encoder.queries(pixels[i : i + 1], [texts[i]], text_weight=0.5) for i in range(5)]),
    }
    for name, vectors in whole.items():
        assert vectors.shape == (5, encoder.manifest.dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
        np.testing.assert_allclose(vectors, single[name], atol=1e-5)


def test_the_text_weight_moves_a_query_from_the_picture_to_the_words(sum_bundle: Path) -> None:
    encoder = Encoder.open(sum_bundle)
    size = encoder.manifest.image_size
    pixels = np.full((1, 3, size, size), 200, dtype=np.uint8)
    picture, words = encoder.gallery(pixels), encoder.texts(["in red"])
    np.testing.assert_allclose(encoder.queries(pixels, ["in red"], text_weight=0.0), picture, atol=1e-5)
    np.testing.assert_allclose(encoder.queries(pixels, ["in red"], text_weight=1.0), words, atol=1e-5)
    half = encoder.queries(pixels, ["in red"], text_weight=0.5)
    np.testing.assert_allclose(half, normalised(picture + words), atol=1e-5)

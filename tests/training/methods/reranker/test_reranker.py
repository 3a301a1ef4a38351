"""A whole run of a re-ranker on drawn data: trained, killed, resumed, exported into its bundle, asked."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from models import bundle
from models.bundle import SHIPPED, Bundle
from models.encoder import Encoder
from models.errors import BundleBroken, ConfigError
from training.engine import checkpoint, loop
from training.engine.distributed import World
from training.evaluation import drawn_catalogue
from training.evaluation.drawn_queries import ShopEvaluation
from training.methods import config, runs
from training.methods.reranker import reranker
from training.methods.reranker.candidates import DrawnCandidates
from training.methods.reranker.reranker import RerankConfig
from training.methods.reranker.stage import RerankingStage

CONFIG = f"""
method = "rerank"
seed = 8
bundle = {json.dumps(str(SHIPPED))}
[reranking.net]
width = 16
layers = 1
[reranking.data]
source = "drawn"
products = 80
triplets = 48
validation_products = 60
validation_triplets = 16
[reranking.loss]
hardest = 6
drawn = 2
[reranking.optim]
learning_rate = 1e-2
weight_decay = 0.05
warmup_steps = 2
[reranking.loop]
epochs = 2
batch = 16
precision = "float32"
checkpoint_steps = 1
"""


def settings_of(run: Path) -> RerankConfig:
    settings = config.read(run / config.CONFIG_FILE)
    assert isinstance(settings, RerankConfig)
    return settings


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    out = run.parent / "bundle"
    runs.export(run, out=out)
    return out


def test_a_run_leaves_its_bundle_the_re_rankers_weights_alone_and_its_log(run: Path) -> None:
    lines = [json.loads(line) for line in (run / reranker.RERANKING / loop.LOG).read_text().splitlines()]
    found = [line for line in lines if "epoch" in line]
    assert len(found) == 2 and all(0 <= line["recall_1"] <= line["recall_10"] <= 1 for line in found)
    trained = checkpoint.best(run / reranker.RERANKING)
    assert {name.split(".")[0] for name in trained} == {"words", "pair", "seen", "asked", "layers", "norm", "head"}
    begun = settings_of(run).untrained(run, first=Bundle.open(run / reranker.FIRST)).state_dict()
    assert all(not torch.equal(value, begun[name]) for name, value in trained.items() if "bias" not in name)
    assert Bundle.open(run / reranker.FIRST).manifest == Bundle.open(SHIPPED).manifest


@torch.no_grad()
def test_validation_counts_the_targets_that_come_first_of_all_that_are_re_ranked(run: Path) -> None:
    settings, model = settings_of(run), settings_of(run).finished(run, stage="reranking")
    first, net = model.first, model.net
    torch.manual_seed(0)
    torch.nn.init.normal_(net.head.weight, std=3.0)  # or it would hardly change the first ranking
    part, encoder = settings.reranking, Encoder.open(first.path, threads=1)
    cache = run.parent / "cache"
    data = DrawnCandidates(part.data, encoder, hardest=6, drawn_others=2, seed=settings.seed, cache=cache)
    asked, hits = data.validation, {1: 0, 10: 0}
    for row, reference in enumerate(asked.references.tolist()):
        given = (asked.gallery[[reference]], asked.tokens[[row]], asked.composed[[row]], asked.gallery[np.newaxis])
        vectors = [
            torch.from_numpy(array.astype(np.float32) if array.dtype == np.float16 else array) for array in given
        ]
        scores = dict(enumerate(net(*vectors)[0].tolist()))
        del scores[reference]
        order = sorted(scores, key=lambda item: -scores[item])  # all 60 products are candidates
        best = min(order.index(item) for item in asked.satisfying[row].tolist())
        hits = {k: count + (best < k) for k, count in hits.items()}
    found = RerankingStage(part, net=net, data=data, world=World.alone(torch.device("cpu"))).validate()
    assert found == {f"recall_{k}": pytest.approx(count / 16) for k, count in hits.items()}
    assert 0 < hits[1] < 16  # or it would show nothing


class Killed(RerankingStage):
    """A stage that is killed in its second epoch, after the first one's validation."""

    def stepped(self, done: float) -> None:
        if done > 0.6:
            raise KeyboardInterrupt


def test_a_killed_run_goes_on_to_the_identical_weights(config_file: Path, run: Path) -> None:
    settings, out = settings_of(run), config_file.parent / "killed"
    part, folder = settings.reranking, out / reranker.RERANKING
    folder.mkdir(parents=True)
    first = Bundle.open(SHIPPED)
    net = settings.untrained(out, first=first)
    data = DrawnCandidates(
        part.data, Encoder.open(first.path), hardest=6, drawn_others=2, seed=settings.seed, cache=out.parent / "cache"
    )
    killed = Killed(part, net=net, data=data, world=World.alone(torch.device("cpu")))
    with pytest.raises(KeyboardInterrupt):
        loop.fit(
            killed, seed=settings.seed, optim=part.optim, loop=part.loop, folder=folder,
            world=World.alone(torch.device("cpu")),
        )  # fmt: skip
    runs.train(config_file, out)
    whole, resumed = (checkpoint.weights(path / reranker.RERANKING) for path in (run, out))
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_the_export_is_the_first_bundle_with_one_more_graph_whose_tower_is_not_stored_again(exported: Path) -> None:
    first, found = Bundle.open(SHIPPED), Bundle.open(exported)
    assert found.graphs == (*first.graphs, bundle.RERANK)
    changed = {name for name in found.manifest.files if found.manifest.files[name] != first.manifest.files.get(name)}
    assert changed == {"rerank.onnx", "rerank.toml", bundle.WEIGHTS, bundle.SELF_TEST}
    assert found.manifest.space_id == first.manifest.space_id  # so it serves the same galleries
    assert found.manifest.model_id != first.manifest.model_id
    before, after = (opened.file(bundle.WEIGHTS).read_bytes() for opened in (first, found))
    assert after.startswith(before)
    proto = onnx.load(str(found.file("rerank.onnx")), load_external_data=True)
    inside = sum(len(tensor.raw_data) for tensor in proto.graph.initializer)
    assert len(after) - len(before) < inside / 8  # nearly all of it is the text tower, which was there


def test_the_exported_scores_are_the_nets_for_any_number_of_queries_and_candidates(run: Path, exported: Path) -> None:
    encoder, net = Encoder.open(exported), settings_of(run).finished(run, stage="reranking").net
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (3, 3, 96, 96), dtype=np.uint8)
    changes = encoder.changes(["in red", "with long sleeves", "a very long wish " * 40])
    composed, gallery = encoder.compose(pixels, changes, text_weight=0.0), encoder.gallery(pixels)
    for rows, count in ((slice(0, 3), 7), (slice(1, 2), 1), (slice(0, 2), 100)):
        candidates = draw.standard_normal((rows.stop - rows.start, count, 256)).astype(np.float32)
        candidates /= np.linalg.norm(candidates, axis=-1, keepdims=True)
        picked = np.arange(rows.start, rows.stop)
        found = encoder.rerank(pixels[rows], changes.take(picked), composed=composed[rows], candidates=candidates)
        given = (gallery[rows], changes.tokens.ids[rows], composed[rows], candidates)
        with torch.no_grad():
            wanted = net(*(torch.from_numpy(array) for array in given)).numpy()
        np.testing.assert_allclose(found, wanted, atol=encoder.manifest.tolerance)  # products in 8 bits


def test_a_re_ranker_that_computes_otherwise_than_torch_fails_its_self_test(exported: Path, tmp_path: Path) -> None:
    found = Bundle.open(exported)
    files = {name: found.file(name).read_bytes() for name in found.manifest.files}
    with np.load(io.BytesIO(files[bundle.SELF_TEST])) as record:
        changed = {**record, "scores": record["scores"] + 2 * found.manifest.tolerance}
    tests = io.BytesIO()
    np.savez(tests, **changed)
    bundle.write(tmp_path / "bundle", {**files, bundle.SELF_TEST: tests.getvalue()}, found.manifest)
    with pytest.raises(BundleBroken, match="scores differs"):
        Encoder.open(tmp_path / "bundle")


def test_a_bundle_is_ranked_first_only_without_a_re_ranker_and_keeps_its_text_weight(
    config_file: Path, exported: Path, run: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.toml"
    again.write_text(CONFIG.replace(json.dumps(str(SHIPPED)), json.dumps(str(exported))))
    with pytest.raises(ConfigError, match="has a re-ranker: name the one"):
        runs.train(again, tmp_path / "out")
    with pytest.raises(ConfigError, match="leave out --text-weight"):
        runs.export(run, out=tmp_path / "bundle", text_weight=0.5)
    encoder, pixels = Encoder.open(SHIPPED), np.zeros((1, 3, 96, 96), dtype=np.uint8)
    vectors = np.zeros((1, 2, 256), dtype=np.float32)
    with pytest.raises(ConfigError, match="has no re-ranker"):
        encoder.rerank(pixels, encoder.changes([""]), composed=vectors[:, 0], candidates=vectors)


def test_the_catalogue_asks_it_as_one_more_way_that_only_reorders_the_first(reranking_bundle: Path) -> None:
    run = ShopEvaluation(
        encoder=Encoder.open(reranking_bundle),
        split="test",
        products=60,
        queries=20,
        seed=3,
        text_weight=0.0,
        date="today",
    )
    found = drawn_catalogue.composed(run, rerank=5)
    assert list(found.answers)[-2:] == ["two-stage", "two-stage + re-ranking of 5"]
    plain, new = found.answers["two-stage"], found.answers["two-stage + re-ranking of 5"]
    assert plain.first != new.first
    for before, after in zip(plain.first, new.first, strict=True):
        assert set(before[:5]) == set(after[:5]) and before[5:] == after[5:]
    assert [*found.answers][:-1] == [*drawn_catalogue.composed(run).answers]
    with pytest.raises(ConfigError, match="leave out --rerank"):
        drawn_catalogue.composed(replace(run, encoder=Encoder.open(SHIPPED)), rerank=5)

"""SEARLE's first stage: words by gradient descent, block by block, and the phrases that bind them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from models.arrays import Rows
from models.errors import ConfigError
from models.nets.searle import Searle
from models.tokenizer import Tokenizer
from tests.models import tiny
from tests.training.methods.portraits import ALONE, Portraits
from training.data.batch import ImageBatch
from training.data.config import DrawnPictures
from training.data.datasets import EpochDataset
from training.engine import loop
from training.engine.distributed import World
from training.methods.pseudo_words import inverting
from training.methods.pseudo_words.inverting import Inverted, Inverting, InvertingConfig
from training.methods.pseudo_words.phrases import Phrases, PhrasesConfig, Sentences

SAID = PhrasesConfig(concepts=("dress", "photo", "sleeves"), phrases=("a * that is red", "blue *"), nearest=2)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny.tokenizer(tmp_path_factory.mktemp("words") / "tokenizer.json")


@pytest.fixture(autouse=True)
def blocks_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverting, "_BLOCK", 3)


def stage(
    tokenizer: Tokenizer,
    *,
    steps: int = 40,
    bound: float = 0.0,
    world: World = ALONE,
    data: EpochDataset[ImageBatch] | None = None,
    pictures: int = 7,
) -> Inverting:
    config = InvertingConfig(
        data=DrawnPictures(source="drawn", products=8, validation_products=8),
        pictures=pictures,
        sentences=("a photo of *", "a *"),
        steps=steps,
        average=0.8,
        bound=bound,
    )
    net = Searle(tiny.backbone(end=tokenizer.end), dropout=0.5)
    return Inverting(
        config,
        net=net,
        sentences=Sentences.encoded(config.sentences, tokenizer, device=world.device),
        phrases=Phrases.from_config(SAID, net.backbone, tokenizer, plain=config.sentences),
        data=data or Portraits(),
        precision="float32",
        seed=5,
        world=world,
    )


def cosines(words: NDArray[np.float32], tokenizer: Tokenizer) -> list[float]:
    """Of "a photo of *" with each word to its picture."""
    net = Searle(tiny.backbone(end=tokenizer.end), dropout=0.5).eval()
    ids, places = (torch.from_numpy(array) for array in tokenizer.encode_parts([["a photo of", ""]]))
    with torch.no_grad():
        pictures = net.backbone.image(Portraits().pixels[: len(words)])
        said = net.compose(torch.from_numpy(words), ids.expand(len(words), -1), places=places)
    return (said * pictures).sum(dim=1).tolist()


def test_steps_bring_the_sentences_to_the_pictures(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (few := tmp_path / "few").mkdir()
    (many := tmp_path / "many").mkdir()
    little, much = (stage(tokenizer, steps=n).run(folder) for n, folder in ((1, few), (60, many)))
    assert little.shape == much.shape == (7, 32)
    gained = np.array(cosines(much, tokenizer)) - np.array(cosines(little, tokenizer))
    assert (gained > 0.05).all()
    lines = [json.loads(line) for line in (many / loop.LOG).read_text().splitlines()]
    assert [(line["first"], line["images"]) for line in lines] == [(0, 3), (3, 3), (6, 1)]


def test_a_killed_run_keeps_its_blocks_and_ends_with_the_same_words(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (whole := tmp_path / "whole").mkdir()
    (cut := tmp_path / "cut").mkdir()
    words = stage(tokenizer).run(whole)

    class Killed(Portraits):
        def batches(self, orders: Sequence[Rows], *, epoch: int) -> Iterator[ImageBatch]:
            if int(orders[0][0]) == 3:
                raise KeyboardInterrupt
            yield from super().batches(orders, epoch=epoch)

    with pytest.raises(KeyboardInterrupt):
        stage(tokenizer, data=Killed()).run(cut)
    kept = {path: path.stat().st_mtime_ns for path in cut.glob("words-*.npy")}
    assert len(kept) == 1
    assert np.array_equal(stage(tokenizer).run(cut), words)
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())


def test_the_ranks_share_the_blocks(tokenizer: Tokenizer, tmp_path: Path) -> None:
    (alone := tmp_path / "alone").mkdir()
    (shared := tmp_path / "shared").mkdir()
    words = stage(tokenizer, steps=3).run(alone)

    class Other(World):
        def barrier(self) -> None:  # the other rank has come there before
            pass

    with pytest.raises(FileNotFoundError):  # there is no other rank to make them
        stage(tokenizer, steps=3, world=Other(1, 2, ALONE.device)).run(shared)
    assert [path.name for path in shared.glob("words-*")] == ["words-00000003.npy"]
    assert np.array_equal(stage(tokenizer, steps=3, world=Other(0, 2, ALONE.device)).run(shared), words)


@torch.no_grad()
def test_a_phrase_is_drawn_for_one_of_the_nearest_concepts(tokenizer: Tokenizer) -> None:
    backbone = tiny.backbone(end=tokenizer.end)
    phrases = Phrases.from_config(SAID, backbone, tokenizer, plain=["a *", "*"])
    assert phrases is not None
    plain = [backbone.text(torch.from_numpy(tokenizer.encode([f"a {c}", c]).ids)).mean(dim=0) for c in SAID.concepts]
    seen = backbone.image_states(Portraits().pixels)[:, 0]
    for _ in range(10):
        ids, places, said = phrases.drawn(seen)
        for row in range(8):
            scores = [float(seen[row] @ vector / vector.norm()) for vector in plain]
            near = sorted(range(3), key=lambda c: -scores[c])[:2]
            phrase = SAID.phrases[int(torch.equal(ids[row], phrases.sentences.ids[1]))]
            wanted = [
                backbone.text(torch.from_numpy(tokenizer.encode([phrase.replace("*", SAID.concepts[c])]).ids))[0]
                for c in near
            ]
            assert any(torch.allclose(said[row], vector, atol=1e-5) for vector in wanted)
            number = SAID.phrases.index(phrase)
            assert torch.equal(places[row], phrases.sentences.places[number])


def test_bound_words_stay_nearer_to_what_the_phrases_say(tokenizer: Tokenizer, tmp_path: Path) -> None:
    found = []
    net = Searle(tiny.backbone(end=tokenizer.end), dropout=0.5).eval()
    phrases = Phrases.from_config(SAID, net.backbone, tokenizer, plain=["a *"])
    assert phrases is not None
    for bound in (0.0, 5.0):
        (folder := tmp_path / str(bound)).mkdir()
        words = torch.from_numpy(stage(tokenizer, bound=bound).run(folder))
        torch.manual_seed(0)
        with torch.no_grad():
            ids, places, said = phrases.drawn(net.backbone.image_states(Portraits().pixels[:7])[:, 0])
            found.append(float(inverting.phrase_distance(net.compose(words, ids, places=places), said).mean()))
    assert found[1] < found[0] - 0.05


def test_words_go_with_their_rows() -> None:
    words = np.arange(12, dtype=np.float32).reshape(6, 2)
    data = Inverted(Portraits(), words)
    (batch,) = data.batches([np.array([4, 1])], epoch=0)
    assert len(data) == 6 and batch.word.tolist() == [[8, 9], [2, 3]]
    assert torch.equal(batch.target, Portraits().pixels[[4, 1]])


def test_more_pictures_than_there_are_and_phrases_without_concepts_are_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match="9 of 8 images"):
        stage(tokenizer, pictures=9)
    wrong = ({"phrases": ["a *"]}, {"concepts": ["hat"]}, {"concepts": ["hat"], "phrases": ["a *"]})  # of 15 nearest
    for values in wrong:
        with pytest.raises(ValidationError, match="go together"):
            PhrasesConfig.model_validate(values)

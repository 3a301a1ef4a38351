"""The stages that learn pseudo-words in one pass, Pic2Word's, LinCIR's and SEARLE's second, against their formulas."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.errors import ConfigError
from models.nets.lincir import LinCir
from models.nets.pic2word import Pic2Word
from models.nets.searle import Searle
from models.tokenizer import Tokenizer
from tests.models import tiny
from tests.training.methods.portraits import ALONE, TEXTS, Portraits, sentence
from training.data.batch import ImageBatch
from training.data.config import DrawnPictures
from training.engine import checkpoint, loop
from training.engine.settings import LoopConfig, OptimConfig
from training.methods.pseudo_words.inverting import Inverted
from training.methods.pseudo_words.lincir import Masking, MaskingConfig
from training.methods.pseudo_words.masked_captions import MaskedCaptions, without_keywords
from training.methods.pseudo_words.phrases import Phrases, PhrasesConfig
from training.methods.pseudo_words.pic2word import Naming, NamingConfig
from training.methods.pseudo_words.searle import Distilling, DistillingConfig
from training.methods.pseudo_words.stage import PseudoWordStage
from training.methods.stages.from_images import BatchOf

OPTIM = OptimConfig(learning_rate=1e-2, weight_decay=0.0, warmup_steps=0)
DATA = DrawnPictures(source="drawn", products=8, validation_products=8)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny.tokenizer(tmp_path_factory.mktemp("words") / "tokenizer.json")


def steps(*, batch: int = 8, epochs: int = 1) -> LoopConfig:
    return LoopConfig(epochs=epochs, batch=batch, precision="float32", validation_epochs=epochs)


def naming(tokenizer: Tokenizer, loop: LoopConfig) -> Naming:
    tokens, slot = sentence(tokenizer)
    part = NamingConfig(dropout=0.0, temperature=0.1, data=DATA, optim=OPTIM, loop=loop)
    net = Pic2Word(tiny.backbone(end=tokenizer.end), dropout=0.0)
    return Naming(part, net=net, seed=5, sentence=tokens, slot=slot, data=Portraits(), world=ALONE)


def masking(tokenizer: Tokenizer, loop: LoopConfig, *, noise: float = 0.0) -> Masking:
    tokens, slot = sentence(tokenizer)
    part = MaskingConfig(dropout=0.0, noise=noise, data=DATA, optim=OPTIM, loop=loop)
    net = LinCir(tiny.backbone(end=tokenizer.end), dropout=0.0)
    data = MaskedCaptions(Portraits(), tokenizer)
    return Masking(part, net=net, seed=5, sentence=tokens, slot=slot, data=data, world=ALONE)


def distilling(tokenizer: Tokenizer, loop: LoopConfig, *, bound: float = 0.75) -> Distilling:
    tokens, slot = sentence(tokenizer)
    part = DistillingConfig(dropout=0.0, bound=bound, optim=OPTIM, loop=loop)
    net = Searle(tiny.backbone(end=tokenizer.end), dropout=0.0)
    said = PhrasesConfig(concepts=("dress", "photo"), phrases=("a * that is red",), nearest=1)
    phrases = Phrases.from_config(said, net.backbone, tokenizer, plain=["a *"])
    words = np.random.default_rng(0).standard_normal((8, net.backbone.text_width), dtype=np.float32)
    data = Inverted(Portraits(), words)
    return Distilling(part, net=net, phrases=phrases, seed=5, sentence=tokens, slot=slot, data=data, world=ALONE)


def only(stage: PseudoWordStage[Any, BatchOf]) -> BatchOf:
    (batch,) = stage.batches(0, start=0)
    return batch


@torch.no_grad()
def test_pic2words_loss_is_the_contrast_of_sentences_and_pictures(tokenizer: Tokenizer) -> None:
    stage = naming(tokenizer, steps())
    net, batch = stage.net, only(stage)
    tokens, _ = sentence(tokenizer)
    places = torch.arange(tokens.shape[1]) == 4
    v = net.backbone.image(batch.target)
    seen = net.backbone.image_states(batch.target)[:, 0]
    t = torch.cat([net.compose(net.word(one[None]), tokens, places=places) for one in seen])
    total = 0.0
    for i in range(8):
        for left, right in ((v, t), (t, v)):
            scores = [math.exp(float(left[i] @ right[j]) / 0.1) for j in range(8)]
            total -= math.log(scores[i] / sum(scores)) / 16
    assert float(stage.loss(stage.embeddings(batch))) == pytest.approx(total, rel=1e-4)


@torch.no_grad()
def test_lincirs_loss_is_the_squared_distance_of_the_caption_and_itself_masked(tokenizer: Tokenizer) -> None:
    stage = masking(tokenizer, steps())
    net, total = stage.net, 0.0
    for text in TEXTS:
        caption = net.backbone.text(torch.from_numpy(tokenizer.encode([text]).ids))
        ids, places = (torch.from_numpy(array) for array in tokenizer.encode_parts([without_keywords(text)]))
        masked = net.compose(net.word(caption), ids, places=places)
        total += float(((masked - caption) ** 2).sum()) / 8
    assert float(stage.loss(stage.embeddings(only(stage)))) == pytest.approx(total, rel=1e-4)
    torch.manual_seed(0)
    noisy = masking(tokenizer, steps(), noise=1.0)
    assert float(noisy.loss(noisy.embeddings(only(noisy)))) != pytest.approx(total, rel=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("bound", [0.0, 0.5])
def test_searles_second_loss_is_agreement_with_the_words_and_with_the_phrases(
    tokenizer: Tokenizer, bound: float
) -> None:
    stage = distilling(tokenizer, steps(), bound=bound)
    net, batch = stage.net, only(stage)
    word = net.word(net.backbone.image_states(batch.target)[:, 0])
    sides = [torch.nn.functional.normalize(side, dim=1) for side in (word, batch.word)]
    total = 0.0
    for own, other in (sides, sides[::-1]):
        for i in range(8):
            pairs = [math.exp(float(own[i] @ other[j]) / 0.25) for j in range(8)]
            among = [math.exp(float(own[i] @ own[j]) / 0.25) for j in range(8) if j != i]
            total -= math.log(pairs[i] / (sum(pairs) + sum(among))) / 16
    names = torch.from_numpy(tokenizer.encode(["a dress", "a photo"]).ids)
    nearest = (net.backbone.image(batch.target) @ net.backbone.text(names).T).argmax(dim=1)
    ids, places = (torch.from_numpy(array) for array in tokenizer.encode_parts([["a", "that is red"]]))
    for row, concept in enumerate(nearest):
        phrase = f"a {('dress', 'photo')[int(concept)]} that is red"
        said = net.backbone.text(torch.from_numpy(tokenizer.encode([phrase]).ids))[0]
        found = net.compose(word[[row]], ids, places=places)[0]
        total += bound * (1 - float(said @ found)) / 8
    assert float(stage.loss(stage.embeddings(batch))) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("kind", [naming, masking, distilling])
def test_a_few_steps_lower_the_loss_and_clip_stays_as_it_was(
    kind: Callable[[Tokenizer, LoopConfig], PseudoWordStage[Any, Any]], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    settings = steps(epochs=20)
    stage = kind(tokenizer, settings)
    before = {name: value.clone() for name, value in stage.net.state_dict().items()}
    loop.fit(stage, seed=1, optim=OPTIM, loop=settings, folder=tmp_path, world=ALONE)
    lines = [json.loads(line) for line in (tmp_path / loop.LOG).read_text().splitlines()]
    first, last = (line["loss"] for line in lines if "loss" in line)
    stage.net.train()
    with torch.no_grad():
        stage.net.load_state_dict(before)
        begun = float(stage.loss(stage.embeddings(only(stage))))
    assert last < first < begun
    trained = checkpoint.best(tmp_path)
    assert {name.split(".")[0] for name in trained} == {"mapper"}
    assert all(not torch.equal(value, before[name]) for name, value in trained.items())


@torch.no_grad()
def test_validation_counts_how_often_the_sentence_finds_its_own_picture(tokenizer: Tokenizer) -> None:
    stage = naming(tokenizer, steps())
    net, pixels = stage.net.eval(), Portraits().pixels
    tokens, _ = sentence(tokenizer)
    places = torch.arange(tokens.shape[1]) == 4
    t = net.compose(net.word(net.backbone.image_states(pixels)[:, 0]), tokens.expand(8, -1), places=places)
    ranks = [(t[i] @ net.backbone.image(pixels).T).argsort(descending=True).tolist().index(i) for i in range(8)]
    assert stage.validate() == {"recall_1": pytest.approx(sum(rank < 1 for rank in ranks) / 8), "recall_10": 1.0}


@torch.no_grad()
def test_pictures_seen_beforehand_give_what_pixels_do(tokenizer: Tokenizer) -> None:
    stage = naming(tokenizer, steps())
    batch = only(stage)
    states = stage.net.backbone.image_states(batch.target)
    wanted = stage.embeddings(batch)
    for seen in (states, states[:, 0]):
        found = stage.embeddings(ImageBatch(target=seen))
        assert all(torch.allclose(found[name], value, atol=1e-5) for name, value in wanted.items())


def test_a_batch_larger_than_the_data_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ConfigError, match="16 is more than the 8 rows"):
        naming(tokenizer, steps(batch=16))

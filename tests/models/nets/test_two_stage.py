"""The two-stage net against a second one, written row by row from the equations, and against the paper's figures."""

import copy

import open_clip
import pytest
import torch
from open_clip.model import CLIP
from torch import Tensor, nn
from torch.nn import functional as F

from models.nets.backbone import Backbone
from models.nets.two_stage import Folded, Injection, Reference, TwoStage, TwoStageShape, scaled
from models.tokenizer import Template, Tokenizer
from tests.models import tiny
from tests.models.nets.one_by_one import injected, naive
from training.engine import loop

TEXTS = ["in red", "$50 * and *, * a photo of *", "", "with long sleeves that is blue " * 20]
TEMPLATE = Template.parse(tiny.TEMPLATE)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tiny.tokenizer(tmp_path_factory.mktemp("words") / "tokenizer.json")


@pytest.fixture(scope="module")
def slot(tokenizer: Tokenizer) -> int:
    place = tokenizer.slot(TEMPLATE)
    assert place is not None
    return place


@pytest.fixture(scope="module")
def tokens(tokenizer: Tokenizer) -> Tensor:
    """Token ids (4, L), the last of them cut."""
    return torch.from_numpy(tokenizer.encode(TEXTS, template=TEMPLATE).ids)


@pytest.fixture(scope="module")
def net(tokenizer: Tokenizer) -> TwoStage:
    """The tiny one with nothing left as it begins: no zero bias, no norm of ones, no statistics of none."""
    made = tiny.net(end=tokenizer.end)
    with torch.no_grad():
        for name, value in made.state_dict().items():
            if not name.startswith("backbone.") and value.is_floating_point():
                value += torch.randn_like(value) * (0.2 if value.ndim == 1 else 0.05)
    return made


@pytest.fixture(scope="module")
def states(net: TwoStage, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        return net.backbone.image_states(pixels)


@torch.no_grad()
@pytest.mark.parametrize("adapted", [True, False])
def test_it_computes_what_the_equations_say(
    net: TwoStage, states: Tensor, tokens: Tensor, slot: int, adapted: bool
) -> None:
    ours = net.compose(net.reference(states), tokens, slot=slot, adapted=adapted)
    for row in range(len(tokens)):
        expected = naive(net, states[row], tokens[row], slot=slot, adapted=adapted)
        torch.testing.assert_close(ours[row], expected, atol=2e-5, rtol=0)


@torch.no_grad()
def test_the_injection_after_the_last_block_changes_nothing(
    net: TwoStage, states: Tensor, tokens: Tensor, slot: int
) -> None:
    before = net.compose(net.reference(states), tokens, slot=slot)
    lighter = copy.deepcopy(net)
    lighter.drop_dead()
    assert list(lighter.injections) == ["0"] and list(net.injections) == ["0", "2"]
    assert lighter.reference(states).regions.shape[1] == 1
    assert torch.equal(lighter.compose(lighter.reference(states), tokens, slot=slot), before)
    for name in list(lighter.injections):  # the others do change it, so the test could fail
        del lighter.injections[name]
    assert not torch.allclose(lighter.compose(lighter.reference(states), tokens, slot=slot), before, atol=1e-3)


@torch.no_grad()
def test_folded_adapters_compute_what_unfolded_ones_do(
    net: TwoStage, states: Tensor, tokens: Tensor, slot: int
) -> None:
    before = net.compose(net.reference(states), tokens, slot=slot)
    folded = copy.deepcopy(net)
    folded.fold()
    folded.fold()  # once is enough
    assert all(isinstance(adapter, Folded) for adapter in folded.adapters.values())
    torch.testing.assert_close(folded.compose(folded.reference(states), tokens, slot=slot), before, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("zero", ["down", "up"])
def test_adapters_at_zero_leave_the_first_stages_output(
    net: TwoStage, states: Tensor, tokens: Tensor, slot: int, zero: str
) -> None:
    first = net.compose(net.reference(states), tokens, slot=slot, adapted=False)
    assert not torch.allclose(net.compose(net.reference(states), tokens, slot=slot), first, atol=1e-3)
    still = copy.deepcopy(net)
    for adapter in still.adapters.values():
        getattr(adapter, zero).zero_()
    assert torch.equal(still.compose(still.reference(states), tokens, slot=slot), first)


@torch.no_grad()
def test_an_injection_changes_the_pseudo_words_position_only_and_only_adds(
    net: TwoStage, states: Tensor, tokens: Tensor, slot: int
) -> None:
    entered, left = watched(net, states, tokens, slot=slot)
    change = entered[1] - left[0]  # (B, L, D): between the first block and the second stands an injection
    assert (change[:, slot] >= 0).all() and (change[:, slot] > 0.01).any(dim=1).all()
    change[:, slot] = 0
    assert not change.any()
    assert torch.equal(entered[2], left[1])  # and here none


@torch.no_grad()
def test_no_picture_reaches_a_position_before_the_pseudo_word(
    net: TwoStage, states: Tensor, tokens: Tensor, slot: int
) -> None:
    one, _ = watched(net, states, tokens, slot=slot)
    other, _ = watched(net, states.flip(0), tokens, slot=slot)
    for mine, yours in zip(one, other, strict=True):
        assert torch.equal(mine[:, :slot], yours[:, :slot])
    assert not torch.allclose(one[-1][:, slot + 1 :], other[-1][:, slot + 1 :], atol=1e-3)


def watched(net: TwoStage, states: Tensor, tokens: Tensor, *, slot: int) -> tuple[list[Tensor], list[Tensor]]:
    """What enters and what leaves each block, adapters left out."""
    entered: list[Tensor] = []
    left: list[Tensor] = []

    def watch(_: nn.Module, given: tuple[Tensor, ...], found: Tensor) -> None:
        entered.append(given[0].clone())
        left.append(found.clone())

    watching = [layer.register_forward_hook(watch) for layer in net.backbone.text_blocks]
    net.compose(net.reference(states), tokens, slot=slot, adapted=False)
    for watcher in watching:
        watcher.remove()
    return entered, left


@torch.no_grad()
def test_an_injection_computes_what_the_equations_say_and_the_text_steers_it() -> None:
    torch.manual_seed(0)
    injection = Injection(24, (2, 3), bottleneck=16, dropout=0.1).eval()
    for name, value in injection.state_dict().items():
        if value.is_floating_point() and name != "norm.running_var":
            value += torch.randn_like(value) * 0.4  # as they begin, attention would look everywhere alike
    word, end, patches = torch.randn(5, 24), torch.randn(5, 24), torch.randn(5, 6, 24)
    found = injection(word, end, injection.regions(patches))
    for row in range(5):
        expected = injected(injection, word[row], end[row], patches[row])
        torch.testing.assert_close(found[row], expected, atol=1e-4, rtol=1e-4)
    assert (found >= 0).all() and (found > 0).any(dim=1).all()
    other = injection(word, end.flip(0), injection.regions(patches))
    assert ((other - found).abs().amax(dim=1) > 0.01).sum() == 4  # the row in the middle keeps its end


@torch.no_grad()
def test_the_pseudo_word_keeps_its_place_whatever_the_shopper_writes(
    net: TwoStage, states: Tensor, tokens: Tensor, tokenizer: Tokenizer, slot: int
) -> None:
    assert tokens.shape == (4, tiny.CONTEXT)
    assert (tokens[:, slot] == tokens[0, slot]).all() and (tokens[:, :slot] == tokens[0, :slot]).all()
    assert net.backbone.ends(tokens)[3] == tiny.CONTEXT - 1  # the overlong text keeps its end token
    reference = net.reference(states)
    here = net.compose(reference, tokens, slot=slot)
    elsewhere = Reference(reference.word.flip(0), reference.regions.flip(0))
    there = net.compose(elsewhere, tokens, slot=slot)
    assert ((here - there).abs().amax(dim=1) > 1e-3).all()  # the picture is read by all of them
    other = tokens.clone()
    other[:, slot] = 7  # what stands there is replaced, so it cannot matter
    assert torch.equal(net.compose(reference, other, slot=slot), here)


@torch.no_grad()
def test_padding_is_never_read(net: TwoStage, states: Tensor, tokens: Tensor, slot: int) -> None:
    reference = net.reference(states)
    ends = net.backbone.ends(tokens)
    padded, cut = tokens[:3].clone(), int(ends[:3].max()) + 1
    for row, end in enumerate(ends[:3].tolist()):
        padded[row, end + 1 :] = net.backbone.end
    few = Reference(reference.word[:3], reference.regions[:3])
    expected = net.compose(few, tokens[:3], slot=slot)
    assert torch.equal(net.compose(few, padded, slot=slot), expected)
    torch.testing.assert_close(net.compose(few, tokens[:3, :cut], slot=slot), expected, atol=1e-6, rtol=0)


@torch.no_grad()
def test_without_injections_the_token_learner_stands_alone(
    net: TwoStage, states: Tensor, tokens: Tensor, slot: int
) -> None:
    alone = copy.deepcopy(net)
    alone.injections = nn.ModuleDict()
    reference = alone.reference(states)
    assert reference.regions.shape[:2] == (4, 0)
    found = alone.compose(reference, tokens, slot=slot)
    for row in range(len(tokens)):
        expected = naive(alone, states[row], tokens[row], slot=slot, adapted=True)
        torch.testing.assert_close(found[row], expected, atol=2e-5, rtol=0)


def test_what_does_not_learn_stays_in_eval_mode_and_does_not_drift(
    tokenizer: Tokenizer, states: Tensor, tokens: Tensor, slot: int
) -> None:
    net = tiny.net(end=tokenizer.end).requires_grad_(False)
    net.adapters.requires_grad_(True)
    frozen = {name: value.clone() for name, value in net.state_dict().items()}
    loop.enter_training(net)
    assert net.adapters.training
    assert not any(module.training for part in (net.backbone, net.learner, net.injections) for module in part.modules())
    first = net.compose(net.reference(states), tokens, slot=slot)
    assert torch.equal(net.compose(net.reference(states), tokens, slot=slot), first)  # no dropout
    assert all(torch.equal(value, frozen[name]) for name, value in net.state_dict().items())

    net.injections.requires_grad_(True)
    loop.enter_training(net)
    torch.manual_seed(0)
    first = net.reference(states).regions
    assert not torch.equal(net.reference(states).regions, first)  # dropout, where it learns
    assert not torch.equal(net.state_dict()["injections.0.norm.running_mean"], frozen["injections.0.norm.running_mean"])
    assert not net.backbone.training


@pytest.mark.parametrize(
    ("name", "millions", "adapters"), [("ViT-B-32", 13.59, 786_432), ("ViT-L-14", 27.81, 1_179_648)]
)
def test_the_parameters_are_as_many_as_the_paper_has(name: str, millions: float, adapters: int) -> None:
    facts = open_clip.get_model_config(name)
    with torch.device("meta"):  # shapes without memory
        clip = CLIP(facts["embed_dim"], facts["vision_cfg"], facts["text_cfg"])
        backbone = Backbone(clip, mean=(0.5,) * 3, std=(0.5,) * 3, end=49_407)
        net = TwoStage(backbone, TwoStageShape(injection_layers=(3, 7, 9, 11), adapter_layers=(1, 3, 5, 7, 9, 11)))
    first = sum(value.numel() for part in (net.learner, net.patches, net.injections) for value in part.parameters())
    assert round(first / 1e6, 2) == millions
    assert sum(value.numel() for value in net.adapters.parameters()) == adapters
    assert not any(value.requires_grad for value in net.backbone.parameters())


@pytest.mark.parametrize(
    ("depth", "expected"),
    [(12, (3, 7, 9, 11)), (24, (7, 15, 19, 23)), (32, (10, 20, 26, 31)), (4, (0, 2, 3)), (1, (0,))],
)
def test_layers_keep_their_share_of_the_depth(depth: int, expected: tuple[int, ...]) -> None:
    assert scaled((3, 7, 9, 11), depth) == expected


def test_layers_in_any_order_are_the_same_layers() -> None:
    assert scaled((11, 3, 7), 4) == scaled((3, 7, 11), 4) == (0, 2, 3)


def test_the_class_tokens_state_is_the_image_embedding_before_its_length_is_made_one(
    net: TwoStage, states: Tensor, pixels: Tensor
) -> None:
    with torch.no_grad():
        embedding = net.backbone.image(pixels)
    torch.testing.assert_close(F.normalize(states[:, 0], dim=-1), embedding, atol=1e-5, rtol=0)

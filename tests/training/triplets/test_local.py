"""Local models answer a batch as they answer one by one, and as transformers answers by hand."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

from models.errors import ConfigError, ModelRefused
from tests.training.triplets import tiny
from training.triplets.answers import Answer, AnsweringModel, Refusal, Reply, Request
from training.triplets.config import LocalCaptioner, LocalReformulator
from training.triplets.local import Captioner, Reformulator

PROMPTS = ("Caption A: a red shirt Caption B: a black dress with long sleeves Difference:", "blue jeans", "a hat")


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_chat_model(tmp_path_factory.mktemp("models") / "chat")


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.tiny_llava(tmp_path_factory.mktemp("models") / "llava")


def captioner(model: Path, **values: object) -> Captioner:
    return Captioner.open(
        LocalCaptioner.model_validate({"kind": "local", "model": str(model), "max_tokens": 12} | values)
    )


def reformulator(model: Path, **values: object) -> Reformulator:
    return Reformulator.open(
        LocalReformulator.model_validate({"kind": "local", "model": str(model), "max_tokens": 12} | values)
    )


def replies(answers: Sequence[Answer]) -> list[Reply]:
    """Return the answers, all of which are whole."""
    found = [answer for answer in answers if isinstance(answer, Reply)]
    assert len(found) == len(answers)
    return found


def test_a_batch_of_prompts_is_answered_as_each_by_itself(chat: Path) -> None:
    model: AnsweringModel = reformulator(chat)
    together = replies(model.answer([Request(prompt) for prompt in PROMPTS]))
    assert together == [model.answer([Request(prompt)])[0] for prompt in PROMPTS]
    assert len({reply.text for reply in together}) == 3


def test_a_reformulator_says_what_the_model_says_by_hand(chat: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(chat)
    net: Any = AutoModelForCausalLM.from_pretrained(chat)
    for prompt, reply in zip(PROMPTS, replies(reformulator(chat).answer([Request(p) for p in PROMPTS])), strict=True):
        ids = tokenizer(f"USER: {prompt}\nASSISTANT:", return_tensors="pt", add_special_tokens=False)["input_ids"]
        said = net.generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
        assert reply.text == str(tokenizer.decode(said, skip_special_tokens=True)).strip()
        assert (reply.prompt_tokens, reply.completion_tokens) == (ids.shape[1], len(said))


def test_a_captioner_says_what_the_model_says_by_hand_of_each_picture(llava: Path, pictures: Path) -> None:
    files = sorted(pictures.rglob("*.jpg"))[:4]
    model: AnsweringModel = captioner(llava)
    together = replies(model.answer([Request("Describe this image.", file) for file in files]))
    processor = AutoProcessor.from_pretrained(llava)
    net: Any = AutoModelForImageTextToText.from_pretrained(llava)
    for file, reply in zip(files, together, strict=True):
        inputs = processor(
            text="USER: <image>\nDescribe this image.\nASSISTANT:", images=Image.open(file), return_tensors="pt"
        )
        length = inputs["input_ids"].shape[1]
        said = net.generate(**inputs, max_new_tokens=12, do_sample=False)[0, length:]
        assert reply.text == processor.decode(said, skip_special_tokens=True).strip()
        assert reply.prompt_tokens == length
    assert len({reply.text for reply in together}) > 1  # it uses the images


def test_without_a_chat_template_the_prompt_is_read_as_it_is(tmp_path: Path, pictures: Path) -> None:
    chat, llava = tiny.tiny_chat_model(tmp_path / "chat", chat=False), tiny.tiny_llava(tmp_path / "llava", chat=False)
    (reply,) = replies(reformulator(chat).answer([Request("a hat")]))
    assert reply.prompt_tokens == len(AutoTokenizer.from_pretrained(chat)("a hat")["input_ids"])
    picture = next(pictures.rglob("*.jpg"))
    plain, marked = (captioner(llava).answer([Request(p, picture)]) for p in ("a hat", "<image>\na hat"))
    assert plain == marked


def test_an_answer_ends_at_its_end_and_the_padding_is_not_counted(chat: Path, tmp_path: Path) -> None:
    by_itself = replies(reformulator(chat).answer([Request(prompt) for prompt in PROMPTS]))
    ended = shutil.copytree(chat, tmp_path / "ended")
    tokenizer = AutoTokenizer.from_pretrained(chat)
    third = tokenizer.encode(" " + by_itself[1].text, add_special_tokens=False)[2]
    settings = json.loads((ended / "generation_config.json").read_text())
    (ended / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": [2, third]}))
    found = replies(reformulator(ended).answer([Request(prompt) for prompt in PROMPTS]))
    assert found[1].text == " ".join(by_itself[1].text.split()[:3]) and found[1].completion_tokens == 3
    assert found[0].completion_tokens > 3


def test_a_model_that_would_sample_answers_greedily_all_the_same(chat: Path, tmp_path: Path) -> None:
    drawn = shutil.copytree(chat, tmp_path / "drawn")
    settings = json.loads((drawn / "generation_config.json").read_text())
    (drawn / "generation_config.json").write_text(json.dumps(settings | {"do_sample": True, "temperature": 5.0}))
    requests = [Request(prompt) for prompt in PROMPTS]
    assert reformulator(drawn).answer(requests) == reformulator(chat).answer(requests)


def test_models_and_settings_that_may_answer_differently_have_other_names(chat: Path, tmp_path: Path) -> None:
    other = tiny.tiny_chat_model(tmp_path / "chat", seed=1)
    models = [reformulator(chat), reformulator(other), reformulator(chat, dtype="bfloat16")]
    assert len({model.name for model in models}) == 3
    assert reformulator(chat, batch=2, max_tokens=9).name == models[0].name  # whole answers do not depend on them


def test_an_answer_without_its_end_is_cut_and_refused(chat: Path, tmp_path: Path) -> None:
    unended = shutil.copytree(chat, tmp_path / "unended")
    settings = json.loads((unended / "generation_config.json").read_text())
    (unended / "generation_config.json").write_text(json.dumps(settings | {"exponential_decay_length_penalty": None}))
    whole = reformulator(chat).answer([Request(prompt) for prompt in PROMPTS])
    found = reformulator(unended).answer([Request(prompt) for prompt in PROMPTS])
    assert Refusal("the answer was cut at max_tokens (12): raise it, or turn reasoning off") in found
    assert replies(whole)


def test_half_precision_answers_too(llava: Path, pictures: Path) -> None:
    model = captioner(llava, dtype="bfloat16")
    assert model.model.dtype == torch.bfloat16
    assert all(
        reply.text for reply in replies(model.answer([Request("a hat", file) for file in pictures.rglob("*.jpg")]))
    )


def test_a_picture_that_is_none_or_gone_is_refused_by_name(llava: Path, tmp_path: Path) -> None:
    (tmp_path / "words.jpg").write_text("no picture")
    model = captioner(llava)
    for name in ("words.jpg", "gone.jpg"):
        with pytest.raises(ModelRefused, match=f"{name} cannot be read"):
            model.answer([Request("a hat", tmp_path / name)])


def test_a_prompt_longer_than_the_model_reads_is_refused(chat: Path) -> None:
    with pytest.raises(ModelRefused, match="the model's 512"):
        reformulator(chat).answer([Request("a red shirt " * 200)])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
def test_a_device_that_is_not_there_is_one_sentence(chat: Path) -> None:
    with pytest.raises(ConfigError, match="no device cuda"):
        reformulator(chat, device="cuda")


def test_a_model_of_another_kind_and_a_damaged_one_are_refused(chat: Path, llava: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="describes images"):
        captioner(chat)
    damaged = shutil.copytree(chat, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"\0" * 50)
    with pytest.raises(ConfigError, match="cannot be loaded"):
        reformulator(damaged)


def test_an_unfinished_adapter_is_refused(chat: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no finished adapter"):
        reformulator(chat, adapter=str(tmp_path))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_answers_as_the_cpu_does(chat: Path) -> None:
    requests = [Request(prompt) for prompt in PROMPTS]
    assert reformulator(chat, device="cuda").answer(requests) == reformulator(chat).answer(requests)

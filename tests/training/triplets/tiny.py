"""Tiny language models for tests: random weights, a tokenizer trained on a few sentences."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

SENTENCES = (
    "a red shirt with short sleeves and a round neck",
    "a black dress with long sleeves and white dots",
    "blue jeans with a wide belt and torn knees",
    "green leather boots with a low heel and brown laces",
    "a yellow hat made of straw with a narrow band",
    "You have two captions for two images, write how image A changes to image B. Caption A: Caption B: Difference:",
    "change the colour to grey and make it longer without a pattern",
    "Describe this image in detail.",
)
IMAGE = "<image>"
SIDE, PATCH = 28, 7
CHAT = (
    "{% for message in messages %}{{ message['role'] | upper }}: "
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{% if message['role'] == 'assistant' %}</s>{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def tiny_chat_model(folder: Path, *, seed: int = 0, chat: bool = True) -> Path:
    """Write a chat model of 0.1 M parameters and return its folder; without `chat` it has no chat template."""
    tokenizer = _tokenizer()
    tokenizer.chat_template = CHAT if chat else None
    _save(LlamaForCausalLM, _language(tokenizer), tokenizer, folder, seed=seed)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_llava(folder: Path, *, seed: int = 0, chat: bool = True) -> Path:
    """Write a LLaVA of 0.1 M parameters that reads images of 28 px, and return its folder."""
    tokenizer = _tokenizer()
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=32,
        initializer_factor=8.0,  # so that images change the words
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=_language(tokenizer),
        image_token_index=tokenizer.get_vocab()[IMAGE],
        image_seq_length=(SIDE // PATCH) ** 2,
        vision_feature_layer=-1,
    )
    _save(LlavaForConditionalGeneration, config, tokenizer, folder, seed=seed)
    pictures = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    processor = LlavaProcessor(
        image_processor=pictures,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # CLIP's class token, which "default" removes again
        chat_template=CHAT if chat else None,
    )
    processor.save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<pad>", "<s>", "</s>", IMAGE]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1_000, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([f" {sentence}" for sentence in SENTENCES], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=[IMAGE],
        model_max_length=512,
    )


def _language(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.5,  # so that words follow from the prompt, and no word repeats for ever
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def _save(
    architecture: type[PreTrainedModel],
    config: LlamaConfig | LlavaConfig,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    *,
    seed: int,
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = architecture(config)
    words = {f"Ġ{word}" for sentence in SENTENCES for word in sentence.split() if word.isalpha()}
    words.add("</s>")
    mute = [number for token, number in tokenizer.get_vocab().items() if token not in words]
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        exponential_decay_length_penalty=(3, 10.0),  # it ends after a few words, so that no answer is cut
        suppress_tokens=mute,  # it generates whole words only, so its texts pass the filter
    )
    model.save_pretrained(folder)

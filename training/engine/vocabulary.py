"""Tokenizers as tokenizer.json files: CLIP's own, and a small one that is learned from texts."""

from collections.abc import Iterable
from pathlib import Path

from open_clip.tokenizer import SimpleTokenizer
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from models import files
from models.tokenizer import END, START

_WORD_END = "</w>"


def learn(texts: Iterable[str], *, size: int, path: Path) -> None:
    """Train a byte-level BPE of `size` tokens on `texts` and write it.

    The end token has the highest id, where open_clip's own pooling looks for it. Case and width of letters are folded.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(), normalizers.Prepend(" ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    # Every byte is a token, so no text is ever unknown.
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size - 2, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([START, END])
    files.write(path, tokenizer.to_str(pretty=True))


def clip(path: Path) -> None:
    """Write the tokenizer of CLIP's own models: the merges that open_clip ships, as a tokenizer.json.

    It gives open_clip's ids for all texts except those that its `ftfy` repairs (decoded with a wrong encoding).
    """
    own = SimpleTokenizer()
    ids = {token: id for token, id in own.encoder.items() if token not in ("<start_of_text>", "<end_of_text>")}
    ids |= {START: own.sot_token_id, END: own.eot_token_id}
    merges = sorted(own.bpe_ranks, key=own.bpe_ranks.__getitem__)
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, end_of_word_suffix=_WORD_END))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(), normalizers.Lowercase()]
    )
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    files.write(path, tokenizer.to_str(pretty=True))

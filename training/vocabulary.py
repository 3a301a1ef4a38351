"""Tokenizers as tokenizer.json files: CLIP's own, and a small one that is learned from texts."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from open_clip.tokenizer import SimpleTokenizer
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from models import files
from models.tokenizer import CLEANING, END, START

_WORD = re.compile(r"[a-z]{3,}")
_FEWEST = 3  # times that a word must occur
_WORD_END = "</w>"
_CONTRACTIONS = r"'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"  # in open_clip's pattern in any case


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


def clip(path: Path, *, clean: str = "lower") -> None:
    """Write the tokenizer of CLIP's own models: the merges that open_clip ships, as a tokenizer.json.

    It gives open_clip's ids for all texts but those that spell open_clip's special tokens, which are words here.
    """
    own = SimpleTokenizer()
    ids = {token: id for token, id in own.encoder.items() if token not in ("<start_of_text>", "<end_of_text>")}
    ids |= {START: own.sot_token_id, END: own.eot_token_id}
    merges = sorted(own.bpe_ranks, key=own.bpe_ranks.__getitem__)
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=merges, end_of_word_suffix=_WORD_END))
    tokenizer.normalizer = normalizers.Sequence([])
    letters, numbers, dropped = _kinds(own)
    words = rf"{_CONTRACTIONS}|[{letters}]+|[{numbers}]|[^\s{letters}{numbers}{dropped}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    fields = json.loads(tokenizer.to_str())
    fields["normalizer"][CLEANING] = clean  # the library ignores it, and models/tokenizer.py cleans
    files.write(path, json.dumps(fields, indent=1, ensure_ascii=False))


def _kinds(own: SimpleTokenizer) -> tuple[str, str, str]:
    r"""Return the ranges of open_clip's \p{L} and \p{N}, and of what it drops though it is no space, as U+0345.

    The `tokenizers` library has an older Unicode.
    """
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    joined = own.pat.findall(" ".join(f"a{one}" for one in every))  # a letter forms one word with the "a"
    doubled = own.pat.findall(" ".join(one + one for one in every))  # a number is a word of its own
    letters = [ord(word[1]) for word in joined if len(word) == 2 and word[0] == "a"]
    numbers = sorted({ord(word) for word in doubled if len(word) == 1})
    found = set("".join(own.pat.findall(" ".join(every))))
    dropped = [ord(one) for one in every if one not in found and not one.isspace()]
    return "".join(_ranges(letters)), "".join(_ranges(numbers)), "".join(_ranges(dropped))


def _ranges(codes: list[int]) -> Iterator[str]:
    """Yield the runs of ascending codes as a regular expression writes them."""
    if not codes:
        return
    first = codes[0]
    for code, following in zip(codes, [*codes[1:], 0], strict=True):
        if following != code + 1:
            yield rf"\x{{{first:x}}}-\x{{{code:x}}}"
            first = following


def write_words(texts: Iterable[str], path: Path) -> None:
    """Write the words of texts without slips, the most frequent first, for models/spelling.py; never twice."""
    if not path.exists():
        counts = Counter(word for text in texts for word in _WORD.findall(text.lower()))
        words = sorted(counts, key=lambda word: (-counts[word], word))
        files.write(path, "\n".join(word for word in words if counts[word] >= _FEWEST) + "\n")

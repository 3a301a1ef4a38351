"""Text to token ids, from the bundle's own tokenizer.json; the same file trains the model and serves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer as FastTokenizer

from models.arrays import Flags, TokenIds
from models.errors import BundleBroken

START = "<|startoftext|>"
END = "<|endoftext|>"
PADDING_ID = 0  # as CLIP's: whatever stands after the end token is never read


@dataclass(frozen=True, slots=True)
class Tokens:
    """Texts ready for a graph."""

    ids: TokenIds  # (B, L): start, words, end, padding
    truncated: Flags  # (B,): True where words had to be dropped to fit L


class Tokenizer:
    """A tokenizer.json of the `tokenizers` library, framed to a context of L tokens."""

    def __init__(self, fast: FastTokenizer, *, context_length: int) -> None:
        start, end = fast.token_to_id(START), fast.token_to_id(END)
        if start is None or end is None:
            raise BundleBroken(f"the tokenizer has no {START} or {END} token: export the bundle again")
        fast.encode_special_tokens = True  # a shopper's "<|endoftext|>" is text, not an end
        self._fast = fast
        self._start, self.end = start, end
        self.context_length = context_length

    @classmethod
    def open(cls, path: Path, *, context_length: int) -> "Tokenizer":
        """Reads a tokenizer.json; raises BundleBroken where it is none."""
        try:
            return cls(FastTokenizer.from_file(str(path)), context_length=context_length)
        except BundleBroken:
            raise
        except Exception as error:  # the library raises the bare class
            raise BundleBroken(f"{path} is not a tokenizer file: {error}") from error

    @property
    def vocabulary(self) -> int:
        """How many ids there are."""
        return int(self._fast.get_vocab_size(with_added_tokens=True))

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Token ids of each text, (B, L); a text that is too long keeps its first words and its end token."""
        room = self.context_length - 2
        ids = np.full((len(texts), self.context_length), PADDING_ID, dtype=np.int64)  # (B, L)
        truncated = np.zeros(len(texts), dtype=np.bool_)  # (B,)
        for row, encoding in enumerate(self._fast.encode_batch(list(texts), add_special_tokens=False)):
            words = encoding.ids[:room]
            truncated[row] = len(encoding.ids) > room
            ids[row, : len(words) + 2] = [self._start, *words, self.end]
        return Tokens(ids=ids, truncated=truncated)

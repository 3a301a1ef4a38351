"""Text to token ids, from the bundle's own tokenizer.json; the same file trains the model and serves it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ftfy
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer as FastTokenizer
from tokenizers.normalizers import Normalizer

from models.arrays import Flags, Rows, TokenIds
from models.cleaning import KINDS, Cleaning, cleaned
from models.errors import BundleBroken, ConfigError
from models.spelling import Spelling

START = "<|startoftext|>"
END = "<|endoftext|>"
PADDING_ID = 0  # as CLIP's: whatever stands after the end token is never read
PLACEHOLDER_ID = 0  # at the slot, where a net puts its pseudo-word in place of the token's own embedding
_RUN_TOKENS = 16  # a further run of a text graph costs about as much as so many tokens more (small CLIP and ViT-B/32)
SHORTEST = 8  # columns of the shortest tokens that a graph takes, if it takes fewer than its whole context
TEXT = "{text}"
SLOT = "*"
_COMMON = 20_000  # ids of words that are no slips; rarer ones may be
CLEANING = "open_clip"  # key of the normalizer in a tokenizer.json: which of open_clip's cleanings comes first


@dataclass(frozen=True, slots=True)
class Template:
    """The words around a text: `{text}` is its place, `*` that of a pseudo-word, as in "a photo of * that {text}".

    Both have a meaning only in the template: in a query's text, "*" and "{text}" are text like any other.
    """

    before: str | None  # what stands before the pseudo-word; None if there is none
    after: str  # what follows it, or the whole, with at most one {text}

    @classmethod
    def parse(cls, written: str) -> "Template":
        """Parse a template; raises ConfigError if both are missing, one occurs twice, or {text} is before `*`."""
        for place in (TEXT, SLOT):
            if written.count(place) > 1:
                raise ConfigError(f"the template {written!r} has more than one {place}: keep one")
        if TEXT not in written and SLOT not in written:
            raise ConfigError(f"the template {written!r} has no place for anything: write {TEXT} or {SLOT} into it")
        if SLOT not in written:
            return cls(before=None, after=written)
        before, after = written.split(SLOT)
        if TEXT in before:  # the slot would move with every text
            raise ConfigError(f"the template {written!r} has {TEXT} before its {SLOT}: put {TEXT} after it")
        return cls(before=before, after=after)


PLAIN = Template.parse(TEXT)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of texts, as the graphs take them."""

    ids: TokenIds  # (B, L): start, words, end, padding
    truncated: Flags  # (B,): True where words had to be dropped to fit L


class Tokenizer:
    """A tokenizer.json of the `tokenizers` library, framed to a context of L tokens.

    One that pads has all of its frame in its file: the tokens around a text, and on which side the padding is.
    """

    def __init__(
        self, fast: FastTokenizer, *, context_length: int, words: Sequence[str] = (), cleaning: str | None = None
    ) -> None:
        """`words` are the bundle's own, the most frequent first, to put slips right; without any none is.

        `cleaning` comes before one that frames a text itself, as its file has the normalizer of the others.
        """
        self.frames_itself = fast.padding is not None
        start, end = fast.token_to_id(START), fast.token_to_id(END)
        if fast.padding is not None:
            start, end = -1, -1  # no text is read at its end
            fast.enable_truncation(**{**(fast.truncation or {}), "max_length": context_length})
            fast.enable_padding(**{**fast.padding, "length": context_length})
        if start is None or end is None:
            raise BundleBroken(f"the tokenizer has no {START} or {END} token: export the bundle again")
        fast.encode_special_tokens = True  # a shopper's "<|endoftext|>" is text, not an end
        self._fast = fast
        self._start, self.end = start, end
        self._cleaning = cleaning
        self.context_length = context_length
        self._spelling = Spelling(words, common=_common(fast)) if words else None

    @classmethod
    def open(cls, path: Path, *, context_length: int, words: Path | None = None) -> "Tokenizer":
        """Reads a tokenizer.json; raises BundleBroken if it is none.

        With the file of a bundle's words slips are put right, which training leaves as they are to learn from.
        """
        try:
            text = path.read_text(encoding="utf-8")
            fast = FastTokenizer.from_str(text)
        except Exception as error:  # the library raises the bare class
            raise BundleBroken(f"{path} is not a tokenizer file: {error}") from error
        kind = (json.loads(text)["normalizer"] or {}).get(CLEANING)
        if kind is not None and kind not in KINDS:
            raise BundleBroken(f"{path} wants a cleaning {kind!r} that this version does not know: update likebut")
        if kind is not None and fast.padding is None:
            fast.normalizer = Normalizer.custom(Cleaning(kind))
        own = () if words is None else words.read_text(encoding="utf-8").split()
        return cls(fast, context_length=context_length, words=own, cleaning=kind)

    @property
    def vocabulary(self) -> int:
        """The number of token ids."""
        return int(self._fast.get_vocab_size(with_added_tokens=True))

    def spelt(self, text: str) -> str:
        """The text as it is read: with slips of the finger put right, if the bundle has words for that."""
        return text if self._spelling is None else self._spelling.corrected(text)

    def slot(self, template: Template) -> int | None:
        """The column of the pseudo-word in every row that the template makes, None if it has none.

        Raises ConfigError if the words before it leave no room for it in the context.
        """
        return len(self._first(template)) or None

    def encode(self, texts: Sequence[str], *, template: Template = PLAIN) -> Tokens:
        """Token ids of each text set into the template, (B, L); raises ConfigError as `slot` does.

        A text that is too long keeps its first words, the template's slot and the end token.
        """
        first = self._first(template)
        if self.frames_itself:
            return self._framed([template.after.replace(TEXT, text) for text in texts])
        room = self.context_length - 2
        ids = np.full((len(texts), self.context_length), PADDING_ID, dtype=np.int64)  # (B, L)
        truncated = np.zeros(len(texts), dtype=np.bool_)  # (B,)
        # one pass, and each text put in once: what it says is never searched for the template's places
        for row, rest in enumerate(self._ids([template.after.replace(TEXT, text) for text in texts])):
            words = [*first, *rest]
            truncated[row] = len(words) > room
            kept = words[:room]
            ids[row, : len(kept) + 2] = [self._start, *kept, self.end]
        return Tokens(ids=ids, truncated=truncated)

    def encode_parts(self, texts: Sequence[Sequence[str]]) -> tuple[TokenIds, Flags]:
        """Token ids (B, L) of texts given in parts, and the places between the parts, for pseudo-words, (B, L).

        A text that is too long keeps its first tokens, and the places among them.
        """
        if self.frames_itself:
            raise ConfigError("this model's tokenizer has no place for a pseudo-word: take a model with CLIP's")
        room = self.context_length - 2
        ids = np.full((len(texts), self.context_length), PADDING_ID, dtype=np.int64)  # (B, L)
        places = np.zeros(ids.shape, dtype=np.bool_)  # (B, L)
        for row, parts in enumerate(texts):
            words: list[int] = []
            for number, part in enumerate(self._ids(parts)):
                if number and len(words) < room:
                    places[row, len(words) + 1] = True  # after the start
                words += [PLACEHOLDER_ID] * bool(number) + part
            kept = words[:room]
            ids[row, : len(kept) + 2] = [self._start, *kept, self.end]
        return ids, places

    def _first(self, template: Template) -> list[int]:
        """The ids that stand before every text: the template's words up to the pseudo-word's, which is the last."""
        if template.before is None:
            return []
        if self.frames_itself:
            raise ConfigError(f"this tokenizer has no place for a pseudo-word: leave {SLOT} out of the template")
        first = [*self._ids([template.before])[0], PLACEHOLDER_ID]
        if len(first) > self.context_length - 2:
            raise ConfigError(
                f"the template's {SLOT} would be token {len(first)} of {self.context_length}: write less before it"
            )
        return first

    def _framed(self, texts: Sequence[str]) -> Tokens:
        """The tokens of texts by a tokenizer that frames them itself; cleaned first, or it might find its own there."""
        whole = [_repaired(text) for text in texts]
        if self._cleaning is not None:
            whole = [cleaned(text, kind=self._cleaning) for text in whole]
        encodings = self._fast.encode_batch(whole)
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)  # (B, L)
        truncated = np.array([bool(encoding.overflowing) for encoding in encodings], dtype=np.bool_)  # (B,)
        return Tokens(ids=ids.reshape(len(texts), self.context_length), truncated=truncated)

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        whole = [self.spelt(_repaired(text)) for text in texts]
        return [encoding.ids for encoding in self._fast.encode_batch(whole, add_special_tokens=False)]


def grouped_by_length(lengths: NDArray[np.int64]) -> Sequence[tuple[Rows, int]]:
    """Return the rows (b,) of each group with the longest length in it, the shortest texts first.

    `lengths` (B,) are numbers of tokens. The groups are those that cost least: the tokens of all, padded to the longest
    of their group, and _RUN_TOKENS for each group.
    """
    order = np.argsort(lengths, kind="stable")
    sizes, counts = np.unique(lengths, return_counts=True)
    ends = np.cumsum(counts)
    best: list[tuple[int, int]] = [(0, 0)]  # of the texts up to each size: the cost, and how many sizes come before
    for last in range(1, len(sizes) + 1):
        size, end = int(sizes[last - 1]), int(ends[last - 1])
        best.append(
            min(
                (best[first][0] + size * (end - (int(ends[first - 1]) if first else 0)) + _RUN_TOKENS, first)
                for first in range(last)
            )
        )
    groups: list[tuple[Rows, int]] = []
    last = len(sizes)
    while last:
        first = best[last][1]
        groups.append((order[int(ends[first - 1]) if first else 0 : int(ends[last - 1])], int(sizes[last - 1])))
        last = first
    return groups[::-1]


def _common(fast: FastTokenizer) -> list[str]:
    """Return the common words that a tokenizer of word pieces has as a whole; its ids follow their frequency."""
    return [word for word, id in fast.get_vocab().items() if id < _COMMON and word.isalpha()]


def _repaired(text: str) -> str:
    """Return a text without half a surrogate pair, which the library does not take."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return ftfy.fix_text(text)
    return text

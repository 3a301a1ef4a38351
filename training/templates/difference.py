"""Difference texts without a language model: filled templates, after TransAgg (Liu et al., 2023)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from random import Random

from models.errors import ModelRefused
from training.templates import product_caption

WORDS = 12  # of a text, as many as the paper's prompt allows a language model
_PHRASE = 4  # words on one side of a change: a longer one is not a single change
_CHANGES = 3  # in one text

REPLACED: tuple[str, ...] = (
    "with {b} instead of {a}",
    "change {a} to {b}",
    "replace {a} with {b}",
    "{b} rather than {a}",
    "has {b}, not {a}",
    "swap {a} for {b}",
)
NAMED: tuple[str, ...] = (  # if the shop's data names the attribute
    "change the {name} from {a} to {b}",
    "make the {name} {b} instead of {a}",
    "with {name} {b}, not {a}",
    "the {name} should be {b}",
)
ADDED: tuple[str, ...] = ("add {b}", "with {b}", "also has {b}", "should have {b} too")
REMOVED: tuple[str, ...] = ("without {a}", "remove {a}", "has no {a}", "leave out {a}")

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_EMPTY = frozenset(
    [
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "it",
        "its",
        "is",
        "are",
        "was",
        "be",
        "being",
        "been",
        "has",
        "have",
        "having",
        "and",
        "or",
        "but",
        "with",
        "without",
        "of",
        "in",
        "on",
        "at",
        "to",
        "for",
        "from",
        "by",
        "as",
        "into",
        "over",
        "under",
        "there",
        "which",
        "who",
        "whose",
        "while",
        "also",
        "very",
        "image",
        "picture",
        "photo",
        "shows",
        "showing",
        "featuring",
        "features",
        "feature",
        "shown",
        "seen",
    ]
)


@dataclass(frozen=True, slots=True)
class _Change:
    """Words of the reference that are removed and of the target that are added; "" on a side without any."""

    gone: str
    come: str
    name: str = ""  # of the attribute, if it is known


def text(captions: tuple[str, str], facts: tuple[Mapping[str, str], Mapping[str, str]], *, name: str, seed: int) -> str:
    """Return the change from reference to target in at most 12 words; a pair's `name` and the seed choose the wording.

    The attributes of both products are compared if there are any, else the first sentences of the captions. Raises
    ModelRefused if no difference fits a template.
    """
    changes = _of_facts(*facts) or _of_captions(*captions)
    if not changes:
        raise ModelRefused("the templates find no difference that they can name")
    random = Random(f"{seed}/{name}")
    random.shuffle(changes)
    sentence = ""
    for change in changes[: random.randint(1, _CHANGES)]:
        phrases = [f"{sentence} and {phrase}" if sentence else phrase for phrase in _phrases(change)]
        fitting = [phrase for phrase in phrases if len(phrase.split()) <= WORDS]
        if fitting:
            sentence = random.choice(fitting)
    if not sentence:
        raise ModelRefused(f"the templates find no difference that fits in {WORDS} words")
    return sentence


def _of_facts(reference: Mapping[str, str], target: Mapping[str, str]) -> list[_Change]:
    """Return the attributes that differ, in the order of the columns."""
    before, after = product_caption.attributes(reference), product_caption.attributes(target)
    changes = []
    for column in before:
        gone, come = _plain(before[column]), _plain(after.get(column, ""))
        if not gone or not come or gone.casefold() == come.casefold():
            continue  # if only one product states it, the other may have it too
        had, has = product_caption.holds(gone), product_caption.holds(come)
        if had is None and has is None:
            changes.append(_Change(gone=gone, come=come, name=column))
        elif bool(had) != bool(has):
            changes.append(_Change(gone=column if had else "", come=column if has else ""))
    return changes


def _plain(value: str) -> str:
    """Keep the words only: the filter would reject everything else."""
    return " ".join(_WORD.findall(value))


def _of_captions(reference: str, target: str) -> list[_Change]:
    """Return the runs of words that differ between the first sentences, each with the word that follows it in both."""
    before, after = _words(reference), _words(target)
    changes = []
    for kind, start, stop, other, other_stop in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        gone, come = _trimmed(before[start:stop]), _trimmed(after[other:other_stop])
        following = before[stop : stop + 1]
        if gone and come and following and following[0] not in _EMPTY:  # "short sleeves" is clearer than "short"
            gone, come = [*gone, *following], [*come, *following]
        if (gone or come) and gone != come and max(len(gone), len(come)) <= _PHRASE:
            changes.append(_Change(gone=" ".join(gone), come=" ".join(come)))
    return changes or _of_words(before, after)


def _of_words(before: Sequence[str], after: Sequence[str]) -> list[_Change]:
    """Return the first words that only one of the sentences has, for sentences without a common shape."""
    gone = [word for word in before if word not in {*after, *_EMPTY}][:_PHRASE]
    come = [word for word in after if word not in {*before, *_EMPTY}][:_PHRASE]
    return [_Change(gone=" ".join(gone), come=" ".join(come))] if gone or come else []


def _words(caption: str) -> list[str]:
    return _WORD.findall(_SENTENCE.split(caption.strip())[0].casefold().replace("’", "'"))


def _trimmed(words: Sequence[str]) -> list[str]:
    """Remove the words at both ends that carry no meaning by themselves."""
    meaningful = [place for place, word in enumerate(words) if word not in _EMPTY]
    return list(words[meaningful[0] : meaningful[-1] + 1]) if meaningful else []


def _phrases(change: _Change) -> list[str]:
    if not change.come:
        templates = REMOVED
    elif not change.gone:
        templates = ADDED
    else:
        templates = NAMED if change.name else REPLACED
    return [template.format(a=change.gone, b=change.come, name=change.name) for template in templates]

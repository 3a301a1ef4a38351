"""Spelling in a search box: American, without hyphens, and with typos."""

import re
from functools import cache
from random import Random

from training.catalogue.language.comparatives import COMPARED
from training.catalogue.language.nouns import vocabulary

_WORD = re.compile(r"[a-z]{5,}")
_LETTERS = re.compile(r"[a-z]+")
_LONG = re.compile(r"(?<![A-Za-z])[A-Za-z][a-z]{3,}(?![A-Za-z])")
_MOST_TYPOS = 3  # in one text
# The words of sentences besides names of values and comparatives.
_SENTENCE_WORDS = """
    add all and another anything are as background be but can change color colored colors colour coloured colours d
    darker do drop exactly exchange for get give half has have i instead into is it just lighter like looking lose
    lower me need one ones other part pattern please prefer preferably rather remove replace same second should show
    similar style swap swapped take than that them these thing this those upper want way with you
"""
_ENDINGS = ("{}.", "{}!", "{} please", "{}?", "{} !!", '"{}"', "“{}”", "({})", "{} thx", "{} 🙂", "{} ...", "#{}")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# The letters to the left and right of each letter on the keyboard.
_NEIGHBOURS = {
    letter: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    for row in _ROWS
    for place, letter in enumerate(row)
}


def vary_spelling(text: str, random: Random) -> str:
    """Vary the spelling without errors: sometimes "color", sometimes "long sleeved"."""
    american, unhyphenated = random.random() < 0.25, random.random() < 0.15
    if american:
        text = text.replace("colour", "color")
    return text.replace("-", " ") if unhyphenated and " - " not in text else text


def add_typo(text: str, random: Random) -> str:
    """Put one typo into one of the longer words, such that the result is not another word of the vocabulary.

    Returns the same text if it has no longer word.
    """
    words = list(_WORD.finditer(text))
    if not words:
        return text
    while True:
        word = random.choice(words)
        wrong = _typo(word.group(), random)
        if wrong not in _known():
            return text[: word.start()] + wrong + text[word.end() :]


def as_typed(text: str, random: Random, *, misspelt: float) -> str:
    """Return the text as someone may have typed it: with a capital, punctuation, quotes or emoji, or slips.

    A share `misspelt` of the texts has slips of the finger.
    """
    if random.random() < misspelt:
        text = add_typos(text, random) if random.random() < 0.5 else add_typo(text, random)
    draw = random.random()
    if draw < 0.25:
        text = text[:1].upper() + text[1:]
    elif draw < 0.28:
        text = text.upper()
    if random.random() < 0.2:
        text = text.replace("'", random.choice(("", "’")))
    return random.choice(_ENDINGS).format(text) if random.random() < 0.3 else text


def add_typos(text: str, random: Random) -> str:
    """Put typos, which can all be undone, into one to three words of at least four letters.

    From each misspelt word, only one word of the vocabulary or of this text is one typo away. The first typo is in a
    word that names a value, if one is long enough. Returns the same text if no word fits.
    """
    words = list(_LONG.finditer(text))
    random.shuffle(words)
    value_word = next((word for word in words if word.group().lower() in _value_words()), None)
    if value_word is not None:
        words.remove(value_word)
        words.insert(0, value_word)
    known = _value_words() | frozenset(_LETTERS.findall(f"{_SENTENCE_WORDS} {text.lower()}"))
    slipped: dict[int, tuple[int, str]] = {}  # start of a word → its end, and the misspelt word
    for word in words:
        wrong = _unambiguous_typo(word.group(), known, random)
        if wrong is not None:
            slipped[word.start()] = (word.end(), wrong)
        if len(slipped) == _MOST_TYPOS or (slipped and random.random() < 0.4):
            break
    for start in sorted(slipped, reverse=True):
        end, wrong = slipped[start]
        text = text[:start] + wrong + text[end:]
    return text


def _unambiguous_typo(word: str, known: frozenset[str], random: Random) -> str | None:
    """Return the word with a typo that leads back to it alone; None if eight tries give none."""
    for _ in range(8):
        wrong = word[0] + _typo(word.lower(), random)[1:]
        near = {other for other in known if _is_typo_of(wrong.lower(), other)}
        if wrong.lower() not in known and near <= {word.lower()}:
            return wrong
    return None


def _is_typo_of(one: str, other: str) -> bool:
    """Return True if one letter lost, added or replaced, or two adjacent ones swapped, turn one into the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return one == other
    short, long = sorted((one, other), key=len)
    place = next((place for place, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    if len(short) < len(long):
        return short[place:] == long[place + 1 :]
    swapped = short[place + 1 : place + 2] + short[place : place + 1]
    return short[place + 1 :] == long[place + 1 :] or swapped + short[place + 2 :] == long[place:]


@cache
def _value_words() -> frozenset[str]:
    """Return the words that name a value or a comparative."""
    compared = [phrase for pair in COMPARED.values() for ways in pair for said in ways.values() for phrase in said]
    return _known() | frozenset(_LETTERS.findall(" ".join(compared)))


@cache
def _known() -> frozenset[str]:
    return frozenset(word for phrase in vocabulary() for word in _LETTERS.findall(phrase.lower()))


def _typo(word: str, random: Random) -> str:
    wrong = random.choice((_swapped, _dropped, _doubled, _struck))(word, random)
    # Swapping two equal letters changes nothing: then a letter is dropped.
    return wrong if wrong != word else _dropped(word, random)


def _swapped(word: str, random: Random) -> str:
    place = random.randrange(1, len(word) - 2)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _dropped(word: str, random: Random) -> str:
    place = random.randrange(1, len(word) - 1)
    return word[:place] + word[place + 1 :]


def _doubled(word: str, random: Random) -> str:
    place = random.randrange(1, len(word))
    return word[:place] + word[place] + word[place:]


def _struck(word: str, random: Random) -> str:
    place = random.randrange(1, len(word) - 1)
    return word[:place] + random.choice(_NEIGHBOURS[word[place]]) + word[place + 1 :]

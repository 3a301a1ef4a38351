"""Sentences that changes are put into: "same but …", "make it …", "a … one with …"."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from training.catalogue.language.change import ROLES, Change
from training.catalogue.language.nouns import Noun, bare, with_article
from training.catalogue.language.product_captions import joined


@dataclass(frozen=True, slots=True)
class SentenceWords:
    """Words of one sentence: the names of the things, and the chosen wordings by role."""

    reference: Noun
    target: Noun
    wordings: Mapping[str, Sequence[str]]

    @property
    def it(self) -> str:
        return "them" if self.reference.plural else "it"

    @property
    def this(self) -> str:
        return "these" if self.reference.plural else "this"

    @property
    def after_verb(self) -> str:
        """The words after a verb: "longer and striped", "longer, red and white"."""
        words = sorted((*self.wordings["adjective"], *self.wordings["after"]), key=_has_and)
        return ", ".join(words) if any(map(_has_and, words)) else joined(words) if words else ""

    @property
    def before_noun(self) -> str:
        return ", ".join((*self.wordings["adjective"], *self.wordings["before"]))


Frame = Callable[[SentenceWords, Random], str]


def write_sentence(changes: Sequence[Change], reference: Noun, target: Noun, random: Random) -> str:
    """Return the changes as one text, in a sentence that has a role for each of them."""
    fitting = [sentence for sentence in _SENTENCES if _fits(changes, sentence)]
    sentence = random.choices(fitting, [sentence.weight for sentence in fitting])[0]
    wordings = _chosen(changes, sentence, random)
    while not _clear(wordings):
        wordings = _chosen(changes, sentence, random)
    text = sentence.frame(SentenceWords(reference, target, wordings), random)
    return text[0].upper() + text[1:] if random.random() < 0.12 else text


def _chosen(changes: Sequence[Change], sentence: "_Sentence", random: Random) -> dict[str, list[str]]:
    wordings: dict[str, list[str]] = {role: [] for role in ROLES}
    # The one change that fills the role that the sentence needs.
    bearer = random.choice([change for change in changes if _ways(change, sentence.needs or sentence.roles)])
    for change in changes:
        needed = sentence.needs if sentence.needs and change is bearer else sentence.roles
        role = random.choice(_ways(change, needed))
        wordings[role].append(random.choice(change.ways[role]))
    return wordings


def _ways(change: Change, roles: Iterable[str]) -> list[str]:
    return [role for role in roles if change.ways.get(role)]


def _fits(changes: Sequence[Change], sentence: "_Sentence") -> bool:
    if sentence.needs and not any(_ways(change, sentence.needs) for change in changes):
        return False
    return all(_ways(change, sentence.roles) for change in changes)


def _clear(wordings: Mapping[str, Sequence[str]]) -> bool:
    """Return False if a second "instead of" or a "no …" would leave open which thing replaces which."""
    instead = sum(_opposes(words) for choices in wordings.values() for words in choices)
    refused = any(words.startswith("no ") for words in wordings["with"])
    return instead < 2 and not (instead and refused)


def _opposes(words: str) -> bool:
    return " instead of " in words or " rather than " in words


def _has_and(words: str) -> bool:
    return " and " in words


def _held(phrases: Sequence[str]) -> str:
    """Join the phrases after *with*; those that could be read together with the next one come last."""
    return joined(sorted(phrases, key=lambda words: (_opposes(words), words.startswith(("no ", "the ")))))


def _clauses(parts: SentenceWords, *, bare_no: bool) -> list[str]:
    """Return the clauses after the head of a sentence: "as a skirt", "in red", "with a belt and long sleeves", remarks.

    `bare_no` leaves *with* out before "no pockets", as after "but".
    """
    wordings = parts.wordings
    clauses = [*wordings["as"]]
    if wordings["in"]:
        clauses.append(f"in {joined(wordings['in'])}")
    if wordings["with"]:
        held = _held(wordings["with"])
        clauses.append(held if bare_no and len(wordings["with"]) == 1 and held.startswith("no ") else f"with {held}")
    # "instead of" last, or it would refer to the words after it.
    return sorted([*clauses, *wordings["remark"]], key=_opposes)


_CONNECTED = ("in ", "with ", "without ")


def _strung(clauses: Sequence[str], random: Random) -> str:
    """Join the clauses; without a separator only if the next one begins with a word that separates it."""
    between = random.choice((", ", ", ", " ", " and "))
    if between == " and " and any(map(_opposes, clauses)):
        between = ", "
    text = clauses[0]
    for before, clause in pairwise(clauses):
        # "with laces in navy" would be about the laces.
        reaching = clause.startswith("in ") and not before.startswith("as ")
        apart = clause.startswith(_CONNECTED) and not reaching
        text += (between if between != " " or apart else ", ") + clause
    return text


def _trailed(named: str, clauses: Sequence[str], random: Random) -> str:
    """Append the clauses to a thing; avoids "a pink one and with a bobble"."""
    if not clauses:
        return named
    parted = random.random() < 0.5 or not clauses[0].startswith(_CONNECTED) or named.endswith(" instead")
    return f"{named}{', ' if parted else ' '}{_strung(clauses, random)}"


_ENDED_BY_BUT = (
    "but",
    "same but",
    "the same but",
    "like this but",
    "like this, but",
    "this but",
    "similar but",
    "same thing but",
    "exactly this but",
    "I like {this} but",
    "this one but",
)
_CALLED_SAME = ("same", "the same")
_REQUESTS = (
    "I'd like {it}",
    "I want {it}",
    "i'd like {this}",
    "want {this}",
    "{this}",
    "can I get {it}",
    "do you have {it}",
    "do you have {this}",
    "anything like this",
)
_QUESTIONS = ("can ", "do ", "any")


def _following(parts: SentenceWords, random: Random) -> str:
    """ "in red, with long sleeves", "same but with a belt" """
    opening = random.choices(
        ("", random.choice(_ENDED_BY_BUT), random.choice(_CALLED_SAME), random.choice(_REQUESTS)), (3, 10, 3, 8)
    )[0]
    clauses = _clauses(parts, bare_no=not opening or opening.endswith("but") or opening in _CALLED_SAME)
    if opening in _CALLED_SAME and not clauses[0].startswith(_CONNECTED):
        opening = f"{opening} but"  # avoids "the same as a skirt", "the same cut short"
    opening = opening.format(it=parts.it, this=parts.this)
    text = f"{opening} {_strung(clauses, random)}".strip()
    if opening.startswith(_QUESTIONS):
        return f"{text}?" if random.random() < 0.7 else text
    return f"{text} please" if not opening and random.random() < 0.2 else text


def _but(parts: SentenceWords, random: Random) -> str:
    """ "same but sleeveless and in red" """
    opening = random.choice(_ENDED_BY_BUT).format(this=parts.this)
    return _predicated(opening, parts, random, bare_no=True)


def _make(parts: SentenceWords, random: Random) -> str:
    """ "make it navy and striped", "I'd like it sleeveless, with a belt" """
    openings = ("make {it}", "make {it}", "I'd like {it}", "I want {it}", "i need {it}", "please make {it}")
    return _predicated(random.choice(openings).format(it=parts.it), parts, random, bare_no=False)


def _predicated(opening: str, parts: SentenceWords, random: Random, *, bare_no: bool) -> str:
    head, clauses = f"{opening} {parts.after_verb}", _clauses(parts, bare_no=bare_no)
    if clauses and clauses[0].startswith("in "):  # "striped in red" would be about the stripes
        head += random.choice((", ", " and ")) + clauses.pop(0)
    return _strung([head, *clauses], random)


def _is_and_has(parts: SentenceWords, random: Random) -> str:
    """ "is red and has a v-neck" """
    verb_is, verb_has = ("are", "have") if parts.reference.plural else ("is", "has")
    clauses = []
    if parts.after_verb:
        clauses.append(f"{verb_is} {parts.after_verb}")
    if parts.wordings["with"]:
        clauses.append(f"{verb_has} {_held(parts.wordings['with'])}")
    openings = ("ones that ", "but ") if parts.reference.plural else ("", "one that ", "but ", "should be one that ")
    return random.choice(openings) + " and ".join(clauses)


def _one(parts: SentenceWords, random: Random) -> str:
    """ "a striped one with a belt" """
    named = f"{parts.before_noun} ones" if parts.reference.plural else with_article(f"{parts.before_noun} one")
    opening = random.choice(("", "", "for ", "I'd prefer ", "rather ", "looking for ", "do you have ", "show me "))
    return _trailed(opening + named, _clauses(parts, bare_no=False), random)


def _thing(parts: SentenceWords, random: Random) -> str:
    """ "a longer dress like this, in red" """
    noun = f"{parts.before_noun} {parts.target.text}".strip()
    named = noun if parts.target.plural else with_article(noun)
    if parts.wordings["category"]:
        opposed = any(map(_opposes, parts.wordings["in"])) or any(map(_opposes, parts.wordings["with"]))
        ending = random.choice((" like this", " like that", " in the same style", "" if opposed else " instead"))
        opening = random.choice(("", "", "show me ", "I want ", "" if "instead" in ending else "I'd rather have "))
    else:
        ending = random.choice((" like these" if parts.target.plural else " like this one", " like this", " like that"))
        opening = random.choice(("", "", "", "show me ", "looking for ", "I want "))
    return _trailed(opening + named + ending, _clauses(parts, bare_no=False), random)


def _same_thing(parts: SentenceWords, random: Random) -> str:
    """ "the same dress in red" """
    near, far = ("these", "those") if parts.reference.plural else ("this", "that")
    opening = random.choice(("the same {}", "same {}", f"{near} {{}}", "similar {}", f"{far} {{}} but"))
    clauses = _clauses(parts, bare_no=opening.endswith("but"))
    if not clauses[0].startswith(_CONNECTED) and not opening.endswith("but"):
        opening += ","
    return f"{opening.format(parts.reference.text)} {_strung(clauses, random)}"


def _commands(parts: SentenceWords, random: Random) -> str:
    """ "add a belt and make the sleeves longer" """
    text = random.choice((" and ", ", ")).join(parts.wordings["command"])
    return random.choice(("", "", "", "please ", "can you ", "just ")) + text


def _terse(parts: SentenceWords, random: Random) -> str:
    """ "red, long sleeves, no pockets" """
    wordings = parts.wordings
    adjectives = [*wordings["in"], *wordings["adjective"], *wordings["before"], *wordings["after"]]
    phrases = sorted([*wordings["as"], *adjectives, *map(bare, wordings["with"]), *wordings["remark"]], key=_opposes)
    text = phrases[0]
    unparted = random.random() < 0.3
    for before, phrase in pairwise(phrases):
        # No separator only if one phrase cannot be read together with the other.
        apart = phrase.startswith(("no ", "without ")) or {before, phrase} <= set(adjectives) - set(wordings["in"])
        text += (" " if unparted and apart else ", ") + phrase
    if wordings["remark"] or wordings["as"] or _opposes(text):
        return text
    return text + random.choice(("", "", " please", " preferably", "" if "no " in text else " instead"))


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A frame, the roles of which it needs one, the roles that it can hold, and its weight."""

    frame: Frame
    needs: tuple[str, ...]
    roles: tuple[str, ...]
    weight: int


_PREDICATE = ("adjective", "after")
_ATTRIBUTE = ("adjective", "before")

_SENTENCES = (
    _Sentence(_following, (), ("in", "with", "as", "remark"), 40),
    _Sentence(_but, _PREDICATE, (*_PREDICATE, "in", "with", "as", "remark"), 12),
    _Sentence(_make, _PREDICATE, _PREDICATE, 8),
    _Sentence(_make, _PREDICATE, (*_PREDICATE, "with", "as", "remark"), 8),
    _Sentence(_is_and_has, (), (*_PREDICATE, "with"), 10),
    _Sentence(_one, _ATTRIBUTE, (*_ATTRIBUTE, "with", "remark"), 12),
    _Sentence(_thing, ("category",), ("category", *_ATTRIBUTE, "in", "with", "remark"), 20),
    _Sentence(_thing, (), (*_ATTRIBUTE, "in", "with"), 8),
    _Sentence(_same_thing, (), ("in", "with", "remark"), 6),
    _Sentence(_commands, ("command",), ("command",), 12),
    _Sentence(_terse, (), ("adjective", "before", "after", "in", "with", "as", "remark"), 10),
)

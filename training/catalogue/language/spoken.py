"""Wanted changes in the words of a phrasebook, with the wish that they mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from training.catalogue.language.change import Change
from training.catalogue.language.differences import differences
from training.catalogue.language.modification import Modification, Question, towards, wish
from training.catalogue.language.nouns import NOUNS, with_article
from training.catalogue.language.paint_words import BROAD_PATTERN_WORDS
from training.catalogue.language.phrasebook import Phrasebook, compared, detail
from training.catalogue.language.spelling import vary_spelling
from training.catalogue.world.world import CATEGORIES, COLOURS, NONE, ORDERED, PATTERNS, PLAIN, Product

MAX_WORDS = 30

_NEGATED_SHARE = 0.15  # of the changes that can be said as "anything but …"
_REPLACED_SHARE = 0.2  # of the details that can be said as "… instead of …"
_HALVED = "colour-block"
_STRIPES = BROAD_PATTERN_WORDS["stripes"]  # without a direction, stripes may be of either kind
_ACROSS = re.compile(r"horizontal|across|band|hoop|breton|sideways|side to side|round and round|running round")
_TRIES = 20  # draws of a phrase until one means exactly what is asked

Means = Mapping[str, frozenset[str]]


def spoken(
    reference: Product, target: Product, book: Phrasebook, random: Random, *, negated: float = _NEGATED_SHARE
) -> Modification:
    """Draw a modification of the reference, in the words of a phrasebook, that the target satisfies.

    They must differ in one to three attributes. Of the changes that can be said as negations, "anything but red", a
    share `negated` are: every other value satisfies them.
    """
    facts = target.facts()
    for _ in range(_TRIES):
        changes = [
            (random.random() < negated and _negation(change, reference, target)) or _exact(change, reference, target)
            for change in differences(reference, target, random)
        ]
        speaker = _Speaker(reference, target, book, random)
        said = [speaker.clause(change) for change in changes]
        text = speaker.sentence([clause for clause, _ in said])
        meant = [replace(change, allowed=means) for change, (_, means) in zip(changes, said, strict=True)]
        wanted = wish(meant, reference)
        if len(text.split()) <= MAX_WORDS and not wanted.accepts(reference):
            break
    else:  # as of vertical stripes in place of horizontal ones, for which the writer has no words
        return towards(reference, target, random)
    return Modification(
        text=text,
        spelt=text,
        wish=wanted,
        changes={name: facts[name] for change in meant for name in change.allowed if name in facts},
        differences=tuple(meant),
    )


def reworded(question: Question, book: Phrasebook, random: Random) -> str | None:
    """Return the question's text in the words of a phrasebook, which the same products satisfy; None if it has none."""
    said = clauses(question, book, random)
    return None if said is None else _Speaker(question.reference, question.target, book, random).sentence(said)


def clauses(question: Question, book: Phrasebook, random: Random) -> list[str] | None:
    """Return what the question's text says, change by change, as `reworded`; None if the phrasebook has no words."""
    speaker, found = _Speaker(question.reference, question.target, book, random), []
    for change in question.modification.differences:
        vague = change.kind != "negation" and change != _exact(change, question.reference, question.target)
        if vague and change.allowed != {"pattern": _STRIPES}:
            return None
        drawn = (speaker.clause(change) for _ in range(_TRIES))
        clause = next((text for text, means in drawn if means == change.allowed), None)
        if clause is None:
            return None
        found.append(clause)
    return found


def pattern_means(pattern: str, phrase: str) -> frozenset[str]:
    """Return the patterns that a phrasebook's phrase for `pattern` allows."""
    return _STRIPES if pattern == "striped" and not _ACROSS.search(phrase) else frozenset((pattern,))


def _exact(change: Change, reference: Product, target: Product) -> Change:
    """Return the change with the target's values alone where its own words are vague; a comparative stays one."""
    bare_arms = reference.look.get("sleeve") == "sleeveless" and "sleeve" in change.allowed
    if change.kind == "colours" or (change.kind == "comparative" and not bare_arms):
        return change
    facts = target.facts()
    (*_, name) = change.allowed
    kind = name if change.kind == "comparative" else change.kind
    return replace(change, kind=kind, allowed={name: frozenset((facts[name],)) for name in change.allowed})


def _negation(change: Change, reference: Product, target: Product) -> Change | None:
    """Return the change as "anything but the reference's value"; None if that is no natural thing to say."""
    if len(change.allowed) != 1 or change.kind in ("comparative", "removal"):
        return None
    (name,) = change.allowed
    old = reference.facts().get(name, NONE)
    patterned = reference.look["pattern"] != PLAIN
    values: Sequence[str] = CATEGORIES[reference.category].attributes.get(name, ())
    if name == "colour" and not patterned:
        values = COLOURS
    elif name == "pattern" and patterned and old != _HALVED:
        values = PATTERNS
    elif reference.category != target.category or old == NONE or len(values) < 3:
        return None  # of two values, the other one is said as well
    return replace(change, kind="negation", allowed={name: frozenset(values) - {old}})


@dataclass(frozen=True, slots=True)
class _Speaker:
    """One writer's words about one reference and one target."""

    reference: Product
    target: Product
    book: Phrasebook
    random: Random

    def sentence(self, clauses: Sequence[str]) -> str:
        """Put clauses into a frame, mostly in their order."""
        ordered = self.random.sample(clauses, len(clauses)) if self.random.random() < 0.4 else clauses
        said = ordered[0]
        for clause in ordered[1:]:
            said += self.random.choice(self.book["joiners"]) + clause
        this = "these" if NOUNS[self.reference.category][0].plural else "this"
        noun = self._word(f"nouns.{self.reference.category}")
        frame = self.random.choice(self.book["frames"])
        return vary_spelling(frame.format(said=said, noun=noun, this=this), self.random)

    def clause(self, change: Change) -> tuple[str, Means]:
        """Draw a clause that says the change, and the values that it allows: with some words more than the change's."""
        old, new, allowed = self.reference.look, self.target.look, change.allowed
        if "category" in allowed:
            noun = self._word(f"nouns.{self.target.category}")
            plural = NOUNS[self.target.category][0].plural
            return self._say("category", new=noun, a_new=noun if plural else with_article(noun)), allowed
        if change.kind == "colours swapped":
            return self._say("paint.swapped"), allowed
        if "pattern" in allowed:
            return self._pattern(change)
        if {"colour", "second_colour"} <= allowed.keys():
            both = [self._word(f"colours.{new[name]}") for name in self.random.sample(sorted(allowed), 2)]
            return self._say("paint.both_colours", new=both[0], other=both[1]), allowed
        if "second_colour" in allowed:
            colour = self._word(f"colours.{new['second_colour']}")
            if new["pattern"] == _HALVED:
                return self._say("paint.lower_half", new=colour), allowed
            marks = self._word(f"patterns.{new['pattern']}.marks")
            return self._say("paint.figures_colour", new=colour, marks=marks), allowed
        return (self._colour(change, old, new) if "colour" in allowed else self._detail(change)), allowed

    def _pattern(self, change: Change) -> tuple[str, Means]:
        old, new = self.reference.look["pattern"], self.target.look["pattern"]
        if change.kind == "negation":
            return self._say("paint.not_pattern", marks=self._word(f"patterns.{old}.marks")), change.allowed
        if new == PLAIN:
            gone = self.random.random() < 0.5
            return self._say(f"patterns.{old}.gone" if gone else f"patterns.{PLAIN}.said"), change.allowed
        if "second_colour" in change.allowed:
            colour = self._word(f"colours.{self.target.look['second_colour']}")
            clause = self._say(f"patterns.{new}.coloured", new=colour)
        else:
            clause = self._say(f"patterns.{new}.said")
        return clause, {**change.allowed, "pattern": pattern_means(new, clause)}

    def _colour(self, change: Change, old: Mapping[str, str], new: Mapping[str, str]) -> str:
        before = self._word(f"colours.{old['colour']}")
        if change.kind == "negation":
            return self._say("paint.not_colour", old=before)
        halved = old["pattern"] == new["pattern"] == _HALVED
        if change.kind == "comparative":
            tone = "darker" if COLOURS.index(new["colour"]) > COLOURS.index(old["colour"]) else "lighter"
            return self._say(f"paint.{tone}{'_half' if halved else ''}")
        colour = self._word(f"colours.{new['colour']}")
        if halved:
            return self._say("paint.upper_half", new=colour)
        patterned = old["pattern"] == new["pattern"] != PLAIN
        key = "base_colour" if patterned and self.random.random() < 0.7 else "colour"
        return self._say(f"paint.{key}", new=colour, old=before)

    def _detail(self, change: Change) -> str:
        (name,) = change.allowed
        category = self.target.category
        old, new = self.reference.look.get(name, NONE), self.target.look[name]
        had = self.reference.category == category and old != NONE
        if change.kind == "comparative":
            order = ORDERED[name]
            return self._say(compared(category, name, more=order.index(new) > order.index(old)))
        if change.kind == "negation":
            return self._say("details.negated", old=self._word(f"{detail(category, name, old)}.noun"))
        if had and new != NONE and self.random.random() < _REPLACED_SHARE:
            nouns = [self._word(f"{detail(category, name, value)}.noun") for value in (old, new)]
            return self._say("details.replaced", old=nouns[0], new=nouns[1])
        return self._say(f"{detail(category, name, new)}.said")

    def _word(self, key: str) -> str:
        return self.random.choice(self.book[key])

    def _say(self, key: str, **words: str) -> str:
        pronoun = "them" if NOUNS[self.reference.category][0].plural else "it"
        noun = self._word(f"nouns.{self.reference.category}")
        return self._word(key).format(it=pronoun, noun=noun, **words)

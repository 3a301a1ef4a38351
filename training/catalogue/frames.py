"""The sentences that changes are put into: "same but …", "make it …", "a … one with …"."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from training.catalogue.changes import ROLES, Change
from training.catalogue.describe import joined
from training.catalogue.words import Noun, bare, with_article


@dataclass(frozen=True, slots=True)
class Scene:
    """What a sentence is about: the things' names, and the wordings chosen, by role."""

    reference: Noun
    target: Noun
    said: Mapping[str, Sequence[str]]

    @property
    def it(self) -> str:
        return "them" if self.reference.plural else "it"

    @property
    def adjectives(self) -> str:
        return " and ".join(self.said["adjective"])


Frame = Callable[[Scene, Random], str]


def worded(found: Sequence[Change], reference: Noun, target: Noun, random: Random) -> str:
    """The changes as one text, in one of the sentences that have a place for each of them."""
    fitting = [sentence for sentence in _SENTENCES if _fits(found, sentence)]
    sentence = random.choices(fitting, [sentence.weight for sentence in fitting])[0]
    said: dict[str, list[str]] = {role: [] for role in ROLES}
    # The one change that fills the place without which the sentence would not stand.
    bearer = random.choice([change for change in found if not sentence.needs or change.ways.get(sentence.needs)])
    for change in found:
        roles = [role for role in sentence.roles if change.ways.get(role)]
        role = sentence.needs if sentence.needs and change is bearer else random.choice(roles)
        said[role].append(random.choice(change.ways[role]))
    text = sentence.frame(Scene(reference, target, said), random)
    return text[0].upper() + text[1:] if random.random() < 0.12 else text


def _fits(found: Sequence[Change], sentence: "_Sentence") -> bool:
    if sentence.needs and not any(change.ways.get(sentence.needs) for change in found):
        return False
    return all(any(change.ways.get(role) for role in sentence.roles) for change in found)


def _clauses(scene: Scene, random: Random, *, plain: bool = False) -> list[str]:
    """What follows the head of a sentence: "in red", "with a belt and long sleeves", the remarks."""
    said = scene.said
    clauses = []
    if said["in"]:
        clauses.append(f"in {joined(said['in'])}")
    if said["with"]:
        has = [bare(words) for words in said["with"]] if plain else said["with"]
        clauses.append(f"with {joined(has)}" if not has[0].startswith("no ") or random.random() < 0.5 else joined(has))
    return [*clauses, *said["remark"]]


def _strung(clauses: Sequence[str], random: Random) -> str:
    if len(clauses) < 2:
        return "".join(clauses)
    between = random.choice((", ", ", ", " ", " and "))
    return between.join(clauses)


_OPENINGS = (
    "",
    "",
    "",
    "same ",
    "the same ",
    "the same but ",
    "same but ",
    "but ",
    "like this but ",
    "like this, but ",
    "this but ",
    "similar but ",
    "this one ",
    "I'd like {it} ",
    "I want {it} ",
    "i'd like this ",
    "want this ",
    "can I get {it} ",
    "do you have {it} ",
    "do you have this ",
    "same thing but ",
    "exactly this but ",
    "I like this but ",
    "please ",
    "anything like this ",
)
_QUESTIONS = ("can ", "do ", "any")


def _following(scene: Scene, random: Random) -> str:
    """ "in red, with long sleeves", "same but with a belt" """
    opening = random.choice(_OPENINGS).format(it=scene.it)
    text = opening + _strung(_clauses(scene, random), random)
    return f"{text}?" if opening.startswith(_QUESTIONS) and random.random() < 0.7 else text


def _but(scene: Scene, random: Random) -> str:
    """ "same but sleeveless and in red" """
    openings = (
        "same but",
        "the same but",
        "like this but",
        "similar but",
        "this one but",
        "exactly this, but",
        "but",
        "I like it but",
    )
    opening = random.choice(openings)
    return _strung([f"{opening} {scene.adjectives}", *_clauses(scene, random)], random)


def _make(scene: Scene, random: Random) -> str:
    """ "make it navy and striped", "I'd like it sleeveless, in red" """
    openings = ("make {it}", "make {it}", "I'd like {it}", "I want {it}", "i need {it}", "please make {it}")
    opening = random.choice(openings).format(it=scene.it)
    return _strung([f"{opening} {scene.adjectives}", *_clauses(scene, random)], random)


def _is_and_has(scene: Scene, random: Random) -> str:
    """ "is red and has a v-neck" """
    verb_is, verb_has = ("are", "have") if scene.reference.plural else ("is", "has")
    clauses = []
    if scene.said["adjective"]:
        clauses.append(f"{verb_is} {scene.adjectives}")
    if scene.said["in"]:
        clauses.append(f"{verb_is} in {joined(scene.said['in'])}")
    if scene.said["with"]:
        clauses.append(f"{verb_has} {joined(scene.said['with'])}")
    opening = (
        random.choice(("", "", "", "one that ", "but ", "should be one that ")) if not scene.reference.plural else ""
    )
    return opening + " and ".join(clauses)


def _one(scene: Scene, random: Random) -> str:
    """ "a striped one with a belt" """
    adjectives = ", ".join(word.removeprefix("a bit ") for word in scene.said["adjective"])
    one = f"{adjectives} ones" if scene.reference.plural else with_article(f"{adjectives} one")
    opening = random.choice(("", "", "for ", "I'd prefer ", "rather ", "looking for ", "do you have ", "show me "))
    return _strung([opening + one, *_clauses(scene, random)], random)


def _thing(scene: Scene, random: Random) -> str:
    """ "a longer dress like this, in red" """
    adjectives = ", ".join(word.removeprefix("a bit ") for word in scene.said["adjective"])
    noun = f"{adjectives} {scene.target.text}".strip()
    named = noun if scene.target.plural else with_article(noun)
    if scene.said["category"]:
        ending = random.choice((" like this", " instead", " like that", " in the same style", ""))
        opening = random.choice(("", "", "show me ", "I want ", "as ", "I'd rather have "))
    else:
        ending = random.choice(
            (" like this", " like this one" if not scene.target.plural else " like these", " like that")
        )
        opening = random.choice(("", "", "", "show me ", "looking for ", "I want "))
    return _strung([opening + named + ending, *_clauses(scene, random)], random)


def _same_thing(scene: Scene, random: Random) -> str:
    """ "the same dress in red" """
    opening = random.choice(
        ("the same {}", "same {}", "this {}" if not scene.target.plural else "these {}", "similar {}", "that {} but")
    )
    head = opening.format(scene.target.text)
    return f"{head} {_strung(_clauses(scene, random), random)}"


def _commands(scene: Scene, random: Random) -> str:
    """ "add a belt and make the sleeves longer" """
    text = random.choice((" and ", ", ")).join(scene.said["command"])
    return random.choice(("", "", "", "please ", "can you ", "just ")) + text


def _terse(scene: Scene, random: Random) -> str:
    """ "red, long sleeves, no pockets" """
    words = [
        *scene.said["in"],
        *scene.said["adjective"],
        *(bare(noun) for noun in scene.said["with"]),
        *scene.said["remark"],
    ]
    ending = random.choice(("", "", " please", " instead", " preferably"))
    return (", " if random.random() < 0.7 else " ").join(words) + ("" if scene.said["remark"] else ending)


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A frame, the role it cannot do without (or ""), the roles it has a place for, and how common it is."""

    frame: Frame
    needs: str
    roles: tuple[str, ...]
    weight: int


_SENTENCES = (
    _Sentence(_following, "", ("in", "with", "remark"), 40),
    _Sentence(_but, "adjective", ("adjective", "in", "with", "remark"), 12),
    _Sentence(_make, "adjective", ("adjective",), 8),
    _Sentence(_make, "adjective", ("adjective", "with", "remark"), 8),
    _Sentence(_is_and_has, "", ("adjective", "with"), 10),
    _Sentence(_one, "adjective", ("adjective", "with", "remark"), 12),
    _Sentence(_thing, "category", ("category", "adjective", "in", "with", "remark"), 20),
    _Sentence(_thing, "", ("adjective", "in", "with"), 8),
    _Sentence(_same_thing, "", ("in", "with", "remark"), 6),
    _Sentence(_commands, "command", ("command",), 12),
    _Sentence(_terse, "", ("adjective", "in", "with", "remark"), 10),
)

"""Values of attributes in a text: "from Fjord", "not by Cove", "for boys", "in size M", "in stock"."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from index.lexical.words import words
from index.phrases.attribute_values import KnownValues, Named
from index.phrases.fact import Fact, on_attribute
from index.phrases.tokens import LINKS, Token, about, named_value, named_values, one_or_list, tokens, word_at

_NEGATIONS = frozenset({"not", "nothing", "never", "except"})
_MADE_FROM = frozenset(
    {"made", "different", "change", "changed", "switch", "away", "apart", "far", "inspired", "worn", "cut"}
)
_PERSONS: Mapping[str, tuple[str, ...]] = {  # each with the words for it, in a text as in an attribute
    "men": ("men", "man", "mens", "male", "males", "gents", "gentlemen", "gentleman", "herren", "homme", "hommes",
            "hombre", "hombres", "him"),
    "women": ("women", "woman", "womens", "female", "females", "ladies", "lady", "damen", "femme", "femmes", "mujer",
              "mujeres", "her"),
    "boys": ("boys", "boy", "jungen", "niños"),
    "girls": ("girls", "girl", "mädchen", "niñas"),
    "kids": ("kids", "kid", "children", "child", "childrens", "kinder", "enfants", "youth", "junior", "juniors"),
    "babies": ("baby", "babies", "infant", "infants", "newborn", "newborns"),
    "toddlers": ("toddler", "toddlers"),
    "teens": ("teens", "teen", "teenagers", "teenager"),
    "adults": ("adults", "adult", "grown ups"),
    "everyone": ("everyone", "everybody", "unisex", "all"),
}  # fmt: skip
_PARTS = {"boys": ("kids", "men"), "girls": ("kids", "women")}  # how an age and a gender say it together
_MEMBERS = {"kids": ("boys", "girls"), "adults": ("men", "women")}  # who they are, if an attribute has no word for all
_WORDS_OF = {person: tuple(" ".join(words(word)) for word in own) for person, own in _PERSONS.items()}  # folded
_PERSON_OF = {word: person for person, own in _WORDS_OF.items() for word in own}
_LETTERS = {"xs": "extra small", "s": "small", "m": "medium", "l": "large", "xl": "extra large"}  # sizes
_SIZE_OF = {**_LETTERS, **{word: letters for letters, word in _LETTERS.items()}}


def facts(text: str, known: KnownValues, *, is_alone: bool) -> Iterator[Fact]:
    """Yield the facts about values in a text; of those that overlap, the first is meant.

    Only in a text that `is_alone`, without an image, "women's" is one: "the women's skirt" may be that of the image.
    """
    said = tokens(text)
    for place in range(len(said)):
        if known.stock is not None:
            yield from _stock(said, place, known.stock)
        if known.brands:
            yield from _brand(said, place, known.brands, text)
        if known.audiences:
            yield from _audience(said, place, known.audiences, text, is_alone=is_alone)
        if known.sizes:
            yield from _size(said, place, known.sizes)


def _stock(said: Sequence[Token], place: int, name: str) -> Iterator[Fact]:
    first, second, third = (word_at(said, place + ahead) for ahead in range(3))
    before = {word_at(said, place - 1), word_at(said, place - 2)}
    if (first, second, third) == ("not", "sold", "out"):
        end = place + 2
    elif (first, second) == ("in", "stock") and not before & {"not", "longer", "t", "back", "never"}:
        end = place + 1
    elif (
        first == "available"
        and second not in ("in", "as", "for", "with", "from", "until")
        and not before & {"not", "t", "longer"}
    ):
        end = place + (second in ("now", "today", "immediately"))
    else:
        return
    start = place
    while word_at(said, start - 1) in ("only", "currently", "is", "are", "that", "which", "and"):
        if said[start - 1].word == "and":
            break
        start -= 1
    yield Fact(said[start].start, said[end].end, on_attribute(name, True))


def _brand(said: Sequence[Token], place: int, brands: Mapping[str, Named], text: str) -> Iterator[Fact]:
    word = said[place].word
    start, first = place, place + 1
    if word in ("from", "by"):
        before = word_at(said, place - 1)
        if word == "from" and before in _MADE_FROM:
            return
        if word == "by" and before == "made":
            start -= 1
        while word_at(said, first) in ("the", "brand", "label", "maker"):
            first += 1
    elif word == "brand":
        first += word_at(said, first) in ("is", "called")
    else:
        end, value = named_value(said, place, brands)
        if value is None or word_at(said, end) != "brand":
            return
        start -= word_at(said, start - 1) == "the"
        yield about([value], said, start, end + 1, negated=False)
        return
    end, values = named_values(said, first, brands, text)
    if not values:
        return
    end += word_at(said, end) == "brand"
    negated = word_at(said, start - 1) in _NEGATIONS
    yield about(values, said, start - negated, end, negated=negated)


def _audience(
    said: Sequence[Token], place: int, audiences: Mapping[str, Named], text: str, *, is_alone: bool
) -> Iterator[Fact]:
    persons: list[str] = []
    start = place
    if said[place].word == "for":
        persons, end = _persons(said, place + 1)
        states = word_at(said, place - 1) in ("is", "are", "was", "were") and word_at(said, place - 2) not in (
            "that",
            "which",
        )
        is_other = word_at(said, end) == "to" or text[said[end - 1].end :][:1] in ("'", "’")  # "for the ladies' bag"
        if states or is_other or word_at(said, place - 1) == "use":  # "stars are for children", "no use for women"
            return
    elif said[place].word in ("unisex", "mens", "womens") and (is_alone or said[place].word == "unisex"):
        persons, end = [_PERSON_OF[said[place].word]], place + 1
    elif is_alone and _is_possessive(said, place):
        persons, end = [_PERSON_OF.get(said[place].word, "")], place + 2
    conditions = [condition for person in persons if (condition := _of_person(person, audiences)) is not None]
    if not conditions or len(conditions) < len(persons):
        return
    negated = word_at(said, start - 1) in _NEGATIONS
    start -= negated
    merged = _merged(conditions)
    yield Fact(said[start].start, said[end - 1].end, {"not": merged} if negated else merged)


def _persons(said: Sequence[Token], first: int) -> tuple[list[str], int]:
    """Return the persons from a word on, joined by "and" or "or", and the place of the word after them."""
    while word_at(said, first) in ("a", "an", "my", "the", "little", "young", "small", "big", "grown"):
        first += 1
    persons: list[str] = []
    end = first
    while (person := _PERSON_OF.get(word_at(said, end))) is not None:
        if said[end].word in ("all", "her", "him") and end + 1 < len(said):
            break  # "for all seasons", "for her birthday"
        persons.append(person)
        end += 1
        if word_at(said, end) not in LINKS or word_at(said, end + 1) not in _PERSON_OF:
            break
        end += 1
    return persons, end


def _is_possessive(said: Sequence[Token], place: int) -> bool:
    return word_at(said, place + 1) == "s" and said[place + 1].start == said[place].end + 1


def _of_person(person: str, audiences: Mapping[str, Named]) -> dict[str, JsonValue] | None:
    """Return the filter for a person: by a word for it, by age and gender, or by all who belong to them."""
    if own := _direct(person, audiences):
        return own
    parts = [_direct(part, audiences) for part in _PARTS.get(person, ())]
    if parts and all(parts):
        return {"and": [part for part in parts if part is not None]}
    members = [_direct(member, audiences) for member in _MEMBERS.get(person, ())]
    return _merged([member for member in members if member is not None]) if members and all(members) else None


def _direct(person: str, audiences: Mapping[str, Named]) -> dict[str, JsonValue] | None:
    """Return the filter for the values that are words for a person, of the attribute that has the first of them."""
    named = (audiences.get(word) or audiences.get(f"{word} s") for word in _WORDS_OF.get(person, ()))
    values = [value for value in named if value is not None]
    if not values:
        return None
    name = values[0].attribute
    return on_attribute(name, one_or_list([value.value for value in values if value.attribute == name]))


def _merged(filters: Sequence[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """Return a filter that holds if one of several does; those on one attribute become one list of values."""
    names = {name for each in filters for name in each}
    if len(names) == 1 and (name := next(iter(names))) not in ("and", "or", "not", "attribute"):
        values: list[JsonValue] = []
        for each in filters:
            value = each[name]
            values += value if isinstance(value, list) else [value]
        return {name: one_or_list(values)}
    return filters[0] if len(filters) == 1 else {"or": [*filters]}


def _size(said: Sequence[Token], place: int, sizes: Mapping[str, Named]) -> Iterator[Fact]:
    if said[place].word not in ("size", "sizes"):
        return
    first = place + 1 + (word_at(said, place + 1) in ("is", "of"))
    end, values = named_values(said, first, sizes, "", _SIZE_OF)
    if not values:
        return
    start = place
    if word_at(said, start - 1) in ("a", "the", "my"):
        start -= 1
    if word_at(said, start - 1) in ("in", "with"):
        start -= 1
    negated = word_at(said, start - 1) == "not"
    yield about(values, said, start - negated, end, negated=negated)

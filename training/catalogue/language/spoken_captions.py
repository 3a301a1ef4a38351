"""Captions in the words of a phrasebook, which knows more names for colours, patterns, things and their parts."""

from random import Random

from training.catalogue.language.nouns import bare, with_article
from training.catalogue.language.phrasebook import Phrasebook, detail
from training.catalogue.language.product_captions import Phrase, joined
from training.catalogue.language.spoken import pattern_means
from training.catalogue.world.world import CATEGORIES, NONE, PLAIN, Product, Wish

_MOST_DETAILS = 4
_HALVED = "colour-block"


def caption(product: Product, book: Phrasebook, random: Random) -> Phrase:
    """Draw a true description of some attributes, and the wish that accepts all products it describes."""
    look, claims = product.look, {"category": frozenset((product.category,))}
    noun = random.choice(book[f"nouns.{product.category}"])
    before, after = [], []
    if random.random() < 0.9:
        before.append(random.choice(book[f"colours.{look['colour']}"]))
        claims["colour"] = frozenset((look["colour"],))
    if look["pattern"] != PLAIN and random.random() < 0.9:
        marks = random.choice(book[f"patterns.{look['pattern']}.marks"])
        if random.random() < 0.8:
            colour = random.choice(book[f"colours.{look['second_colour']}"])
            marks = f"{colour} {marks}"
            claims["second_colour"] = frozenset((look["second_colour"],))
        after.append(with_article(marks) if look["pattern"] == _HALVED else marks)
        claims["pattern"] = pattern_means(look["pattern"], marks)
    elif look["pattern"] == PLAIN and random.random() < 0.4:
        before.insert(0, random.choice(("plain", "solid", "unpatterned")))
        claims["pattern"] = frozenset((PLAIN,))
    names = [name for name in CATEGORIES[product.category].attributes if look[name] != NONE]
    for name in random.sample(names, random.randint(0, min(_MOST_DETAILS, len(names)))):
        after.append(random.choice(book[f"{detail(product.category, name, look[name])}.noun"]))
        claims[name] = frozenset((look[name],))
    random.shuffle(after)
    thing = " ".join((*before, noun))
    style = random.random()
    if not after:
        text = thing
    elif style < 0.5:
        text = f"{thing} with {joined(after)}"
    elif style < 0.75:
        text = ", ".join((thing, *map(bare, after)))
    else:
        text = f"{random.choice(('looking for', 'I need', 'a picture of', 'any'))} {thing}, {joined(after)}"
    return Phrase(text, Wish(claims))

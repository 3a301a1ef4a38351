"""Draw random products: each follows from (seed, split, index), on any machine."""

from collections.abc import Mapping
from random import Random

from training.catalogue.world.colour_families import darker, distinct, lighter, second_colours
from training.catalogue.world.world import BRANDS, CATEGORIES, COLOURS, PATTERNS, PLAIN, Product

SPLITS = ("train", "val", "test")

_PLAIN_SHARE = 0.38
_IN_STOCK_SHARE = 0.92
_OTHER_CATEGORY_SHARE = 0.08
_SEEN_ONLY = ("train", "val")  # the splits that never hold a held-out combination

_CATEGORY_NAMES = tuple(CATEGORIES)
_PATTERNED = tuple(pattern for pattern in PATTERNS if pattern != PLAIN)

# Usual price of a category for an ordinary brand, in the shop's currency.
_PRICES: Mapping[str, float] = {
    "t-shirt": 22,
    "shirt": 48,
    "sweater": 62,
    "hoodie": 55,
    "jacket": 110,
    "coat": 170,
    "dress": 75,
    "skirt": 49,
    "trousers": 65,
    "shorts": 36,
    "sneakers": 85,
    "boots": 135,
    "heels": 95,
    "handbag": 98,
    "backpack": 72,
    "hat": 34,
    "beanie": 21,
    "mug": 13,
    "cushion": 27,
    "lamp": 68,
}
_LEVELS = (1.0, 0.7, 0.85, 1.6, 1.35, 0.9, 1.1, 1.25, 0.8, 1.8, 1.0, 1.5)
_TIERS: Mapping[str, float] = dict(zip(BRANDS, _LEVELS, strict=True))
_ENDINGS = (0.90, 0.95, 0.99)

_ADULTS = ("women", "men")
_ALL_AGES = ("women", "men", "girls", "boys")
_AUDIENCES: Mapping[str, tuple[str, ...]] = {
    "dress": ("women", "women", "girls"),
    "skirt": ("women", "women", "girls"),
    "heels": ("women",),
    "handbag": ("women", "women", "everyone"),
    "backpack": ("everyone", "everyone", "girls", "boys"),
    "coat": _ADULTS,
    "hat": (*_ADULTS, "everyone"),
    "beanie": (*_ALL_AGES, "everyone"),
    "mug": ("everyone",),
    "cushion": ("everyone",),
    "lamp": ("everyone",),
}


def held_out(category: str, colour: str) -> bool:
    """Return True for the one in twelve combinations that only the test split holds.

    Both step sizes are coprime to twelve, so that every category lacks one or two colours, and every colour one or two
    categories.
    """
    return (7 * _CATEGORY_NAMES.index(category) + COLOURS.index(colour)) % 12 == 0


def product(index: int, *, split: str, seed: int) -> Product:
    """Draw product number `index` of a split; in train and val never with a held-out combination."""
    random = Random(f"{seed}/{split}/{index}")
    while True:
        category, colour = random.choice(_CATEGORY_NAMES), random.choice(COLOURS)
        if allowed(category, colour, split=split):
            break
    look = _complete({"colour": colour, "pattern": _pattern(random)}, category=category, random=random)
    return _priced(f"{split[:2]}-{index:07d}", category, look, random=random)


def allowed(category: str, colour: str, *, split: str) -> bool:
    """Return True if the split may hold a product of that category and colour."""
    return not (split in _SEEN_ONLY and held_out(category, colour))


def apply_changes(product: Product, changes: Mapping[str, str], *, id: str, picture_seed: int) -> Product:
    """Change some attributes of a product, with their consequences.

    A plain product loses its second colour, a patterned one gains one, and another category keeps the values that it
    shares; its other attributes are drawn.
    """
    random = Random(f"{id}/{picture_seed}")
    look = {**product.look, **changes}
    category = look.pop("category", product.category)
    if look["pattern"] == PLAIN or not distinct(look["colour"], look.get("second_colour", look["colour"])):
        look.pop("second_colour", None)
    audiences = _AUDIENCES.get(category, _ALL_AGES)
    brand = random.choice(BRANDS)
    return Product(
        id=id,
        category=category,
        look=_complete(look, category=category, random=random),
        brand=brand,
        price=_price(category, brand, random=random),
        in_stock=random.random() < _IN_STOCK_SHARE,
        audience=product.audience if product.audience in audiences else random.choice(audiences),
        picture_seed=picture_seed,
    )


def draw_changes(product: Product, random: Random, *, split: str) -> dict[str, str]:
    """Draw one to three changes that the split allows, for `apply_changes`."""
    while True:
        drawn = _draw_changes(product, random)
        colour, category = drawn.get("colour", product.look["colour"]), drawn.get("category", product.category)
        second = drawn.get("second_colour", product.look.get("second_colour"))
        patterned = drawn.get("pattern", product.look["pattern"]) != PLAIN
        if allowed(category, colour, split=split) and not (patterned and second and not distinct(colour, second)):
            return drawn


def with_sibling(place: int, *, split: str, seed: int) -> Product:
    """Draw the product at a place where products and siblings take turns: number `place // 2`, or its sibling."""
    index, is_sibling = divmod(place, 2)
    base = product(index, split=split, seed=seed)
    if not is_sibling:
        return base
    random = Random(f"{seed}/{split}/{index}/sibling")
    changes = draw_changes(base, random, split=split)
    return apply_changes(base, changes, id=f"{base.id}-1", picture_seed=random.getrandbits(31))


def catalogue(count: int, *, split: str, seed: int) -> list[Product]:
    """Draw a shop whose every second product is a sibling of another, changed in one to three attributes.

    So questions about a reference have an answer and near misses. The order is shuffled; ids are unique.
    """
    shop = [with_sibling(place, split=split, seed=seed) for place in range(count + count % 2)]
    Random(f"{seed}/{split}/{count}/order").shuffle(shop)
    return shop[:count]


def _draw_changes(product: Product, random: Random) -> dict[str, str]:
    drawn: dict[str, str] = {}
    category, look = product.category, product.look
    if random.random() < _OTHER_CATEGORY_SHARE:
        category = drawn["category"] = random.choice(_relatives(category))
    # Another category draws its attributes anew, so only the attributes that both categories share can change.
    facets = {"colour": 3.0, "pattern": 2.0, "second_colour": 1.0 if look["pattern"] != PLAIN else 0.0}
    if "category" not in drawn:
        facets |= dict.fromkeys(CATEGORIES[category].attributes, 1.4)
    count = random.choices((1, 2, 3), (45, 40, 15))[0]
    while len(drawn) < count and any(facets.values()):
        name = random.choices(list(facets), list(facets.values()))[0]
        del facets[name]
        drawn |= _change(name, category, look, random)
        if name in ("pattern", "second_colour"):  # a new pattern brings its own second colour
            facets.pop("pattern", None)
            facets.pop("second_colour", None)
    return drawn


def _change(name: str, category: str, look: Mapping[str, str], random: Random) -> dict[str, str]:
    if name == "colour":
        shades = (*darker(look["colour"]), *lighter(look["colour"]))
        if shades and random.random() < 0.3:
            return {"colour": random.choice(shades)}
        return {"colour": random.choice([colour for colour in COLOURS if colour != look["colour"]])}
    if name == "pattern":
        if look["pattern"] != PLAIN and random.random() < 0.4:
            return {"pattern": PLAIN}
        pattern = random.choice([pattern for pattern in _PATTERNED if pattern != look["pattern"]])
        if look["pattern"] == PLAIN or random.random() < 0.3:
            return {"pattern": pattern, "second_colour": random.choice(second_colours(look["colour"]))}
        return {"pattern": pattern}
    if name == "second_colour":
        others = [colour for colour in second_colours(look["colour"]) if colour != look["second_colour"]]
        return {"second_colour": random.choice(others)}
    return {name: random.choice([value for value in CATEGORIES[category].attributes[name] if value != look[name]])}


def _relatives(category: str) -> tuple[str, ...]:
    department = CATEGORIES[category].department
    return tuple(name for name in _CATEGORY_NAMES if name != category and CATEGORIES[name].department == department)


def _pattern(random: Random) -> str:
    return PLAIN if random.random() < _PLAIN_SHARE else random.choice(_PATTERNED)


def _complete(partial: Mapping[str, str], *, category: str, random: Random) -> dict[str, str]:
    """Complete the look for that category: take values of `partial` that the category has, draw the others."""
    look = {"colour": partial["colour"], "pattern": partial["pattern"]}
    if look["pattern"] != PLAIN:
        look["second_colour"] = partial.get("second_colour") or random.choice(second_colours(look["colour"]))
    for name, values in CATEGORIES[category].attributes.items():
        value = partial.get(name)
        look[name] = value if value in values else random.choice(values)
    return look


def _priced(id: str, category: str, look: Mapping[str, str], *, random: Random) -> Product:
    brand = random.choice(BRANDS)
    return Product(
        id=id,
        category=category,
        look=look,
        brand=brand,
        price=_price(category, brand, random=random),
        in_stock=random.random() < _IN_STOCK_SHARE,
        audience=random.choice(_AUDIENCES.get(category, _ALL_AGES)),
        picture_seed=random.getrandbits(31),
    )


def _price(category: str, brand: str, *, random: Random) -> float:
    around = _PRICES[category] * _TIERS[brand] * random.uniform(0.75, 1.3)
    return round(max(4, int(around)) + random.choice(_ENDINGS), 2)

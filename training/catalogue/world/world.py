"""The drawn world: its categories, colours, patterns and attributes, and the types of a product and a wish."""

from collections.abc import Mapping
from dataclasses import dataclass

# Families of colours, each from light to dark: "darker" and "lighter" move within one family.
COLOUR_FAMILIES: tuple[tuple[str, ...], ...] = (
    ("white", "grey", "black"),
    ("beige", "brown"),
    ("pink", "red", "burgundy"),
    ("orange",),
    ("yellow",),
    ("green", "olive"),
    ("light blue", "blue", "navy"),
    ("purple",),
)
COLOURS: tuple[str, ...] = tuple(colour for family in COLOUR_FAMILIES for colour in family)

PLAIN = "plain"
PATTERNS: tuple[str, ...] = (
    PLAIN,
    "striped",  # horizontal bands
    "pinstriped",  # vertical lines
    "checked",
    "dotted",
    "floral",
    "zigzag",
    "colour-block",  # upper part in the first colour, lower part in the second
    "starred",
)

# Attributes whose values have an order: "longer", "higher", "wider" move to the right.
SLEEVES = ("sleeveless", "short", "three-quarter", "long")
LENGTHS = ("short", "medium", "long")
FITS = ("slim", "regular", "wide")
HEELS = ("flat", "low", "high")
SHAFTS = ("ankle", "calf", "knee")
BRIMS = ("narrow", "wide")
ORDERED: Mapping[str, tuple[str, ...]] = {
    "sleeve": SLEEVES,
    "length": LENGTHS,
    "fit": FITS,
    "heel": HEELS,
    "shaft": SHAFTS,
    "brim": BRIMS,
    "top": ("low", "high"),
    "height": ("low", "tall"),
}

NONE = "none"


@dataclass(frozen=True, slots=True)
class Category:
    """Category of products; `attributes` maps each visible attribute besides colour and pattern to its values."""

    department: str
    attributes: Mapping[str, tuple[str, ...]]


CATEGORIES: Mapping[str, Category] = {
    "t-shirt": Category(
        "garment",
        {
            "sleeve": ("sleeveless", "short", "long"),
            "neckline": ("round", "v-neck"),
            "length": LENGTHS,
            "pockets": (NONE, "chest"),
        },
    ),
    "shirt": Category(
        "garment",
        {
            "sleeve": ("short", "three-quarter", "long"),
            "collar": ("pointed", "band"),
            "fit": ("slim", "wide"),
            "pockets": (NONE, "chest"),
        },
    ),
    "sweater": Category(
        "garment", {"neckline": ("round", "v-neck", "turtleneck"), "sleeve": ("short", "long"), "length": LENGTHS}
    ),
    "hoodie": Category(
        "garment", {"closure": ("pullover", "zip"), "pockets": (NONE, "kangaroo"), "length": ("short", "medium")}
    ),
    "jacket": Category(
        "garment",
        {
            "closure": ("zip", "buttons"),
            "collar": ("pointed", "band", "lapel"),
            "length": ("short", "medium"),
            "pockets": (NONE, "chest", "side"),
        },
    ),
    "coat": Category(
        "garment",
        {
            "closure": ("buttons", "belt"),
            "collar": ("lapel", "band", "hood"),
            "length": ("medium", "long"),
            "pockets": (NONE, "side"),
        },
    ),
    "dress": Category(
        "garment",
        {
            "sleeve": SLEEVES,
            "length": LENGTHS,
            "neckline": ("round", "v-neck", "square", "off-shoulder"),
            "fit": ("slim", "wide"),
        },
    ),
    "skirt": Category("garment", {"length": LENGTHS, "fit": ("slim", "wide"), "closure": (NONE, "buttons", "belt")}),
    "trousers": Category("garment", {"fit": FITS, "length": ("medium", "long"), "closure": (NONE, "belt")}),
    "shorts": Category("garment", {"fit": ("slim", "wide"), "length": ("short", "medium"), "closure": (NONE, "belt")}),
    "sneakers": Category("shoe", {"closure": ("laces", "velcro", "slip-on"), "top": ("low", "high")}),
    "boots": Category("shoe", {"shaft": SHAFTS, "heel": HEELS, "closure": ("zip", "laces", "buckle")}),
    "heels": Category(
        "shoe", {"heel": ("low", "high"), "toe": ("round", "pointed", "open"), "closure": (NONE, "ankle strap")}
    ),
    "handbag": Category(
        "bag",
        {"shape": ("rectangular", "round", "bucket"), "handle": ("short", "long", "chain"), "closure": ("flap", "zip")},
    ),
    "backpack": Category(
        "bag", {"shape": ("rectangular", "rounded"), "pockets": (NONE, "front"), "closure": ("flap", "zip")}
    ),
    "hat": Category("hat", {"brim": BRIMS, "crown": ("round", "flat"), "band": (NONE, "ribbon")}),
    "beanie": Category("hat", {"pompom": (NONE, "pompom"), "cuff": (NONE, "folded")}),
    "mug": Category("homeware", {"handle": ("round", "square", NONE), "height": ("low", "tall")}),
    "cushion": Category("homeware", {"shape": ("square", "round", "rectangular"), "trim": (NONE, "tassels", "piping")}),
    "lamp": Category("homeware", {"shade": ("cone", "drum", "dome"), "base": ("stick", "ball", "tripod")}),
}

BRANDS: tuple[str, ...] = (
    "Alder",
    "Brightside",
    "Cove",
    "Dune & Daughters",
    "Fjord",
    "Hazel",
    "Juniper",
    "Kestrel",
    "Linden",
    "Marlow",
    "North Pier",
    "Quince",
)
AUDIENCES: tuple[str, ...] = ("women", "men", "girls", "boys", "everyone")


@dataclass(frozen=True, slots=True)
class Product:
    """Product of the drawn shop.

    `look` holds every attribute that its image shows: `colour`, `pattern`, `second_colour` (only if the pattern is not
    plain) and exactly those of its category. `picture_seed` seeds everything that may vary in the image without
    changing an attribute: pose, scale, light, background, shade of the colour, fabric.
    """

    id: str
    category: str
    look: Mapping[str, str]
    brand: str
    price: float
    in_stock: bool
    audience: str
    picture_seed: int

    def facts(self) -> dict[str, str]:
        """Return the category and the look in one mapping: everything that a text can mention."""
        return {"category": self.category, **self.look}


@dataclass(frozen=True, slots=True)
class Wish:
    """Wish of a text: for each attribute that matters, the values that satisfy it.

    `unsaid` are the attributes that the words do not mention: they stay as the reference has them.
    """

    allowed: Mapping[str, frozenset[str]]
    unsaid: frozenset[str] = frozenset()

    def accepts(self, product: Product) -> bool:
        """Return True if, for every attribute of the wish, the product has one of the allowed values."""
        facts = product.facts()
        return all(facts.get(name, NONE) in values for name, values in self.allowed.items())

    def contradicts(self, product: Product) -> bool:
        """Return True if the product lacks something that the words ask for."""
        facts = product.facts()
        return any(
            facts.get(name, NONE) not in values for name, values in self.allowed.items() if name not in self.unsaid
        )

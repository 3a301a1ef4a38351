"""Wordings of the attribute values: before the noun, after *with*, and as separate remarks."""

from collections.abc import Mapping
from dataclasses import dataclass

from training.catalogue.world.world import NONE


@dataclass(frozen=True, slots=True)
class Saying:
    """Wordings of one value: before the noun, after *with*, and as a separate remark."""

    adjectives: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


_TOPS = ("t-shirt", "sweater", "hoodie", "jacket")

# By attribute and value, if all categories use the same wording.
_ALIKE: Mapping[str, Mapping[str, Saying]] = {
    "sleeve": {
        "sleeveless": Saying(("sleeveless",), ("no sleeves",), ("without sleeves",)),
        "short": Saying(("short-sleeved", "short-sleeve"), ("short sleeves",)),
        "three-quarter": Saying(("three-quarter-sleeved", "3/4-sleeve"), ("three-quarter sleeves", "3/4 sleeves")),
        "long": Saying(("long-sleeved", "long-sleeve"), ("long sleeves", "full-length sleeves")),
    },
    "neckline": {
        "round": Saying(("crew-neck", "round-neck"), ("a round neck", "a crew neck", "a round neckline")),
        "v-neck": Saying(("v-neck", "V-neck"), ("a v-neck", "a V-neckline", "a V neck")),
        "turtleneck": Saying(
            ("turtleneck", "roll-neck", "polo-neck"), ("a turtleneck", "a roll neck", "a high rolled collar")
        ),
        "square": Saying(("square-neck",), ("a square neckline", "a square neck")),
        "off-shoulder": Saying(("off-shoulder", "off-the-shoulder"), ("bare shoulders", "an off-shoulder neckline")),
    },
    "collar": {
        "pointed": Saying((), ("a pointed collar", "a classic pointed collar")),
        "band": Saying(("band-collar", "stand-up-collar"), ("a band collar", "a mandarin collar", "a stand-up collar")),
        "lapel": Saying((), ("lapels", "a lapel collar", "wide lapels")),
        "hood": Saying(("hooded",), ("a hood",)),
    },
    "fit": {
        "slim": Saying(("slim", "slim-fit", "fitted", "narrow"), ("a slim fit", "a slim cut"), ("cut slim",)),
        "regular": Saying(("regular-fit", "straight", "straight-cut"), ("a regular fit", "a straight cut")),
        "wide": Saying(("wide", "loose", "loose-fitting", "wide-cut"), ("a loose fit", "a wide cut"), ("cut wide",)),
    },
    "pockets": {
        NONE: Saying((), ("no pockets",), ("without pockets", "without any pockets")),
        "chest": Saying((), ("a chest pocket", "a breast pocket", "a pocket on the chest")),
        "kangaroo": Saying((), ("a kangaroo pocket", "a front pouch pocket", "a pocket in front")),
        "side": Saying((), ("side pockets", "pockets at the sides", "hip pockets")),
        "front": Saying((), ("a front pocket", "a pocket in front", "a pocket on the front")),
    },
    "heel": {
        "flat": Saying(("flat",), ("a flat sole", "no heel"), ("without a heel",)),
        "low": Saying(("low-heeled",), ("a low heel", "low heels", "a small heel")),
        "high": Saying(("high-heeled",), ("a high heel", "high heels", "a tall heel")),
    },
    "shaft": {
        "ankle": Saying(("ankle", "ankle-high"), ("a short shaft",), ("ending at the ankle",)),
        "calf": Saying(("mid-calf", "calf-high"), ("a calf-high shaft",), ("up to the calf",)),
        "knee": Saying(("knee-high",), ("a tall shaft", "a knee-high shaft"), ("up to the knee",)),
    },
    "top": {
        "low": Saying(("low-top", "low-cut"), ("a low top",)),
        "high": Saying(("high-top", "ankle-high"), ("a high top",)),
    },
    "toe": {
        "round": Saying(("round-toe",), ("a round toe", "rounded toes")),
        "pointed": Saying(("pointed", "pointy"), ("a pointed toe", "pointy toes")),
        "open": Saying(("open-toe", "peep-toe"), ("an open toe", "open toes")),
    },
    "brim": {
        "narrow": Saying(("narrow-brimmed", "small-brimmed"), ("a narrow brim", "a small brim")),
        "wide": Saying(("wide-brimmed", "broad-brimmed"), ("a wide brim", "a broad brim", "a big brim")),
    },
    "crown": {
        "round": Saying((), ("a round crown", "a rounded top", "a domed crown")),
        "flat": Saying(("flat-topped",), ("a flat crown", "a flat top")),
    },
    "band": {
        NONE: Saying((), ("no ribbon", "no hat band"), ("without a ribbon", "without a band")),
        "ribbon": Saying((), ("a ribbon", "a ribbon band", "a ribbon around the crown")),
    },
    "pompom": {
        NONE: Saying((), ("no pompom", "no bobble"), ("without a pompom", "without a bobble")),
        "pompom": Saying((), ("a pompom", "a bobble", "a pompom on top", "a pom-pom")),
    },
    "cuff": {
        NONE: Saying((), ("no cuff",), ("without a cuff", "without a turn-up")),
        "folded": Saying(("cuffed",), ("a folded cuff", "a turned-up cuff", "a fold at the edge")),
    },
    "height": {
        "low": Saying(("low", "short", "squat"), ("a low shape",)),
        "tall": Saying(("tall", "high"), ("a tall shape",)),
    },
    "trim": {
        NONE: Saying((), ("no trim", "plain edges"), ("without a trim", "without any trim")),
        "tassels": Saying(("tasselled",), ("tassels", "tassels at the edge")),
        "piping": Saying(("piped",), ("piping", "piped edges", "a piped edge")),
    },
    "shade": {
        "cone": Saying(("cone-shaded",), ("a cone shade", "a cone-shaped shade", "a conical shade")),
        "drum": Saying(("drum-shaded",), ("a drum shade", "a cylindrical shade", "a straight drum shade")),
        "dome": Saying(("dome-shaded",), ("a dome shade", "a domed shade", "a rounded shade")),
    },
    "base": {
        "stick": Saying((), ("a stick base", "a thin stem", "a slim stand")),
        "ball": Saying((), ("a ball base", "a round base", "a ball-shaped foot")),
        "tripod": Saying(("tripod",), ("a tripod base", "three legs", "a three-legged stand")),
    },
}

_CLOSURES: Mapping[str, Saying] = {
    "zip": Saying(("zipped", "zip-up"), ("a zip", "a zipper")),
    "buttons": Saying(("buttoned",), ("buttons", "a row of buttons")),
    "belt": Saying(("belted",), ("a belt",)),
    "laces": Saying(("lace-up", "laced"), ("laces", "shoelaces")),
    "velcro": Saying(("velcro",), ("velcro straps", "velcro", "a velcro fastening")),
    "slip-on": Saying(("slip-on", "laceless"), ("no laces",), ("without laces",)),
    "buckle": Saying(("buckled",), ("a buckle", "a buckled strap", "a buckle strap")),
    "ankle strap": Saying((), ("an ankle strap", "a strap around the ankle", "ankle straps")),
    "flap": Saying((), ("a flap", "a fold-over flap")),
    "pullover": Saying(("zipless", "over-the-head"), ("no zip",), ("without a zip", "to pull over the head")),
}
_NO_BELT = Saying(("beltless",), ("no belt",), ("without a belt",))


def _lengths(short: Saying, medium: Saying, long: Saying) -> dict[str, Saying]:
    return {"short": short, "medium": medium, "long": long}


_TOP_LENGTHS = _lengths(
    Saying(("cropped", "short"), ("a cropped length", "a short cut"), ("cut short",)),
    Saying(("mid-length", "regular-length", "hip-length"), ("a regular length",)),
    Saying(("long", "longline", "extra-long"), ("a long cut",), ("cut long",)),
)
_HEM_LENGTHS = _lengths(
    Saying(("short", "mini"), ("a short hem", "a mini length"), ("above the knee",)),
    Saying(("knee-length", "midi", "mid-length"), ("a knee-length hem",), ("down to the knee",)),
    Saying(("long", "maxi", "ankle-length"), ("a long hem",), ("down to the ankles",)),
)

# By category, if its wording differs.
_OWN: Mapping[str, Mapping[str, Mapping[str, Saying]]] = {
    **{category: {"length": _TOP_LENGTHS} for category in _TOPS},
    "coat": {
        "length": _lengths(
            Saying(),
            Saying(("mid-length", "knee-length"), ("a medium length",), ("down to the knee",)),
            Saying(("long", "full-length", "ankle-length"), ("a long cut",), ("down to the ankles",)),
        )
    },
    "dress": {"length": _HEM_LENGTHS},
    "skirt": {
        "length": _HEM_LENGTHS,
        "fit": {
            "slim": Saying(("slim", "pencil", "narrow", "fitted"), ("a slim cut", "a pencil cut")),
            "wide": Saying(("wide", "flared", "swinging"), ("a wide cut", "a flared cut")),
        },
        "closure": {
            NONE: Saying((), ("no buttons or belt",), ("without buttons or belt", "without belt or buttons")),
            "buttons": Saying(("buttoned", "button-front"), ("buttons", "buttons down the front", "a row of buttons")),
        },
    },
    "trousers": {
        "length": _lengths(
            Saying(),
            Saying(("cropped", "three-quarter-length", "7/8-length"), ("cropped legs", "shortened legs")),
            Saying(("long", "full-length"), ("long legs", "full-length legs")),
        ),
        "fit": {
            "slim": Saying(("slim", "skinny", "slim-fit", "narrow"), ("slim legs", "a slim fit", "narrow legs")),
            "regular": Saying(("regular-fit", "straight", "straight-leg"), ("straight legs", "a regular fit")),
            "wide": Saying(("wide", "wide-leg", "baggy", "loose"), ("wide legs", "a wide fit", "baggy legs")),
        },
        "closure": {NONE: _NO_BELT},
    },
    "shorts": {
        "length": _lengths(
            Saying(("very short", "mini"), ("short legs", "very short legs")),
            Saying(("knee-length", "bermuda"), ("knee-length legs",), ("down to the knee",)),
            Saying(),
        ),
        "fit": {
            "slim": Saying(("slim", "slim-fit", "narrow", "fitted"), ("slim legs", "a slim fit", "narrow legs")),
            "wide": Saying(("wide", "wide-leg", "baggy", "loose"), ("wide legs", "a wide fit", "baggy legs")),
        },
        "closure": {NONE: _NO_BELT},
    },
    "heels": {"closure": {NONE: Saying(("strapless",), ("no straps", "no ankle strap"), ("without straps",))}},
    "handbag": {
        "shape": {
            "rectangular": Saying(("rectangular", "boxy"), ("a rectangular shape", "a boxy shape")),
            "round": Saying(("round", "circular"), ("a round shape",)),
            "bucket": Saying(("bucket", "bucket-shaped"), ("a bucket shape",)),
        },
        "handle": {
            "short": Saying(("short-handled", "top-handle"), ("a short handle", "a top handle")),
            "long": Saying(("long-strapped",), ("a long strap", "a shoulder strap", "a long handle")),
            "chain": Saying(("chain-strap",), ("a chain strap", "a chain", "a chain handle")),
        },
    },
    "backpack": {
        "shape": {
            "rectangular": Saying(("rectangular", "boxy", "angular"), ("a rectangular shape", "a boxy shape")),
            "rounded": Saying(("rounded", "round"), ("a rounded shape", "a rounded top")),
        },
        "pockets": {NONE: Saying((), ("no pocket", "no front pocket"), ("without a pocket", "without pockets"))},
    },
    "mug": {
        "handle": {
            NONE: Saying(("handleless",), ("no handle",), ("without a handle",)),
            "round": Saying((), ("a round handle", "a rounded handle", "a curved handle")),
            "square": Saying((), ("a square handle", "an angular handle", "a boxy handle")),
        }
    },
    "cushion": {
        "shape": {
            "square": Saying(("square",), ("a square shape",)),
            "round": Saying(("round", "circular"), ("a round shape",)),
            "rectangular": Saying(("rectangular", "oblong"), ("a rectangular shape", "an oblong shape")),
        }
    },
}

# By category and attribute: words that are true for more values than their own.
_BROAD: Mapping[tuple[str, str], Mapping[str, frozenset[str]]] = {
    ("sneakers", "closure"): dict.fromkeys(("laceless", "no laces", "without laces"), frozenset(("slip-on", "velcro"))),
    ("handbag", "handle"): dict.fromkeys(("a shoulder strap", "a long handle"), frozenset(("long", "chain"))),
    ("lamp", "base"): {"a round base": frozenset(("ball", "stick"))},  # the stick stands on a disc
}


def saying(category: str, attribute: str, value: str) -> Saying:
    """Return the wordings of the value for that category; `meaning` returns the values that a word is true for."""
    own = _OWN.get(category, {}).get(attribute, {})
    if value in own:
        return own[value]
    return _CLOSURES[value] if attribute == "closure" else _ALIKE[attribute][value]


def meaning(category: str, attribute: str, value: str, words: str) -> frozenset[str]:
    """Return all values that the words are true for, if `saying` gives them for `value`."""
    return _BROAD.get((category, attribute), {}).get(words, frozenset((value,)))

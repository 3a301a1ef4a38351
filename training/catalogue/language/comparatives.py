"""Comparatives of the ordered attributes: "longer", "with a wider brim", "make the heel lower"."""

from collections.abc import Mapping

# By attribute: wordings for *further up* and *further down* in the order of its values, by role.
COMPARED: Mapping[str, tuple[Mapping[str, list[str]], Mapping[str, list[str]]]] = {
    "sleeve": (
        {"with": ["longer sleeves", "longer sleeves"], "command": ["make the sleeves longer", "lengthen the sleeves"]},
        {
            "with": ["shorter sleeves", "shorter sleeves"],
            "command": ["make the sleeves shorter", "shorten the sleeves"],
        },
    ),
    "length": (
        {"adjective": ["longer"], "after": ["longer", "a bit longer"], "with": ["a longer cut", "more length"]},
        {"adjective": ["shorter"], "after": ["shorter", "a bit shorter"], "with": ["a shorter cut", "less length"]},
    ),
    "fit": (
        {
            "adjective": ["wider", "looser", "less fitted", "roomier", "less tight"],
            "with": ["a wider cut", "a looser fit"],
        },
        {"adjective": ["slimmer", "more fitted", "narrower", "tighter"], "with": ["a slimmer cut", "a tighter fit"]},
    ),
    "heel": (
        {"with": ["a higher heel", "higher heels"], "command": ["make the heel higher"]},
        {"with": ["a lower heel", "lower heels"], "command": ["make the heel lower"]},
    ),
    "shaft": (
        {"with": ["a higher shaft", "a taller shaft", "a longer shaft"], "remark": ["going further up the leg"]},
        {"with": ["a lower shaft", "a shorter shaft"], "remark": ["ending lower on the leg"]},
    ),
    "brim": (
        {"with": ["a wider brim", "a broader brim", "a bigger brim"], "command": ["make the brim wider"]},
        {"with": ["a narrower brim", "a smaller brim"], "command": ["make the brim narrower", "make the brim smaller"]},
    ),
    "top": (
        {"with": ["a higher top"], "adjective": ["higher-cut"], "after": ["higher at the ankle"]},
        {"with": ["a lower top"], "adjective": ["lower-cut"], "after": ["lower at the ankle"]},
    ),
    "height": ({"adjective": ["taller"], "after": ["a bit taller"]}, {"adjective": ["lower", "shorter", "less tall"]}),
}

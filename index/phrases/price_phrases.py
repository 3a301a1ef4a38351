"""Prices in a text: "under 50", "between 50 and 80 €", "around 60", "cheaper", "cheapest".

A number with a currency, or after a word of prices, is a price. One without is a price only if nothing follows that it
could count or measure, and if the gallery has prices on both sides of it: "under 5 buttons" and "size 42" stay words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from index.items.values import Number
from index.phrases.fact import AttributeOrder, Fact, on_attribute
from index.sources.feeds.prices import PLAIN_CODES

NEAR = 0.2  # share of a price by which prices around it may differ
CHILD = 18  # years: "for kids up to 12" is no price

_CODES = "|".join(sorted(code.lower() for code in PLAIN_CODES))
_CURRENCY = (
    rf"(?:us\$|c\$|a\$|[€$£¥₹]|(?:euros?|dollars?|bucks|pounds?|quid|francs?|kroner|kronor|kr|zł|{_CODES})(?![^\W_]))"
)
_NUMBER = r"\d{1,3}(?:[.,']\d{3})+(?:[.,]\d{1,2})?|\d{1,7}(?:[.,]\d{1,2})?"
_END = r"(?![^\W_])(?!\s?[%°″′\"])(?![.,:/'’]\d)(?!['’]s?\b)(?![-–]\w)"


def _amount(name: str) -> str:
    return rf"(?:(?P<{name}_before>{_CURRENCY})\s?)?(?P<{name}>{_NUMBER})(?:\s?(?P<{name}_after>{_CURRENCY})|{_END})"


_SAY = (  # of prices, so that a number alone is one
    r"(?P<say>(?:that|which)\s+costs?\s+|costing\s+|costs?\s+(?:is\s+|are\s+)?"
    r"|(?:(?:with|at|for)\s+)?(?:(?:a|the)\s+)?(?:price[ds]?|budget)(?:\s+(?:is|of|at|range))*\s*:?\s*)"
)
_LEAD = rf"(?:(?:that|which)\s+(?:is|are)\s+)?(?:{_SAY}|(?:for|at)\s+)?"
_BOUNDS = {
    "lte": r"(?:no|not|nothing|never|none)\s+(?:more\s+than|over|above|beyond)|at\s+most|up\s+to|upto|<=|≤"
    r"|max(?:imum|imal|\.)?(?:\s+of)?",
    "gte": r"(?:no|not|nothing|never|none)\s+(?:less\s+than|under|below)|at\s+least|>=|≥|starting\s+(?:at|from)"
    r"|upwards?\s+of|min(?:imum|imal|\.)?(?:\s+of)?",
    "lt": r"under|below|beneath|(?P<cheaper>cheaper\s+than|less\s+expensive\s+than)|less\s+than|lower\s+than|<(?!=)",
    "gt": r"over|above|(?P<dearer>more\s+expensive\s+than|pricier\s+than)|more\s+than|higher\s+than|>(?!=)",
}
_BOUND = re.compile(
    rf"(?<![\w-]){_LEAD}(?:{'|'.join(f'(?P<{name}>{words})' for name, words in _BOUNDS.items())})\s*{_amount('a')}",
    re.IGNORECASE,
)
_FROM = re.compile(rf"(?<![\w-])from\s+{_amount('a')}(?:\s+(?:on|up|upwards?))?", re.IGNORECASE)  # with a currency
_RANGE = re.compile(
    rf"(?<![\w.,-]){_LEAD}(?:(?P<between>between)\s+|(?P<from>from)\s+)?{_amount('a').replace(_END, '')}"
    rf"(?:\s*(?P<dash>[-–—])\s*|\s+(?P<link>and|to|until)\s+){_amount('b')}",
    re.IGNORECASE,
)
_AROUND = re.compile(
    rf"(?<![\w-]){_LEAD}(?:around|about|approximately|approx\.?|roughly|circa|ca\.?|~|≈)\s*{_amount('a')}",
    re.IGNORECASE,
)
_LESS = r"or\s+(?:less|under|below|cheaper)|max(?:imum)?\.?|tops|at\s+most"
_MORE = r"or\s+(?:more|over|above)|and\s+(?:up|above|over|more)|upwards|min(?:imum)?\.?|at\s+least"
_SUFFIX = re.compile(  # with a currency, or after a word of prices
    rf"(?<![\w.,-]){_LEAD}{_amount('a').replace(_END, '(?![.,]?[0-9])')}"
    rf"\s*(?:(?P<lte>{_LESS})|(?P<gte>{_MORE}))(?![^\W_])",
    re.IGNORECASE,
)
_EASE = r"(?:(?:a\s+(?:bit|little|lot)|slightly|much|even|way|somewhat|far)\s+)?"
_THAN = r"(?:\s+than\s+(?:this|that|it|these|those)(?:\s+ones?)?)?"
_COMPARED = re.compile(
    rf"(?<![\w-])(?<!not )(?<!no )(?:(?:an?|the|one\s+that\s+is|something|that\s+is)\s+)?{_EASE}"
    r"(?:(?P<lt>cheaper|less\s+expensive|less\s+costly|more\s+affordable|lower[\s-]priced)"
    rf"|(?P<gt>more\s+expensive|pricier|dearer|higher[\s-]priced)){_THAN}(?:\s+(?:ones?|version|alternative|option))?"
    r"(?![^\W_])(?!\s+than\b)",
    re.IGNORECASE,
)
_EXTREME = re.compile(
    r"(?<![\w-])(?:the\s+)?(?:(?P<asc>cheapest|least\s+expensive|lowest[\s-]priced?)|(?P<desc>most\s+expensive|priciest"
    r"|highest[\s-]priced?))(?:\s+(?:ones?|first))?(?![^\W_])",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"([^\W\d_]+)[\s:]*$")
_WORD_AFTER = re.compile(r"\s+([^\W_]+)")
_PAUSE = re.compile(r"\s*(?:$|[,.;:!?()\[\]…]|[-–—]\s)")
_FOLLOWING = frozenset(  # words that cannot be what a number counts
    {
        "and", "or", "but", "with", "without", "in", "on", "for", "from", "by", "please", "that", "which", "if", "only",
        "at", "as", "made", "not", "ideally", "instead", "available", "thanks", "total", "altogether", "though", "then",
        "preferably",
    }
)  # fmt: skip
_MEASURED = frozenset(  # words before a number that say what it measures
    {
        "size", "sizes", "age", "ages", "aged", "eu", "uk", "us", "length", "height", "width", "depth", "waist", "heel",
        "diameter", "inseam", "chest", "number", "no", "weight", "rated", "rating", "year", "years", "model",
    }
)  # fmt: skip
_CHILDREN = frozenset(
    {"kid", "kids", "child", "children", "toddler", "toddlers", "baby", "babies", "boy", "boys", "girl", "girls",
     "teen", "teens", "infants"}
)  # fmt: skip
_ADULTS = frozenset({"woman", "women", "man", "men", "lady", "ladies", "people", "adults", "persons", "seniors"})


@dataclass(frozen=True, slots=True)
class ShopPrices:
    """The attribute of a gallery's prices, the least and the most of them, and the price of the reference."""

    name: str
    extent: tuple[Number, Number] | None
    reference: Number | None


def facts(text: str, prices: ShopPrices) -> Iterator[Fact]:
    """Yield the facts about prices in a text; of those that overlap, the first is meant."""
    if any(map(str.isdecimal, text)):
        yield from _ranges(text, prices)
        for match in _BOUND.finditer(text):
            said = bool(match["say"] or match["cheaper"] or match["dearer"])
            comparison = next(name for name in _BOUNDS if match[name])
            if _is_price(text, match, prices, said=said, downwards=comparison in ("lt", "lte")):
                yield _fact(match, prices, {comparison: _number(match["a"])})
        for match in _AROUND.finditer(text):
            price = _number(match["a"])
            if _is_price(text, match, prices, said=bool(match["say"]), downwards=True):
                least, most = round(price * (1 - NEAR), 2), round(price * (1 + NEAR), 2)
                yield _fact(match, prices, {"gte": least, "lte": most})
        for match in _SUFFIX.finditer(text):
            if match["say"] or _has_currency(match, "a"):
                yield _fact(match, prices, {"lte" if match["lte"] else "gte": _number(match["a"])})
        for match in _FROM.finditer(text):
            if _has_currency(match, "a"):
                yield _fact(match, prices, {"gte": _number(match["a"])})
    for match in _COMPARED.finditer(text):
        if prices.reference is not None:
            yield _fact(match, prices, {"lt" if match["lt"] else "gt": prices.reference})
    for match in _EXTREME.finditer(text):
        order = AttributeOrder(prices.name, "asc" if match["asc"] else "desc")
        yield Fact(match.start(), match.end(), {}, order)


def comparisons(text: str) -> list[tuple[int, int]]:
    """Return the places of phrases that compare prices with that of a reference."""
    return [match.span() for match in _COMPARED.finditer(text)]


def _ranges(text: str, prices: ShopPrices) -> Iterator[Fact]:
    for match in _RANGE.finditer(text):
        if match["link"] == "and" and not match["between"]:
            continue
        has_currency = _has_currency(match, "a") or _has_currency(match, "b")
        bare = bool(match["between"] or match["from"]) and _is_price(text, match, prices, said=False, downwards=True)
        if not (has_currency or match["say"] or bare):
            continue
        least, most = sorted((_number(match["a"]), _number(match["b"])))
        yield _fact(match, prices, {"gte": least, "lte": most})


def _fact(match: re.Match[str], prices: ShopPrices, bounds: dict[str, Number]) -> Fact:
    condition: dict[str, JsonValue] = {**bounds}
    return Fact(match.start(), match.end(), on_attribute(prices.name, condition))


def _has_currency(match: re.Match[str], name: str) -> bool:
    return bool(match[f"{name}_before"] or match[f"{name}_after"])


def _is_price(text: str, match: re.Match[str], prices: ShopPrices, *, said: bool, downwards: bool) -> bool:
    """Return whether the number of a match is a price and nothing else."""
    if said or _has_currency(match, "a"):
        return True
    numbers = [_number(match[name]) for name in ("a", "b") if name in match.groupdict() and match[name]]
    if prices.extent is None or not all(prices.extent[0] < number < prices.extent[1] for number in numbers):
        return False
    before = _WORD_BEFORE.search(text[: match.start()])
    word = before[1].casefold() if before else ""
    if word in _MEASURED or (word in _CHILDREN and numbers[0] <= CHILD) or (word in _ADULTS and not downwards):
        return False
    if _PAUSE.match(text, match.end()):
        return True
    after = _WORD_AFTER.match(text, match.end())
    if after is None or after[1].casefold() not in _FOLLOWING:
        return False
    if after[1].casefold() != "in":
        return True
    following = _WORD_AFTER.match(
        text, after.end()
    )  # "under 40 in" is of inches, "up to 40 in length" of another length
    return following is not None and following[1].casefold() not in _MEASURED


def _number(written: str) -> Number:
    """Return a number that was written with a mark for thousands, for decimals, or both."""
    decimals = re.search(r"[.,](\d{1,2})$", written)
    whole = re.sub(r"\D", "", written[: decimals.start()] if decimals else written)
    return float(f"{whole}.{decimals[1]}") if decimals else int(whole)

"""Prices as shops write them: a number in either locale, with the sign or the code of a currency.

The cells of a column decide together which mark is the decimal one. What they leave open stays text: a parser of single
prices takes "1.299" for 1299 and "10-20 €" for 10.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index.sources.feeds.column_names import fold

NAME = re.compile(r"(^|_)(price|preis|prix|precio|prezzo|msrp|rrp|uvp)(_|$)")  # of a column of prices, folded
DATE = re.compile(r"(^|_)(dates?|datum)(_|$)")  # as in sale_price_effective_date
MAX_CHARACTERS = 40
MAX_DIGITS = 15  # that a float keeps

SYMBOLS = {
    "€": "EUR", "£": "GBP", "₹": "INR", "₺": "TRY", "₽": "RUB", "₩": "KRW", "₪": "ILS", "₫": "VND", "₴": "UAH",
    "฿": "THB", "₦": "NGN", "zł": "PLN", "kč": "CZK", "ft": "HUF", "lei": "RON", "fr.": "CHF", "sfr.": "CHF",
    "r$": "BRL", "us$": "USD", "c$": "CAD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD", "hk$": "HKD",
    "s$": "SGD", "nt$": "TWD", "mx$": "MXN", "euro": "EUR", "$": "USD", "¥": "JPY", "kr": "", "kr.": "",
}  # fmt: skip
SHARED = {"$": "read as USD", "¥": "read as JPY", "kr": "read without a currency", "kr.": "read without a currency"}
CODES = re.compile(  # of ISO 4217
    "AED|AFN|ALL|AMD|AOA|ARS|AUD|AWG|AZN|BAM|BBD|BDT|BGN|BHD|BIF|BMD|BND|BOB|BRL|BSD|BTN|BWP|BYN|BZD"
    "|CAD|CDF|CHF|CLP|CNY|COP|CRC|CUP|CVE|CZK|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GEL|GHS|GIP|GMD|GNF|GTQ"
    "|GYD|HKD|HNL|HTG|HUF|IDR|ILS|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD"
    "|LSL|LYD|MAD|MDL|MGA|MKD|MMK|MNT|MOP|MRU|MUR|MVR|MWK|MXN|MYR|MZN|NAD|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PEN|PGK|PHP"
    "|PKR|PLN|PYG|QAR|RON|RSD|RUB|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SOS|SRD|SSP|STN|SVC|SYP|SZL|THB|TJS|TMT|TND"
    "|TOP|TRY|TTD|TWD|TZS|UAH|UGX|USD|UYU|UZS|VED|VES|VND|VUV|WST|XAF|XCD|XOF|XPF|YER|ZAR|ZMW|ZWG"
)
# in a column whose name says nothing of prices: "40 TOP", "6 ft" and "5 ALL" are none there
PLAIN_CODES = frozenset({"EUR", "USD", "GBP", "CHF", "JPY", "CNY", "SEK", "NOK", "DKK", "PLN", "CZK", "AUD", "CAD"})
THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})  # have three decimals; others two or none

SIGN = r"[^\W\d_]{1,4}\$?\.?|[^\w\s.,'’+-]"
PRICE = re.compile(
    rf"(?P<minus>[-−])?(?P<before>{SIGN})?\s?(?P<minus2>[-−])?(?P<number>[0-9](?:[0-9.,'’ \u00a0\u2009\u202f]*[0-9])?)"
    rf"(?P<dash>[.,][-–—]{{1,2}})?\s?(?P<after>{SIGN})?"
)
WHOLE = r"(?:0|[1-9][0-9]*|[1-9][0-9]{{0,2}}(?:(?P<mark>[{marks}])[0-9]{{3}})(?:(?P=mark)[0-9]{{3}})*{more})"
POINT = re.compile(WHOLE.format(marks=r",' ", more=r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}") + r"(?P<decimals>\.[0-9]+)?")
COMMA = re.compile(WHOLE.format(marks=r".' ", more="") + r"(?P<decimals>,[0-9]+)?")

THREE_DECIMALS = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a column, the code of the currency of each ("" if it has none), and sentences for its reader."""

    values: Sequence[float | None]
    currencies: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Price:
    sign: str  # of its currency, folded
    currency: str
    is_plain: bool  # a price by its sign alone, in whatever column
    point: float | None  # the number if the point is the decimal mark, None if it cannot be
    comma: float | None

    @property
    def is_open(self) -> bool:
        """Return whether both marks are possible, and make two numbers."""
        return self.point is not None and self.comma is not None and self.point != self.comma


def is_price_name(name: str) -> bool:
    """Return whether a column of that name holds prices."""
    return NAME.search(fold(name)) is not None and DATE.search(fold(name)) is None


def is_doubtful(name: str, cells: Sequence[str]) -> bool:
    """Return whether a number may be a price with a point between its thousands."""
    return is_price_name(name) and any(map(THREE_DECIMALS.fullmatch, cells))


def read(name: str, cells: Sequence[str | None]) -> Prices | None:
    """Return the prices of a column, None for an empty cell; None unless every cell is one, without any doubt.

    A column of prices has a name that says so, or a currency in every cell.
    """
    parsed: list[_Price | None] = []
    for cell in cells:
        price = None if cell is None else _price(cell)
        if cell is not None and price is None:
            return None
        parsed.append(price)
    prices = [price for price in parsed if price is not None]
    if not prices:
        return None
    if not is_price_name(name) and not all(price.is_plain for price in prices):
        return None
    points = any(price.comma is None for price in prices)
    commas = any(price.point is None for price in prices)
    values: list[float | None] = []
    guessed: tuple[str, float] | None = None
    for cell, price in zip(cells, parsed, strict=True):
        if price is None or cell is None:
            values.append(None)
            continue
        if not price.is_open:
            value = price.comma if price.point is None else price.point
        elif points != commas:
            value = price.point if points else price.comma
        elif price.currency and price.currency not in THOUSANDTHS:  # whose prices never have three decimals
            value = max(price.point or 0.0, price.comma or 0.0, key=abs)
            guessed = guessed or (cell, value)
        else:
            return None
        values.append(value)
    notes = list(_shared(name, prices))
    if guessed is not None:
        notes.append(f"the attribute {name!r}: {guessed[0]!r} was read as {guessed[1]:.2f}, and others so")
    codes = sorted({price.currency for price in prices if price.currency})
    if len(codes) > 1:
        shown = ", ".join(codes)
        notes.append(f"the attribute {name!r} has prices in {shown}: filters and order compare the numbers alone")
    return Prices(values, ["" if price is None else price.currency for price in parsed], notes)


def _price(cell: str) -> _Price | None:
    match = PRICE.fullmatch(cell) if len(cell) <= MAX_CHARACTERS else None
    if match is None or (match["before"] and match["after"] and match["before"] != match["after"]):
        return None
    written = match["before"] or match["after"] or ""
    sign = written.casefold()
    if written and sign not in SYMBOLS and not CODES.fullmatch(written):
        return None
    number = re.sub(r"\s", " ", match["number"]).replace("’", "'")
    if sum(map(str.isdecimal, number)) > MAX_DIGITS:
        return None
    factor = -1.0 if match["minus"] or match["minus2"] else 1.0
    is_plain = written in PLAIN_CODES or (sign in SYMBOLS and not any(map(str.isalpha, sign)))
    # a dash stands for the decimals, as in 19,-
    point, comma = (_number(number, pattern, factor, whole=bool(match["dash"])) for pattern in (POINT, COMMA))
    if point is None and comma is None:
        return None
    return _Price(sign, SYMBOLS.get(sign, written), is_plain, point, comma)


def _number(number: str, pattern: re.Pattern[str], factor: float, *, whole: bool) -> float | None:
    match = pattern.fullmatch(number)
    if match is None or (whole and match["decimals"]):
        return None
    decimals = match["decimals"] or ""
    digits = re.sub(r"[^0-9]", "", number[: len(number) - len(decimals)])
    return factor * float(digits + decimals.replace(",", "."))


def _shared(name: str, prices: Sequence[_Price]) -> Iterator[str]:
    for sign in sorted({price.sign for price in prices if price.sign in SHARED}):
        yield (
            f"the attribute {name!r} has prices in {sign!r}, which several currencies share; they are {SHARED[sign]}:"
            " write the code of the currency, as 12.99 USD, if it is another"
        )

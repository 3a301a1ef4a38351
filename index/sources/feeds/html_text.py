"""HTML of descriptions as plain text."""

import html
import re

WITHIN_WORDS = re.compile(r"</?(?:a|abbr|b|em|font|i|mark|small|span|strong|sub|sup|u)(?:\s[^<>]*)?>", re.IGNORECASE)
TAG = re.compile(r"<[^<>]*>")  # linear in the length, whatever the text
SPACE = re.compile(r"\s+")


def plain(text: str) -> str:
    """Return the text without tags, its entities decoded, one space for any white space and for tags between words."""
    return SPACE.sub(" ", html.unescape(TAG.sub(" ", WITHIN_WORDS.sub("", text)))).strip()

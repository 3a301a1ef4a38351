"""HTML of descriptions as plain text."""

import html
import re

TAG = re.compile(r"<[^<>]*>")  # linear in the length, whatever the text
SPACE = re.compile(r"\s+")


def plain(text: str) -> str:
    """Return the text without tags, its entities decoded, and one space for any white space."""
    return SPACE.sub(" ", html.unescape(TAG.sub(" ", text))).strip()

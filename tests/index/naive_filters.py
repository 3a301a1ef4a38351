"""Filters as JSON, evaluated plainly for one row: what the tests of filters compare with."""

import json
from collections.abc import Mapping
from typing import Any

from index.sources.cells import Value


def holds(filter: Mapping[str, Any], row: Mapping[str, Value]) -> bool:
    """The naive oracle: one row, read straight from the JSON."""
    for name, wanted in filter.items():
        if name == "and":
            held = all(holds(each, row) for each in wanted)
        elif name == "or":
            held = any(holds(each, row) for each in wanted)
        elif name == "not":
            held = not holds(wanted, row)
        elif name == "attribute":
            held = meets(row.get(wanted["name"]), wanted["is"])
        else:
            held = meets(row.get(name), wanted)
        if not held:
            return False
    return True


def meets(value: Value, wanted: object) -> bool:
    """Return True if a value or one text of a list passes; a range must hold for one text, "not" for the whole."""
    if isinstance(value, list):
        if isinstance(wanted, dict) and "not" in wanted:
            rest = {key: other for key, other in wanted.items() if key != "not"}
            return not meets(value, wanted["not"]) and (not rest or meets(value, rest))
        return any(meets(text, wanted) for text in value) if value else meets(None, wanted)
    if isinstance(wanted, list):
        return any(meets(value, each) for each in wanted)
    if not isinstance(wanted, dict):
        if isinstance(value, str) and isinstance(wanted, int | float):  # as an attribute of texts would hold it
            wanted = json.dumps(int(wanted) if isinstance(wanted, float) and wanted.is_integer() else wanted)
        return kind(value) == kind(wanted) and value == wanted
    for key, other in wanted.items():
        if key == "not":
            held = not meets(value, other)
        elif kind(value) != kind(other):
            held = False
        else:
            held = {"gte": value >= other, "gt": value > other, "lte": value <= other, "lt": value < other}[key]
        if not held:
            return False
    return True


def kind(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return repr(value)
    return "text" if isinstance(value, str) else "number"

from typing import Literal

AttributeAnswerType = Literal["boolean", "integer", "list of texts", "number", "text"]

ATTRIBUTE_ANSWER_TYPE_VALUES: set[AttributeAnswerType] = {
    "boolean",
    "integer",
    "list of texts",
    "number",
    "text",
}


def check_attribute_answer_type(value: str) -> AttributeAnswerType:
    if value in ATTRIBUTE_ANSWER_TYPE_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {ATTRIBUTE_ANSWER_TYPE_VALUES!r}")

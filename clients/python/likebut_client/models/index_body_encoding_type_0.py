from typing import Literal

IndexBodyEncodingType0 = Literal["auto", "flat", "fp16", "rabitq", "sq8"]

INDEX_BODY_ENCODING_TYPE_0_VALUES: set[IndexBodyEncodingType0] = {
    "auto",
    "flat",
    "fp16",
    "rabitq",
    "sq8",
}


def check_index_body_encoding_type_0(value: str) -> IndexBodyEncodingType0:
    if value in INDEX_BODY_ENCODING_TYPE_0_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {INDEX_BODY_ENCODING_TYPE_0_VALUES!r}")

"""Multipart forms, parsed in memory: text fields and one file."""

import io
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header

from service.errors import BadRequest, Unusable

FIELDS = ("text", "k", "query")
DETAIL = "a form may have one file named image and the fields text, k and query, each at most once"


@dataclass(slots=True)
class Form:
    """The parts of a search that was sent as a form."""

    fields: dict[str, str] = field(default_factory=dict)
    image: bytes | None = None
    complete: bool = False  # the closing boundary was received


def parse(data: bytes, *, content_type: str) -> Form:
    """Return the form in a body; raises BadRequest if it is malformed or cut off, Unusable for unknown parts."""
    form = Form()

    def on_field(part: Field) -> None:
        name = _name(part.field_name)
        if name not in FIELDS or name in form.fields:
            raise Unusable(DETAIL, fields=[{"field": name, "detail": DETAIL}])
        form.fields[name] = (part.value or b"").decode()

    def on_file(part: File) -> None:
        name = _name(part.field_name)
        if name != "image" or form.image is not None:
            raise Unusable(DETAIL, fields=[{"field": name, "detail": DETAIL}])
        assert isinstance(part.file_object, io.BytesIO)
        form.image = part.file_object.getvalue()

    def on_end() -> None:
        form.complete = True

    boundary = parse_options_header(content_type)[1].get(b"boundary")
    try:
        parser = FormParser(
            "multipart/form-data", on_field, on_file, on_end, boundary=boundary,
            config={"MAX_MEMORY_FILE_SIZE": len(data) + 1},  # the body is limited already: no file goes to disk
        )  # fmt: skip
        parser.write(data)
    except (FormParserError, ValueError) as error:  # ValueError: a field that is not UTF-8
        raise BadRequest(f"the form cannot be read ({error})") from error
    if not form.complete:
        raise BadRequest("the form is cut off: the closing boundary is missing")
    return form


def _name(given: bytes | None) -> str:
    return (given or b"").decode(errors="replace")[:100]

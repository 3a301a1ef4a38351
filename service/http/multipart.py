"""Multipart forms, parsed in memory: text fields and images, as browsers and HTTP clients send them."""

import base64
import codecs
import quopri
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from service.errors import BadRequest, Unusable

MAX_NAME = 1024  # characters of an id
MAX_BOUNDARY_BYTES = 200  # RFC 2046 allows 70
LEFT_OUT = frozenset({"", "null", "undefined"})  # JavaScript's FormData makes these texts of null and undefined
CHARSETS = frozenset(
    {
        "utf-8", "ascii", "utf-16", "iso8859-1", "iso8859-2", "iso8859-15", "cp1250", "cp1251", "cp1252", "cp1253",
        "cp1254", "koi8-r", "big5", "euc_jp", "euc_kr", "gb2312", "gbk", "gb18030", "shift_jis",
    }
)  # fmt: skip  # by Python's names; others that Python knows are slow, or encode bytes and not text


@dataclass(frozen=True, slots=True)
class FormLayout:
    """The parts that a form may have, in names and as a sentence for the caller."""

    fields: tuple[str, ...]
    sentence: str
    otherwise: str  # how to name an image that is not in the form
    by_id: bool = False  # whether each other part is an image of the item of that id
    max_images: int = 1  # of one name
    max_parts: int = 32


SEARCH = FormLayout(
    ("text", "k", "query"),
    "a form may have one file named image and the fields text, k and query, each at most once",
    'name an item or a URL in query, as {"image": {"item_id": …}}',
)


@dataclass(slots=True)
class Form:
    """The parts of a form, without those that are empty."""

    fields: dict[str, str]
    images: list[bytes] = field(default_factory=list)
    images_by_id: dict[str, list[bytes]] = field(default_factory=dict)  # of items

    @property
    def image(self) -> bytes | None:
        """The image of a form that may have one."""
        return self.images[0] if self.images else None


@dataclass(slots=True)
class _FormPart:
    """One part with its headers (names in lower case) and its bytes."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)

    def parameter(self, header: bytes, name: bytes) -> bytes | None:
        """Return a parameter of a header, None if there is none."""
        return _parameters(self.headers.get(header)).get(name)

    def data(self) -> bytes:
        """Return the bytes without their transfer encoding."""
        data = b"".join(self.chunks)
        encoding = self.headers.get(b"content-transfer-encoding", b"").strip().lower()
        if encoding == b"base64":
            return base64.b64decode(data)
        return quopri.decodestring(data) if encoding == b"quoted-printable" else data

    def is_text(self, data: bytes) -> bool:
        """Return whether these bytes of the part image are text: the name of an image, but no image."""
        kind = self.headers.get(b"content-type", b"text/plain").strip().lower()
        if self.parameter(b"content-disposition", b"filename") is not None or not kind.startswith(b"text/"):
            return False
        try:
            return "\0" not in data.decode()
        except UnicodeDecodeError:
            return False


def parse(data: bytes, *, content_type: str, layout: FormLayout = SEARCH) -> Form:
    """Return the form in a body; raises BadRequest if it is malformed or cut off, Unusable if a part cannot be used.

    A part is read by its name: text may come with a file name and a content type (a Blob), and an image without them.
    An empty part counts as left out, since browsers send one for a file input without a file.
    """
    try:
        parts = list(_named(_parts(data, _boundary(content_type), layout), layout))
        default = next((part.data().decode("ascii") for name, part in parts if name == "_charset_"), "utf-8")
        form = Form({})
        seen: Counter[str] = Counter()
        for name, part in parts:
            content = part.data()
            file_name = part.parameter(b"content-disposition", b"filename")
            if name == "_charset_" or (name in ("image", *layout.fields) and not content and not file_name):
                continue
            most = 1 if name in layout.fields else layout.max_images
            if seen[name] == most:
                times = "once" if most == 1 else f"{most} times"
                raise _refused(name, f"the part {name} is in the form more than {times}: send it {times} at most")
            seen[name] += 1
            if name == "image" and not layout.by_id:
                if part.is_text(content):
                    if content.decode().strip() in LEFT_OUT:
                        continue
                    raise _refused(
                        name,
                        f"the part image holds a text: send the image file itself, or {layout.otherwise}",
                    )
                form.images.append(content)
            elif name in layout.fields:
                try:
                    text = _decoded(name, content, part.parameter(b"content-type", b"charset"), default)
                except UnicodeError as error:
                    raise BadRequest(f"the part {name} is not text in its charset ({error}): send UTF-8") from error
                if name == "text" and text.strip():
                    form.fields[name] = text
                elif name != "text" and text.strip() not in LEFT_OUT:
                    form.fields[name] = text.strip()
            elif layout.by_id:
                form.images_by_id.setdefault(name, []).append(content)
            else:
                raise _refused(name, f"the form has a part named {name!r}: {layout.sentence}")
    except (FormParserError, ValueError) as error:  # ValueError: text or base64 that cannot be decoded
        raise BadRequest(f"the form cannot be read ({error})") from error
    return form


@lru_cache(maxsize=256)  # the headers of a form are the same from one request to the next
def _parameters(header: str | bytes | None) -> Mapping[bytes, bytes]:
    return parse_options_header(header)[1]


def _boundary(content_type: str) -> bytes:
    boundary = _parameters(content_type).get(b"boundary", b"")
    if not boundary or len(boundary) > MAX_BOUNDARY_BYTES:
        raise BadRequest(
            "the content type of the form has no usable boundary: let your HTTP client set Content-Type together with"
            " the form, do not set it by hand"
        )
    return boundary


def _parts(data: bytes, boundary: bytes, layout: FormLayout) -> list[_FormPart]:
    """Return the parts of a form; raises FormParserError, and BadRequest if the closing boundary is missing."""
    parts: list[_FormPart] = []
    header: list[bytes] = [b"", b""]  # name and value of the one that is read
    complete = False

    def begin() -> None:
        parts.append(_FormPart())
        if len(parts) > layout.max_parts:
            raise Unusable(f"the form has more than {layout.max_parts} parts: {layout.sentence}")

    def read_header_name(buffer: bytes, start: int, end: int) -> None:
        header[0] += buffer[start:end]

    def read_header_value(buffer: bytes, start: int, end: int) -> None:
        header[1] += buffer[start:end]

    def end_header() -> None:
        parts[-1].headers[header[0].lower()] = header[1]
        header[:] = b"", b""

    def read(buffer: bytes, start: int, end: int) -> None:
        parts[-1].chunks.append(buffer[start:end])

    def end() -> None:
        nonlocal complete
        complete = True

    MultipartParser(
        boundary,
        {
            "on_part_begin": begin, "on_header_field": read_header_name, "on_header_value": read_header_value,
            "on_header_end": end_header, "on_part_data": read, "on_end": end,
        },
    ).write(data)  # fmt: skip
    if not complete:
        raise BadRequest("the form is cut off: the closing boundary is missing")
    return parts


def _named(parts: list[_FormPart], layout: FormLayout) -> Iterator[tuple[str, _FormPart]]:
    for number, part in enumerate(parts, start=1):
        name = part.parameter(b"content-disposition", b"name")
        if name == b"" and layout.by_id:
            raise _refused("", f"part {number} of the form has an empty name: name it as its item's id")
        if not name:
            raise BadRequest(f"part {number} of the form has no name: {layout.sentence}")
        yield name.decode(errors="replace")[: MAX_NAME if layout.by_id else 100], part


def _decoded(name: str, content: bytes, given: bytes | None, default: str) -> str:
    """Return a text part as text: by its own charset, or the one of the part _charset_."""
    charset = default if given is None else given.decode("latin-1")
    try:
        known = codecs.lookup(charset).name
    except (LookupError, ValueError):
        known = ""
    if known not in CHARSETS:
        raise _refused(name, f"the charset {charset[:100]!r} of the part {name} is unknown: send UTF-8")
    return content.decode(known).removeprefix("\ufeff")  # a byte order mark


def _refused(name: str, detail: str) -> Unusable:
    return Unusable(detail, fields=[{"field": name, "detail": detail}])

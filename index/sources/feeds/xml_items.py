"""Items of a product feed in XML (RSS 2.0 or Atom): the texts of their elements, by local name, in bounded memory."""

from collections.abc import Iterator, Mapping
from typing import IO
from xml.parsers import expat

from index.sources.feeds.cell_types import Row
from models.csv_tables import Note
from models.errors import SourceError

GOOGLE = "http://base.google.com/ns/1.0"  # its g:title comes before a title of RSS
ITEMS = frozenset({"item", "entry"})
CHUNK_BYTES = 64 * 1024
MAX_DEPTH = 64
MAX_ELEMENTS = 1000  # of an item
MAX_CHARACTERS = 1024 * 1024  # of an item
MAX_TOKEN_BYTES = 1024 * 1024  # of a tag or a comment, which the parser reads again with each chunk


def items(table: str, opened: IO[bytes], note: Note) -> Iterator[Row]:
    """Yield the items in file order; an element that occurs several times is a list of texts.

    Elements that hold other elements are left out with a note. Raises SourceError for XML that is not well formed, that
    declares a document type (and so perhaps entities), and for items beyond the limits.
    """
    reader = _ItemCollector(table)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.refuse_document_type
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.CommentHandler = parser.ProcessingInstructionHandler = reader.event
    try:
        while True:
            chunk = opened.read(CHUNK_BYTES)
            parser.Parse(chunk, not chunk)
            yield from reader.taken()
            if not chunk:
                break
            reader.silent_bytes += len(chunk)
            if reader.silent_bytes > MAX_TOKEN_BYTES:
                raise SourceError(f"{table}, line {parser.CurrentLineNumber} has a tag or comment that is too long")
    except (expat.ExpatError, LookupError, ValueError) as error:  # the last two are of unknown encodings
        raise SourceError(f"{table} is not well-formed XML ({error}): write or copy it again") from error
    if not reader.count:
        raise SourceError(f"{table} has no elements item or entry: give a feed in RSS or Atom, as of Google Merchant")
    if reader.nested:
        shown = ", ".join(sorted(reader.nested))
        note(f"elements that hold other elements are no attributes and were left out of {table}: {shown}")


class _ItemCollector:
    """Collects the items that end in a chunk of the file."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.count = 0
        self.nested: set[str] = set()
        self.silent_bytes = 0  # read since the parser reported anything
        self._done: list[Row] = []
        self._depth = 0
        self._item_depth = 0  # 0 outside of items
        self._elements = self._characters = 0
        self._values: dict[str, tuple[bool, list[str]]] = {}  # by local name: whether Google's, and the texts
        self._texts: list[str] = []
        self._link = ""
        self._simple = False  # the innermost element is an attribute and holds no other element

    def taken(self) -> list[Row]:
        """Return the items since the last call."""
        done, self._done = self._done, []
        return done

    def event(self, *_: object) -> None:
        """Notes that the parser reported something."""
        self.silent_bytes = 0

    def refuse_document_type(self, *_: object) -> None:
        """Raises SourceError: a document type can define entities, and feeds have none."""
        raise SourceError(f"{self.table} declares a document type (DOCTYPE), which is not read: leave it out")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begins an element."""
        self.event()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SourceError(f"{self.table} has elements nested more than {MAX_DEPTH} times: write flat items")
        if not self._item_depth:
            if tag.rpartition(" ")[2] in ITEMS:
                self._item_depth = self._depth
                self._values, self._elements, self._characters = {}, 0, 0
            return
        self._elements += 1
        self._limit(self._elements, MAX_ELEMENTS, "elements")
        self._simple = self._depth == self._item_depth + 1
        self._texts = []
        self._link = attributes.get("href", "") if attributes.get("rel", "alternate") == "alternate" else ""  # Atom's

    def text(self, text: str) -> None:
        """Adds text to the innermost element."""
        self.event()
        if self._item_depth:
            self._characters += len(text)
            self._limit(self._characters, MAX_CHARACTERS, "characters")
            self._texts.append(text)

    def end(self, tag: str) -> None:
        """Ends an element, and perhaps the item."""
        self.event()
        namespace, _, name = tag.rpartition(" ")
        if self._item_depth and self._depth == self._item_depth:
            self.count += 1
            self._done.append(
                {name: texts[0] if len(texts) == 1 else texts for name, (_, texts) in self._values.items()}
            )
            self._item_depth = 0
        elif self._item_depth and self._depth == self._item_depth + 1:
            if self._simple:
                self._add(name, "".join(self._texts).strip() or self._link, is_google=namespace == GOOGLE)
            else:
                self.nested.add(name)
        self._depth -= 1
        self._simple = False

    def _add(self, name: str, text: str, *, is_google: bool) -> None:
        if not text:
            return
        before, texts = self._values.get(name, (is_google, []))
        if before == is_google:
            self._values[name] = is_google, [*texts, text]
        elif is_google:
            self._values[name] = True, [text]

    def _limit(self, count: int, most: int, unit: str) -> None:
        if count > most:
            raise SourceError(f"item {self.count + 1} of {self.table} has more than {most} {unit}: give it fewer")

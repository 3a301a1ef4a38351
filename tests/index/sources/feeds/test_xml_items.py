"""XML of feeds is read in bounded memory and time, and nothing in it reaches another file."""

import time
import tracemalloc
from pathlib import Path

import pytest

from index.sources.rows import rows
from models.errors import SourceError

HEAD = '<rss xmlns:g="http://base.google.com/ns/1.0"><channel>'
ITEM = "<item><g:id>{id}</g:id><g:image_link>a.png</g:image_link>{more}</item>"
TAIL = "</channel></rss>"


@pytest.mark.parametrize(
    ("document", "match"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + HEAD + ITEM.format(id="&b;", more="") + TAIL, "DOCTYPE"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + HEAD + ITEM.format(id="&b;", more=""), "DOCTYPE"),
        ('<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/a.dtd">' + HEAD + TAIL, "DOCTYPE"),
        (HEAD + ITEM.format(id="1", more="") + "</channel>", "not well-formed XML"),
        (HEAD + ITEM.format(id="&undefined;", more="") + TAIL, "not well-formed XML"),
        ("<products><product><id>1</id></product></products>", "no elements item or entry"),
        ("<rss><item>" + "<a>" * 100, "nested more than"),
        (HEAD + ITEM.format(id="1", more="<g:a>x</g:a>" * 1001) + TAIL, "more than 1000 elements"),
        (HEAD + ITEM.format(id="1", more=f"<g:a>{'x' * 1_100_000}</g:a>") + TAIL, "characters"),
        (HEAD + "<!--" + "x" * 3_000_000 + "-->" + TAIL, "too long"),
        (HEAD + f'<item a="{"x" * 3_000_000}"></item>' + TAIL, "too long"),
        ('<?xml version="1.0" encoding="nonsense"?>' + HEAD + TAIL, "not well-formed XML"),
        (HEAD + "<item><g:id>1</g:id></item>" + TAIL, "no column 'image'"),
        ("", "not well-formed XML"),
    ],
)
def test_hostile_xml_is_refused_quickly(tmp_path: Path, document: str, match: str) -> None:
    (tmp_path / "feed.xml").write_text(document)
    began = time.process_time()
    with pytest.raises(SourceError, match=match):
        list(rows(tmp_path / "feed.xml"))
    assert time.process_time() - began < 5


def test_what_lies_between_items_takes_no_memory(tmp_path: Path) -> None:
    between = "<other>" + "<a>some text</a>" * 500_000 + "</other>"
    (tmp_path / "feed.xml").write_text(HEAD + ITEM.format(id="1", more="") + between + TAIL)
    tracemalloc.start()
    (row,) = rows(tmp_path / "feed.xml")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert row.id == "1"
    assert peak < 2_000_000


def test_a_repeated_element_is_a_list_and_one_within_another_is_left_out(tmp_path: Path) -> None:
    more = "<g:size>S</g:size><g:size>M</g:size><g:tax><g:rate>19</g:rate></g:tax><note>a<b>c</b>d</note>"
    (tmp_path / "feed.xml").write_text(HEAD + ITEM.format(id="1", more=more) + ITEM.format(id="2", more="") + TAIL)
    notes: list[str] = []
    first, second = rows(tmp_path / "feed.xml", note=notes.append)
    assert (first.attributes, second.attributes) == ({"size": ["S", "M"]}, {"size": None})
    assert [("note, tax" in note) for note in notes] == [False, True, False]

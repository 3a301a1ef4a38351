"""The triplets page: one file, everything escaped, rejected texts with their reasons."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from models.errors import InputError
from training import __main__
from training.triplets import page, write
from training.triplets.write import Rejected, WrittenTriplet

NASTY = '<script>alert("x")</script> & "quoted"'
REPORT = {
    "triplets": 30,
    "pictures": {"folder": ""},
    "pairs": {"drawn": 40},
    "captions": {"model": "llava <b>"},
    "texts": {"model": "vicuna"},
}


class Shown(HTMLParser):
    """The tags and the words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def made(tmp_path: Path, pictures: Path) -> Path:
    """Return a folder as a run leaves it."""
    names = sorted(path.relative_to(pictures).as_posix() for path in pictures.rglob("*.jpg"))
    triplets = [
        WrittenTriplet(names[row % 12], f"text {row}", names[(row + 1) % 12], f"this {row}", NASTY) for row in range(30)
    ]
    rejected = [Rejected(names[0], names[1], 0, f"{NASTY} {row}", "too long", "a", "b") for row in range(20)]
    rejected.append(Rejected("gone.jpg", names[1], 1, "", "no answer: status 400", "a", ""))
    out = tmp_path / "out"
    out.mkdir()
    report = {**REPORT, "pictures": {"folder": str(pictures)}}
    write.write(out, triplets, rejected, report, with_parquet=False)
    return out


def test_it_shows_as_many_triplets_as_asked_with_pictures_text_and_captions(made: Path) -> None:
    assert __main__.main(["triplets", "page", str(made), "--count", "7"]) == 0
    shown = Shown((made / page.PAGE).read_text(encoding="utf-8"))
    texts = [word for word in shown.words if re.fullmatch(r"text \d+", word)]
    assert len(texts) == 7
    assert all(f"this {text.split()[1]}" in shown.words for text in texts)
    sources = [attributes["src"] or "" for tag, attributes in shown.tags if tag == "img"]
    assert len(sources) == 2 * (7 + 12) + 1 and all(source.startswith("data:image/jpeg;base64,") for source in sources)


def test_nothing_of_it_is_fetched_and_nothing_runs(made: Path) -> None:
    page.show(made, count=30, images=None, seed=1)
    text = (made / page.PAGE).read_text(encoding="utf-8")
    shown = Shown(text)
    assert not {"script", "link", "iframe", "b"} & {tag for tag, _ in shown.tags}
    assert not re.search(r'(src|href)="(?!data:|#)', text) and "url(" not in text
    assert shown.words.count(NASTY) == 30  # complete, as words


def test_what_was_rejected_is_told_with_reason_and_count(made: Path) -> None:
    page.show(made, count=3, images=None, seed=1)
    words = [word.strip() for word in Shown((made / page.PAGE).read_text(encoding="utf-8")).words]
    assert words[words.index("too long", words.index("Rejected")) + 1] == "20"
    assert sum(word.startswith(NASTY + " ") for word in words) == 12  # of many of one reason, only some
    assert "no answer: status 400, requested again" in words and "gone.jpg" in words


def test_pictures_that_lie_elsewhere_now_are_named(made: Path, pictures: Path) -> None:
    moved = pictures.rename(pictures.with_name("moved"))
    assert "data:image" not in page.show(made, count=3, images=None, seed=1).read_text(encoding="utf-8")
    assert "data:image" in page.show(made, count=3, images=moved, seed=1).read_text(encoding="utf-8")


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["triplets", "page", str(tmp_path)]) == 2
    assert "holds no finished run" in capsys.readouterr().err
    (tmp_path / write.REPORT).write_text(json.dumps({"triplets": 3}))
    with pytest.raises(InputError, match=r"pictures\.folder"):
        page.show(tmp_path, count=3, images=None, seed=1)

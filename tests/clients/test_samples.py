"""The samples in the documents are those that the other tests run."""

import re

import pytest

from tests.imports import ROOT

SAMPLES = [ROOT / "clients" / "python" / "sample.py", ROOT / "clients" / "typescript" / "sample.ts"]


@pytest.mark.parametrize("document", ["README.md", "clients/README.md"])
def test_the_documents_show_the_samples(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    shown = re.findall(r"^```(?:python|ts)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    samples = [path.read_text(encoding="utf-8") for path in SAMPLES]
    assert shown == samples or (document == "README.md" and not shown)


def test_the_samples_have_ten_lines() -> None:
    for path in SAMPLES:
        assert len([line for line in path.read_text(encoding="utf-8").splitlines() if line]) <= 10

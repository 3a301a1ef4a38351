"""The tables of docs/capacity.md are what the script prints."""

from pathlib import Path

import pytest

import capacity_error

PAGE = Path(__file__).parents[2] / "docs" / "capacity.md"


@pytest.mark.parametrize(("mark", "options"), [("measured", ["--measured"]), ("error", ["--most", "3000000"])])
def test_the_page_has_the_tables_that_the_script_prints(
    mark: str, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert capacity_error.main(options) == 0
    shown = PAGE.read_text(encoding="utf-8").partition(f"<!-- {mark} -->\n\n")[2].partition("\n\n<!-- end -->")[0]
    assert shown == capsys.readouterr().out.strip()

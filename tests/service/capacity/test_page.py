"""The table of docs/capacity.md is what the command prints."""

from pathlib import Path

from service.capacity import plan
from service.capacity.demand import Demand
from service.capacity.measurements import measurements

SIZES = (10**6, 10**7, 2 * 10**7, 4 * 10**7, 10**8, 10**9)
PAGE = Path(__file__).parents[3] / "docs" / "capacity.md"


def test_the_table_is_what_the_command_prints() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "likebut capacity --items 1e6 1e7 2e7 4e7 1e8 1e9 --qps 500\n" in text
    demands = [Demand(items=count, qps=500) for count in SIZES]
    shown = text.partition("<!-- table -->\n\n")[2].partition("\n\n<!-- end -->")[0]
    assert shown == plan.as_table(demands, measurements())

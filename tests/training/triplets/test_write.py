"""Files of a run: the report marks them as complete."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from models.errors import InputError
from training.triplets import write
from training.triplets.write import WrittenTriplet


def test_a_run_that_is_cut_short_leaves_no_report_of_the_one_before(tmp_path: Path) -> None:
    triplet = WrittenTriplet("a.jpg", "in red", "b.jpg", "a coat", "a red coat")
    write.write(tmp_path, [triplet], [], {"triplets": 1}, with_parquet=False)
    assert write.report(tmp_path) == {"triplets": 1}
    broken: Mapping[str, object] = {"triplets": object()}  # not JSON: it fails before the report exists
    with pytest.raises(TypeError):
        write.write(tmp_path, [triplet, triplet], [], broken, with_parquet=False)
    with pytest.raises(InputError, match="no finished run"):
        write.report(tmp_path)

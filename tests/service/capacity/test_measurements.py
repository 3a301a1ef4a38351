"""Functions fitted to measurements give back the law that the measurements follow, and the file is whole."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from index.vectors.encodings import ENCODINGS
from index.vectors.shards import lists
from models.errors import ConfigError
from service.capacity import measurements
from service.capacity.measurements import SHARED, SINGLE, Measurements, fit, items, one

ROOT = Path(__file__).parents[3]


def rows(*counts: int) -> list[dict[str, object]]:
    return [{"items": count, "dimension": 64} for count in counts]


def test_a_fit_gives_back_its_law_and_no_negative_factor() -> None:
    fitted = fit((one, items), rows(10, 1000, 50_000), lambda row: 7 + 0.5 * row["items"])
    assert fitted({"items": 10**9}) == pytest.approx(7 + 0.5e9)
    falling = fit((one, items), rows(10, 20, 30), lambda row: 100 - row["items"])
    assert min(falling.factors) == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_fit_of_noisy_figures_is_near_their_law(seed: int) -> None:
    noise = np.random.default_rng(seed)
    law = rows(10**4, 10**5, 10**6, 10**7)
    values = {row["items"]: (3e-6 * float(str(row["items"])) + 2) * noise.uniform(0.95, 1.05) for row in law}
    fitted = fit((one, items), law, lambda row: values[row["items"]])
    assert fitted({"items": 10**8}) == pytest.approx(302, rel=0.1)


def test_adding_and_training_grow_with_items_and_lists() -> None:
    small, large = {"items": 10**6, "dimension": 64}, {"items": 10**8, "dimension": 64}
    assert measurements.assigned(large) == 10**8 * lists(10**8) * 64
    assert measurements.assigned(large) / measurements.assigned(small) == pytest.approx(1000)
    assert measurements.trained(large) / measurements.trained(small) == pytest.approx(100)


@pytest.fixture
def repository() -> Measurements:
    return Measurements.read()


def test_the_file_has_all_that_the_model_takes(repository: Measurements) -> None:
    sizes: Mapping[str, set[int]] = {name: {row["items"] for row in repository.encoded(name)} for name in ENCODINGS}
    assert all(len(counts) >= 2 for counts in sizes.values())
    row = {"items": 3_000_000, "dimension": 256, "probed": 100}
    for encoding in ("sq8", "rabitq"):
        assert all(repository.part_cpu_s(part, encoding)(row) > 0 for part in (*SHARED, *SINGLE))
        assert repository.search_ms(encoding)(row) > 0
    assert repository.build_bytes()(row) > repository.serve_bytes()(row) > 0
    assert {"small", "vit-b-32"} <= set(repository.encoders)


def test_the_model_gives_back_the_galleries_that_it_is_fitted_to(repository: Measurements) -> None:
    for row in repository.galleries:
        if row["items"] >= 1_000_000:
            assert repository.serve_bytes()(row) == pytest.approx(row["serve_anonymous"], rel=0.2)
            assert repository.items_bytes()(row) == pytest.approx(
                sum(count for name, count in row["bytes"].items() if name not in ("vectors.npy", "shards")), rel=0.2
            )
            assert repository.shard_bytes(row["encoding"], row) == pytest.approx(row["bytes"]["shards"], rel=0.05)
            assert repository.probed(row["encoding"])(row["items"]) == pytest.approx(row["probed"])


def test_a_higher_recall_takes_more_lists_and_one_not_measured_is_refused(repository: Measurements) -> None:
    factors = [repository.lists_factor(recall, "sq8") for recall in (0.8, 0.9, 0.95, 0.97, 0.99)]
    assert factors == sorted(factors) and factors[2] == pytest.approx(1)
    with pytest.raises(ConfigError, match=r"0\.999 was not measured"):
        repository.lists_factor(0.999, "sq8")


def test_a_file_of_one_size_is_refused(tmp_path: Path) -> None:
    facts = json.loads(measurements.FILE.read_text())
    facts["galleries"] = facts["galleries"][:1]
    (tmp_path / "measured.json").write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match="less than two sizes"):
        Measurements.read(tmp_path / "measured.json")


def test_the_scripts_that_write_the_file_name_it() -> None:
    for name in ("scale", "encoder_cost", "milvus_memory"):
        assert '"service/capacity/measured.json"' in (ROOT / f"deploy/benchmarks/vectors/{name}.py").read_text()

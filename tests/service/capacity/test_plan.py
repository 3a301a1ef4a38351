"""Estimates grow with the demand, name the source of each figure, and choose what can be built."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import ConfigError
from service.capacity import folder, milvus, plan
from service.capacity.demand import Demand
from service.capacity.measurements import Measurements, measurements

ROOT = Path(__file__).parents[3]
SHOP = Demand(items=1_000_000, dimension=256, qps=50)


@pytest.fixture(scope="module")
def measured() -> Measurements:
    return measurements()


@pytest.mark.parametrize("engine", ["folder", "milvus"])
def test_more_items_take_more_of_everything(measured: Measurements, engine: str) -> None:
    found = []
    for count in (10**5, 10**6, 10**7, 10**8, 10**9):
        both = plan.estimates(replace(SHOP, items=count, encoding="sq8"), measured)
        found.append(next(one for one in both if one.engine == engine))
    for less, more in itertools.pairwise(found):
        assert less.memory_bytes < more.memory_bytes and less.disk_bytes < more.disk_bytes
        assert less.build_memory_bytes < more.build_memory_bytes
        assert sum(less.hours.values()) < sum(more.hours.values())
        assert less.cpu_ms <= more.cpu_ms and less.total_machines <= more.total_machines


def test_machines_follow_the_load_and_the_cores(measured: Measurements) -> None:
    def count(**changes: float) -> int:
        return folder.estimate(replace(SHOP, **changes), measured).total_machines  # type: ignore[arg-type]  # by name

    assert count(qps=0.1) == 2
    assert count(qps=0.1, replicas=5) == 5
    assert count(qps=5000) > count(qps=500) > 2
    assert count(qps=5000, cores=8) == pytest.approx(4 * count(qps=5000, cores=32), rel=0.1)
    assert count(qps=5000, query_ms=1.0) < count(qps=5000)


def test_machines_cost_what_they_are_priced(measured: Measurements) -> None:
    chosen, _ = plan.estimates(replace(SHOP, price=2.5), measured)
    assert chosen.cost_per_hour == 2.5 * chosen.total_machines
    fast = replace(SHOP, images_per_s=1000, embedders=2)
    assert folder.estimate(fast, measured).hours["embed"] == pytest.approx(1_000_000 / 2000 / 3600)


def test_a_folder_has_a_writer_if_a_rebuild_does_not_fit_beside_the_searches(measured: Measurements) -> None:
    fits = folder.estimate(replace(SHOP, items=10**7), measured)
    memory = (fits.memory_bytes + fits.build_memory_bytes / 2) / 2**30 / (1 - SHOP.spare)
    apart = folder.estimate(replace(SHOP, items=10**7, memory_gib=memory), measured)
    assert "writer" not in fits.machines and apart.machines["writer"] == 1
    assert apart.obstacles == fits.obstacles


def test_rabitq_is_taken_before_a_folder_is_given_up(measured: Measurements) -> None:
    slow = replace(SHOP, items=13_000_000, dimension=512)
    assert folder.estimate(replace(slow, encoding="sq8"), measured).obstacles
    taken = folder.estimate(slow, measured)
    assert taken.encoding == "rabitq" and not taken.obstacles
    assert plan.most_in_folder(slow, measured) > slow.items


def test_a_gallery_in_milvus_takes_no_less_memory_than_a_server_grew_by(measured: Measurements) -> None:
    largest = measured.milvus["rows"][-1]
    demand = replace(SHOP, items=largest["items"], dimension=largest["dimension"])
    assert milvus.estimate(demand, measured).memory_bytes >= largest["server_anonymous"] * 0.999


def test_a_small_gallery_is_a_folder_and_a_large_one_is_in_milvus(measured: Measurements) -> None:
    assert plan.estimates(SHOP, measured)[0].engine == "folder"
    assert plan.estimates(replace(SHOP, items=10**9), measured)[0].engine == "milvus"
    most = plan.most_in_folder(SHOP, measured)
    assert 10**6 < most < 10**9
    assert not folder.estimate(replace(SHOP, items=most), measured).obstacles
    assert folder.estimate(replace(SHOP, items=2 * most), measured).obstacles


def test_more_memory_lets_a_folder_hold_more(measured: Measurements) -> None:
    demand = replace(SHOP, share=0.001, p50_ms=1000, build_h=1000)
    counts = [plan.most_in_folder(replace(demand, memory_gib=memory), measured) for memory in (16, 128, 1024)]
    assert counts == sorted(set(counts))
    assert plan.most_in_folder(replace(demand, p50_ms=0.01), measured) == 0


def test_a_smaller_encoding_takes_less_memory(measured: Measurements) -> None:
    sizes = [folder.estimate(replace(SHOP, encoding=name), measured).memory_bytes for name in ("rabitq", "sq8", "flat")]
    assert sizes == sorted(sizes)


def test_every_assumption_says_where_it_comes_from(measured: Measurements) -> None:
    for demand in (SHOP, replace(SHOP, items=10**9, query_ms=5.0, images_per_s=9.0, share=0.1)):
        for estimate in plan.estimates(demand, measured):
            for assumption in estimate.assumptions:
                assert assumption.value and (assumption.source or assumption.kind == "assumed")
                if assumption.kind in ("measured", "computed"):
                    assert (ROOT / assumption.source.split()[0].strip(";,")).is_file(), assumption
            names = [assumption.name for assumption in estimate.assumptions]
            assert len(set(names)) == len(names)
        text = plan.as_text(demand, measured).splitlines()
        assert sum(line.endswith("]") for line in text) == len(plan.estimates(demand, measured)[0].assumptions)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"items": 10}, "--items is 10: give from 1000"),
        ({"qps": 0}, "--qps is 0: give above 0"),
        ({"filtered": 1.5}, "--filtered is 1.5: give a share"),
        ({"recall": 1.0}, "--recall is 1.0: give between 0 and 1"),
        ({"dimension": 0}, "--dimension is 0"),
        ({"cores": 0}, "--cores is 0"),
        ({"price": -1}, "--price is -1"),
        ({"images_per_s": 0}, "--images-per-s is 0"),
        ({"share": 0}, "--share is 0"),
        ({"spare": 1}, "--spare is 1"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(changes: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SHOP, **changes)  # type: ignore[arg-type]  # by name


def test_an_encoder_that_was_not_measured_is_refused(measured: Measurements) -> None:
    with pytest.raises(ConfigError, match=r"'large' was not measured: choose from .*vit-b-32"):
        plan.estimates(replace(SHOP, encoder="large"), measured)

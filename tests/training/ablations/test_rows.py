"""Rows of the table: each config differs from its base in its ablation only, and shares the rest."""

import pytest

from training.ablations.rows import CONFIGS, ROWS, AblationRow
from training.data.config import DrawnTriplets
from training.methods import config
from training.methods.clip import ContrastConfig
from training.methods.clip4cir import Clip4CirConfig
from training.methods.config import AnyConfig
from training.methods.instruct.instruct import InstructConfig
from training.methods.reranker.reranker import RerankConfig
from training.methods.slerp import SlerpConfig
from training.methods.transagg import TransAggConfig
from training.methods.two_stage.two_stage import TwoStageConfig

OF_NAME = {row.name: row for row in ROWS}
EVERYTHING: dict[str, object] = {"composing.learns": "everything"}
SHARES = (1, 3, 10, 30)  # percent
SCRATCH: dict[str, object] = {**EVERYTHING, "composing.start": "scratch"}
SHARE = ("data.share", "loop.epochs", "loop.validation_epochs")  # a smaller share has more epochs


DIFFERENCES: dict[str, dict[str, object]] = {
    "mapping": {},
    "base": {},
    "no-injection": {"mapping.net.injection_layers": ()},
    "no-soft": {"mapping.loss.soft": 0.0, "composing.loss.soft": 0.0},
    "no-hard-negatives": {"composing.loss.mixed": 0},
    "release-scale": {"composing.loss.mixed_logit_scale": "none"},
    "cap-1": {"composing.loss.mixed_cap": 1.0},
    "no-mask": {"composing.loss.satisfied": False},
    "temperature-01": {"composing.loss.temperature": 0.01},
    "everything": EVERYTHING,
    "adapters-last": {"composing.net.adapter_layers": (11,)},
    "adapters-two": {"composing.net.adapter_layers": (5, 11)},
    "rank-16": {"composing.net.rank": 16},
    "rank-64": {"composing.net.rank": 64},
    "low-quality-30": {"composing.data.drift": 0.3},
    "low-quality-70": {"composing.data.drift": 0.7},
    "scratch": SCRATCH,
    **{f"share-{percent:02}": {"composing.data.share": percent / 100} for percent in SHARES},
    **{f"scratch-{percent:02}": {**SCRATCH, "composing.data.share": percent / 100} for percent in SHARES},
    "instruct": {},
    "instruct-no-combiner": {},
    "instruct-asked-generated": {},
    "instruct-average": {"reformulating.momentum.start": 0.98},
    "instruct-no-crossing": {"reformulating.net.crossed": False},
    "instruct-no-captions": {"reformulating.loss.captions": 0.0},
    "instruct-template": {"reformulating.data.texts": "template"},
    "instruct-generated": {"reformulating.data.texts": "generated"},
    **{f"instruct-{percent:02}": {"reformulating.data.share": percent / 100} for percent in SHARES[1:]},
    "instruct-100k": {"reformulating.data.triplets": 100_000},
}
SHIPPED = {"two-stage-small", "instruct-small"}
RERANKED = {"rerank-small"}
ON_PICTURES_OR_WORDS = {"slerp-small", "pic2word-small", "searle-small", "lincir-small"}
BASELINES = ON_PICTURES_OR_WORDS | {"clip4cir", "transagg"}


def settings(row: AblationRow) -> AnyConfig:
    return config.read(CONFIGS / f"{row.config}.toml")


def two_stage(row: AblationRow) -> TwoStageConfig:
    found = settings(row)
    assert isinstance(found, TwoStageConfig)
    return found


def flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def differing(row: AblationRow, other: str) -> dict[str, object]:
    """Return the settings of a row's config that differ from another row's."""
    base, own = (flat(settings(each).model_dump()) for each in (OF_NAME[other], row))
    assert base.keys() == own.keys()
    return {name: value for name, value in own.items() if base[name] != value}


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.name not in SHIPPED | BASELINES | RERANKED], ids=lambda row: row.name
)
def test_a_row_differs_from_what_it_is_set_against_in_just_what_it_says(row: AblationRow) -> None:
    found = differing(row, row.against)
    if any(name.endswith(SHARE[0]) for name in found):
        assert any(name.endswith(SHARE[1:]) for name in found)
        found = {name: value for name, value in found.items() if not name.endswith(SHARE[1:])}
    assert found == DIFFERENCES[row.name]


def test_with_and_without_a_first_stage_a_share_is_seen_equally_often() -> None:
    for percent in SHARES:
        one, other = (two_stage(OF_NAME[f"{kind}-{percent:02}"]).composing for kind in ("share", "scratch"))
        assert (one.loop, one.optim, one.data) == (other.loop, other.optim, other.data)


def test_the_bases_are_the_shipped_configs_on_fewer_triplets() -> None:
    assert differing(OF_NAME["base"], "two-stage-small").keys() == {
        "backbone.pretrained",  # the shipped bundle's own weights
        "composing.data.one_shop",  # the order of a whole shop is not the paper's
        "composing.data.triplets",
        "composing.learns",
        "composing.loss.shop",
    }
    assert differing(OF_NAME["instruct"], "instruct-small").keys() == {
        "reformulating.data.triplets",
        "reformulating.data.alike",
        "reformulating.momentum.start",
    }


def test_transaggs_head_learns_from_the_same_triplets_as_often() -> None:
    one, other = settings(OF_NAME["transagg"]), settings(OF_NAME["instruct"])
    assert isinstance(one, TransAggConfig) and isinstance(other, InstructConfig)
    assert (one.seed, one.backbone, one.template) == (other.seed, other.backbone, other.template)
    assert (one.aggregating.data, one.aggregating.loop) == (other.reformulating.data, other.reformulating.loop)


def test_clip4cirs_combiner_learns_from_the_same_triplets_as_often() -> None:
    one, other = settings(OF_NAME["clip4cir"]), settings(OF_NAME["transagg"])
    assert isinstance(one, Clip4CirConfig) and isinstance(other, TransAggConfig)
    assert (one.seed, one.backbone, one.template) == (other.seed, other.backbone, other.template)
    assert (one.combiner.data, one.combiner.loop) == (other.aggregating.data, other.aggregating.loop)


def test_the_baselines_rest_on_one_clip_and_are_set_against_the_sum() -> None:
    base = two_stage(OF_NAME["base"])
    rows = [row for row in ROWS if row.group == "Baselines"]
    assert {row.name for row in rows} == BASELINES - {"transagg"}
    for row in rows:
        own = settings(row)
        assert not isinstance(own, RerankConfig)
        assert (own.seed, own.backbone, row.against) == (base.seed, base.backbone, "sum")
        assert (row.stage or None) == (own.stages[-1] if own.stages else None)
        if row.words:  # the same sentence as of the two-stage method's pseudo-words
            assert not isinstance(own, ContrastConfig | SlerpConfig) and own.template == base.template


def test_every_ablation_has_a_row() -> None:
    files = {f"ablations/{path.stem}" for path in (CONFIGS / "ablations").glob("*.toml")}
    assert files | SHIPPED | ON_PICTURES_OR_WORDS | RERANKED == {row.config for row in ROWS}


def test_a_first_stage_is_taken_over_just_where_it_is_the_same() -> None:
    shared = two_stage(OF_NAME["mapping"])
    for row in ROWS:
        own = settings(row)
        same = (
            isinstance(own, TwoStageConfig)
            and own.composing.start == "mapping"
            and (own.backbone, own.mapping) == (shared.backbone, shared.mapping)
        )
        assert (row.mapping == "mapping") == (same and row.name != "mapping"), row.name


def test_a_row_of_another_run_has_its_config() -> None:
    for row in ROWS:
        assert OF_NAME[row.run].config == row.config and OF_NAME[row.run].run == row.run


def test_a_share_has_enough_rows_for_a_batch() -> None:
    for row in ROWS:
        match settings(row):
            case (
                TwoStageConfig(composing=part)
                | InstructConfig(reformulating=part)
                | TransAggConfig(aggregating=part)
                | Clip4CirConfig(combiner=part)
            ):
                assert isinstance(part.data, DrawnTriplets)
                assert round(part.data.triplets * part.data.share) >= part.loop.batch, row.name

"""The rows of the table: runs of the methods, and of each what is left out or changed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.evaluation.result import Texts

CONFIGS = Path(__file__).parents[1] / "configs"

Group = Literal[
    "Two-stage",
    "Left out or changed",
    "Adapters",
    "Triplets",
    "No first stage",
    "InstructCIR",
    "InstructCIR, left out or changed",
    "InstructCIR, triplets",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One run and what it shows; the bundle and the result have its name, and the run's folder if it has its own."""

    name: str
    title: str
    group: Group
    config: str  # below CONFIGS, without its suffix
    stage: str = "composing"  # the last one that is trained and exported
    mapping: str | None = "mapping"  # the row whose first stage is taken over; None: its own, or there is none
    of: str = ""  # the row whose run this one only asks otherwise, up to its own `stage`
    texts: Texts = "written"  # what is asked

    @property
    def run(self) -> str:
        """The folder of its run."""
        return self.of or self.name

    @property
    def words(self) -> bool:
        """Whether its pseudo-word is measured alone, too."""
        return self.group == "Two-stage"

    @property
    def against(self) -> str:
        """The row that its group is set against."""
        return "instruct" if self.group.startswith("InstructCIR") else "base"


_CHANGED: Group = "InstructCIR, left out or changed"
_TEXTS: Group = "InstructCIR, triplets"


def _instruct(
    name: str,
    title: str,
    group: Group,
    *,
    config: str = "",
    stage: str = "combining",
    of: str = "",
    texts: Texts = "written",
) -> Row:
    config = config or f"ablations/{of or name}"
    return Row(name, title, group, config, stage=stage, mapping=None, of=of, texts=texts)


ROWS = (
    Row("mapping", "stage I", "Two-stage", "ablations/base", stage="mapping", mapping=None),
    Row("pic2word", "Pic2Word: the token learner alone", "Two-stage", "ablations/pic2word", "mapping", None),
    Row("base", "stage I + II", "Two-stage", "ablations/base"),
    Row("two-stage-small", "as shipped: stage II trains all, all triplets", "Two-stage", "two-stage-small"),
    Row("no-injection", "no visual semantic injection", "Left out or changed", "ablations/no-injection", mapping=None),
    Row("no-soft", "no soft text alignment", "Left out or changed", "ablations/no-soft", mapping=None),
    Row("no-hard-negatives", "no hard negatives", "Left out or changed", "ablations/no-hard-negatives"),
    Row("release-scale", "mixed scores not divided by τ", "Left out or changed", "ablations/release-scale"),
    Row("cap-1", "mixtures up to the positive itself", "Left out or changed", "ablations/cap-1"),
    Row("no-mask", "known answers are negatives too", "Left out or changed", "ablations/no-mask"),
    Row("temperature-01", "τ = .01 in stage II, the paper's", "Left out or changed", "ablations/temperature-01"),
    Row("everything", "stage II trains stage I's modules too", "Left out or changed", "ablations/everything"),
    Row("adapters-last", "after the last block alone", "Adapters", "ablations/adapters-last"),
    Row("adapters-two", "after two of the four blocks", "Adapters", "ablations/adapters-two"),
    Row("rank-16", "rank 16", "Adapters", "ablations/rank-16"),
    Row("rank-64", "rank 64", "Adapters", "ablations/rank-64"),
    Row("low-quality-30", "30 % of low quality", "Triplets", "ablations/low-quality-30"),
    Row("low-quality-70", "70 % of low quality", "Triplets", "ablations/low-quality-70"),
    Row("share-01", "1 %", "Triplets", "ablations/share-01"),
    Row("share-03", "3 %", "Triplets", "ablations/share-03"),
    Row("share-10", "10 %", "Triplets", "ablations/share-10"),
    Row("share-30", "30 %", "Triplets", "ablations/share-30"),
    Row("scratch-01", "1 %", "No first stage", "ablations/scratch-01", mapping=None),
    Row("scratch-03", "3 %", "No first stage", "ablations/scratch-03", mapping=None),
    Row("scratch-10", "10 %", "No first stage", "ablations/scratch-10", mapping=None),
    Row("scratch-30", "30 %", "No first stage", "ablations/scratch-30", mapping=None),
    Row("scratch", "100 %", "No first stage", "ablations/scratch", mapping=None),
    Row("transagg", "TransAgg's head", "InstructCIR", "ablations/transagg", stage="aggregating", mapping=None),
    _instruct("instruct", "both phases", "InstructCIR"),
    _instruct("instruct-small", "as shipped", "InstructCIR", config="instruct-small"),
    _instruct("instruct-no-average", "targets by the network itself, not an average", _CHANGED),
    _instruct("instruct-no-crossing", "also no cross-attention", _CHANGED),
    _instruct("instruct-no-captions", "captions are not learnt along", _CHANGED),
    _instruct("instruct-no-combiner", "first phase alone", _CHANGED, stage="reformulating", of="instruct"),
    _instruct("instruct-asked-generated", "asked with generated texts", _CHANGED, of="instruct", texts="generated"),
    _instruct("instruct-template", "template texts", _TEXTS),
    _instruct("instruct-generated", "generated texts: no shopper's word", _TEXTS),
    _instruct("instruct-01k", "3 %", _TEXTS),
    _instruct("instruct-03k", "10 %", _TEXTS),
    _instruct("instruct-10k", "33 %", _TEXTS),
    _instruct("instruct-100k", "333 %, each seen once as in the base", _TEXTS),
)

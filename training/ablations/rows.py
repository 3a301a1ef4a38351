"""Rows of the table: runs of the methods, and their ablations."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from training.evaluation.result import Texts

CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One run; the bundle and the result have its name, and the run's folder if it has its own."""

    name: str
    title: str
    group: str
    against: str  # the row that its group is compared with, or a baseline of every bundle
    stage: str  # the last one that is trained and exported; "" if there are none
    mapping: str | None = None  # the row whose first stage is reused; None: its own, or it has none
    of: str | None = None  # the row whose run this one evaluates in another way, up to its own `stage`
    texts: Texts = "written"  # the texts of its queries
    rerank: bool = False  # whether the first 100 are re-ranked
    words: bool = False  # whether its pseudo-word is also measured alone
    shown: bool = False  # whether it is in the plot of R@k over k
    curve: str | None = None  # the line in the plot of R@1 over triplets
    file: str | None = None  # below CONFIGS, without its suffix; None: the ablation of its run's name

    @property
    def run(self) -> str:
        """The folder of its run."""
        return self.of or self.name

    @property
    def config(self) -> str:
        """Below CONFIGS, without its suffix."""
        return self.file or f"ablations/{self.run}"


_two_stage = partial(AblationRow, against="base", stage="composing", mapping="mapping")
_whole = partial(_two_stage, group="Two-stage", words=True, shown=True)
_changed = partial(_two_stage, group="Two-stage, left out or changed")
_reranked = partial(AblationRow, group="Re-ranking", against="two-stage-small", stage="reranking", rerank=True)
_adapters = partial(_two_stage, group="Two-stage, adapters")
_triplets = partial(_two_stage, group="Two-stage, triplets")
_few = partial(_triplets, curve="two-stage")
_scratch = partial(_two_stage, group="Two-stage, no first stage", mapping=None, curve="two-stage, no first stage")

_baseline = partial(AblationRow, group="Baselines", against="sum")

_instruct = partial(AblationRow, against="instruct", stage="combining")
_instruct_whole = partial(_instruct, group="InstructCIR", shown=True)
_instruct_changed = partial(_instruct, group="InstructCIR, left out or changed")
_instruct_triplets = partial(_instruct, group="InstructCIR, triplets")
_instruct_few = partial(_instruct_triplets, curve="InstructCIR")

ROWS = (
    _baseline("slerp-small", "slerp at .8, nothing learnt", stage="", file="slerp-small"),
    _baseline("pic2word-small", "Pic2Word, on images", stage="naming", file="pic2word-small", words=True),
    _baseline("searle-small", "SEARLE, on images", stage="distilling", file="searle-small", words=True),
    _baseline("lincir-small", "LinCIR, on captions", stage="masking", file="lincir-small", words=True),
    _baseline("clip4cir", "CLIP4Cir's combiner, on triplets", stage="combiner"),
    _whole("mapping", "stage I", stage="mapping", mapping=None, file="ablations/base"),
    _whole("base", "stage I + II", curve="two-stage"),
    _whole("two-stage-small", "as shipped: stage II trains all, all triplets", mapping=None, file="two-stage-small"),
    _changed("no-injection", "no visual semantic injection", mapping=None),
    _changed("no-soft", "no soft text alignment", mapping=None),
    _changed("no-hard-negatives", "no hard negatives"),
    _changed("release-scale", "mixed scores not divided by τ"),
    _changed("cap-1", "mixtures up to the positive itself"),
    _changed("no-mask", "known answers are negatives too"),
    _changed("temperature-01", "τ = .01 in stage II, the paper's"),
    _changed("everything", "stage II trains stage I's modules too"),
    _reranked("rerank-small", "the shipped two-stage bundle's first 100", file="rerank-small"),
    _adapters("adapters-last", "after the last block alone"),
    _adapters("adapters-two", "after two of the four blocks"),
    _adapters("rank-16", "rank 16"),
    _adapters("rank-64", "rank 64"),
    _triplets("low-quality-30", "30 % of low quality"),
    _triplets("low-quality-70", "70 % of low quality"),
    _few("share-01", "1 %"),
    _few("share-03", "3 %"),
    _few("share-10", "10 %"),
    _few("share-30", "30 %"),
    _scratch("scratch-01", "1 %"),
    _scratch("scratch-03", "3 %"),
    _scratch("scratch-10", "10 %"),
    _scratch("scratch-30", "30 %"),
    _scratch("scratch", "100 %"),
    _instruct_whole("transagg", "TransAgg's head, a baseline", stage="aggregating"),
    _instruct_whole("instruct", "both phases, on shoppers' texts: supervised", curve="InstructCIR"),
    _instruct_whole("instruct-generated", "on templates over two captions: no shopper's word"),
    _instruct_whole("instruct-small", "whole run: supervised, all triplets", file="instruct-small"),
    _instruct_changed("instruct-average", "targets by an average of past weights, as in the paper"),
    _instruct_changed("instruct-no-crossing", "no cross-attention"),
    _instruct_changed("instruct-no-captions", "captions are not trained on, as in the paper"),
    _instruct_changed("instruct-no-combiner", "first phase alone", stage="reformulating", of="instruct"),
    _instruct_changed(
        "instruct-asked-generated", "evaluated with templates over two captions", of="instruct", texts="generated"
    ),
    _instruct_triplets("instruct-template", "always the same words for a difference"),
    _instruct_few("instruct-03", "3 %"),
    _instruct_few("instruct-10", "10 %"),
    _instruct_few("instruct-30", "30 %"),
    _instruct_few("instruct-100k", "333 %, each seen once as in the base"),
)

"""The chance of a score for a kind of query, and the score that a chance needs."""

from dataclasses import replace

from index.search.request import SearchRequest
from models.bundle import Logistic, Manifest
from service.errors import Unusable
from service.search.encode import Kind


def curve(kind: Kind | None, text_weight: float, manifest: Manifest) -> Logistic | None:
    """Return the curve from scores to chances; None if the bundle's calibration is of other queries.

    The kind is None for several images, of which no calibration knows.
    """
    if manifest.calibration is None or kind not in ("composed", "text"):
        return None
    if kind == "composed" and text_weight != manifest.text_weight:
        return None
    return manifest.calibration.composed if kind == "composed" else manifest.calibration.text


def with_min_chance(
    request: SearchRequest, min_chance: float | None, kind: Kind | None, text_weight: float, manifest: Manifest
) -> tuple[SearchRequest, list[str]]:
    """Return the request with the least score that its hits need, and notes; raises Unusable without a calibration."""
    if min_chance is None:
        return request, []
    if manifest.calibration is None:
        detail = f"{manifest.model_id} tells no chances: use min_score, or serve a bundle that is calibrated"
        raise Unusable(f"min_chance: {detail}", fields=[{"field": "min_chance", "detail": detail}])
    known = curve(kind, text_weight, manifest)
    if known is None or known.slope <= 0:
        return request, ["min_chance was ignored: the model tells no chances for this kind of query"]
    score = max(known.score(min_chance), -1.0 if request.order.min_score is None else request.order.min_score)
    return replace(request, order=replace(request.order, min_score=score)), []

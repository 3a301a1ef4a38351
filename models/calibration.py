"""What a score means: the chance that an item satisfies the query, by a logistic curve over its cosine.

A cosine of .7 is a sure hit to one model and a miss to another. `likebut calibrate` fits the curves on unseen queries
whose right answers are known (Platt, 1999), one for composed queries and one for text alone.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class Logistic(BaseModel):
    """A curve from a score to a chance: 1 / (1 + exp(−(slope · score + intercept)))."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: float
    intercept: float

    def chance(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Chances 0…1 of scores, of the same shape."""
        return 1.0 / (1.0 + np.exp(-(self.slope * np.asarray(scores, np.float64) + self.intercept)))


class Calibration(BaseModel):
    """The curves of a bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    composed: Logistic  # of an image with a wanted change
    text: Logistic  # of a text alone

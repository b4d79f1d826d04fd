"""What the sacrum says of the vertebra above it: the one that stands on S2 is S1.

The segmenter tells the sacrum below S1 from vertebrae, by other weights than those of the labeling network. So it is a
witness of its own for the junction where most names go wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.arrays import Floats
from spine_segmentation.results import Instance

MISTAKEN = 0.03
"""Probability that the vertebra above what the segmenter takes for S2 is not S1, a working figure: so in 1 of the 19
SPIDER patients of the training set in whom any is marked (a disc lies between S1 and S2), in none of 120 synthetic
whole spines."""


def sacral_evidence(instances: Sequence[Instance]) -> Floats:
    """Turn the landmark into the likelihood of each level.

    Args:
        instances: Of both kinds, top to bottom.

    Returns:
        Shape (instances, len(LEVELS)), log-likelihoods; zeros for all that do not stand on the sacrum.
    """
    at_sacrum = np.full(len(LEVELS), np.log(MISTAKEN))
    at_sacrum[LEVELS.index("S1")] = np.log(1 - MISTAKEN)
    above = np.array([instance.above_sacrum for instance in instances], dtype=bool)
    return np.where(above[:, None], at_sacrum, 0.0)

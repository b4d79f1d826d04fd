"""What the labeling network takes a level for: mostly for what it is, sometimes for its neighbour.

A transitional vertebra looks like its neighbour: an L6 like L5 or S1, the fourth and last lumbar vertebra like L5.
However sure the network is, the number of vertebrae between two landmarks must be able to overrule it there. The sacrum
is one of these landmarks: of the lumbar vertebrae only an L6, which is a lumbarised S1, is taken for it.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.arrays import Floats
from spine_segmentation.labeling.enumeration import ENUMERATIONS
from spine_segmentation.labeling.lattice import log_sum

CONFUSION = 0.05
"""Probability that the network takes a structure for that of a neighbouring level, a working figure."""


def allow_confusion(evidence: Floats) -> Floats:
    """Turn what the network sees into the likelihood of each level.

    Args:
        evidence: Shape (n, len(LEVELS)), log-likelihood of each image for what the network takes it for.

    Returns:
        Of the same shape, log-likelihood of each image for what it may be.
    """
    return log_sum(evidence[:, None] + _taken_for(), axis=2)


@cache
def _taken_for() -> Floats:
    """Log probability that a level (row) is taken for another (column); neighbours are those of any enumeration."""
    sacrum, transitional = LEVELS.index("S1"), LEVELS.index("L6")
    neighbours = np.zeros((len(LEVELS), len(LEVELS)))
    for enumeration in ENUMERATIONS:
        for upper, lower in pairwise(map(LEVELS.index, enumeration.vertebrae)):
            if lower != sacrum or upper == transitional:
                neighbours[upper, lower] = neighbours[lower, upper] = 1.0
    shares = CONFUSION * neighbours / neighbours.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(shares + (1 - CONFUSION) * np.eye(len(LEVELS)))
    return logs

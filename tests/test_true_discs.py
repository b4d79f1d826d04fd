"""True and false discs, by how far they reach across and where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.true_discs import are_true

SURE, DOUBTFUL = 0.05, 0.7


@pytest.mark.parametrize(
    ("positions", "doubtful", "true"),
    [
        ([0, 20, 40, 60], [], [0, 1, 2, 3]),
        ([0, 20, 30, 40, 60], [2], [0, 1, 3, 4]),  # a spot inside a body
        ([0, 20, 40, 60, 80], [2], [0, 1, 2, 3, 4]),  # a disc of which a part was found
        ([0, 20, 40, 60], [0], [1, 2, 3]),  # a joint above C2
        ([0, 20, 40, 60], [3], [0, 1, 2]),
        ([0, 20, 40], [1], [0, 2]),  # nothing to compare with
        ([0, 20], [0, 1], []),
        ([], [], []),
    ],
)
def test_which_are_true(positions: list[float], doubtful: list[int], true: list[int]) -> None:
    shares = np.where(np.isin(np.arange(len(positions)), doubtful), DOUBTFUL, SURE)
    assert np.flatnonzero(are_true(np.array(positions, float), shares)).tolist() == true

"""True and false discs, by how far they reach across and where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.splitting.true_discs import are_true

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
    same = np.ones(len(positions))
    assert np.flatnonzero(are_true(np.array(positions, float), shares, same, same)).tolist() == true


@pytest.mark.parametrize(
    ("first", "share", "volume", "width", "kept"),
    [
        (20, 0.05, 1.0, 1.0, True),
        (20, 0.05, 0.3, 1.0, True),  # narrowed
        (20, 0.25, 1.0, 1.0, True),
        (20, 0.05, np.nan, 0.3, True),  # a corner is in view
        (45, 0.05, 1.0, 1.0, True),  # the next one was missed
        (20, 0.25, 0.3, 1.0, False),  # the joint of dens and atlas
        (45, 0.25, 1.0, 1.0, False),  # a spot above the dens
        (45, 0.05, 0.3, 1.0, False),
        (45, 0.05, np.nan, 1.0, True),  # cut by the field of view
        (45, 0.05, np.nan, 0.3, False),  # the joint of C1 and the skull, on one side, cut by the field of view
    ],
)
def test_two_signs_make_the_topmost_disc_none(
    first: float, share: float, volume: float, width: float, kept: bool
) -> None:
    positions = np.array([0, first, first + 20, first + 40], float)
    shares, volumes = np.array([share, SURE, SURE, SURE]), np.array([volume, 1, 1, 1])
    true = are_true(positions, shares, volumes, np.array([width, 1, 1, 1]))
    assert true.tolist() == [kept, True, True, True]


def test_what_lies_above_the_dens_falls_with_the_discs_that_were_due_below_it() -> None:
    """A spot in the base of the skull, and the joint of C1 and C2 where a disc would be due."""
    positions, shares = np.array([10, 29, 52, 71, 89], float), np.array([0.2, DOUBTFUL, SURE, SURE, SURE])
    true = are_true(positions, shares, np.array([0.5, 0.7, 1, 1, 1]), np.ones(5))
    assert true.tolist() == [False, False, True, True, True]

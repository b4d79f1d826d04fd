from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine_segmentation.evaluation.slice_bands import distance_from_midline
from spine_segmentation.volume import Reorientation, Volume

SPACING = 3.0


def leaning(step: int) -> Volume:
    """Three structures of one slice's width, each ``step`` slices further to the left than the one above."""
    truth = Volume.from_axes(np.zeros((21, 30, 4), np.uint8), "LIP", (SPACING, 1.0, 1.0))
    for k in range(3):
        truth.array[10 + step * (k - 1), 10 * k + 2 : 10 * k + 7, 1:3] = k + 1
    return truth


def test_a_straight_column_is_measured_from_its_slice() -> None:
    aside = distance_from_midline(leaning(0), [1, 2, 3])
    expected = np.abs(np.arange(21) - 10) * SPACING
    np.testing.assert_allclose(aside, np.broadcast_to(expected[:, None, None], aside.shape))


@given(st.integers(-5, 5))
def test_a_bent_column_is_measured_from_its_own_midline(step: int) -> None:
    aside = distance_from_midline(leaning(step), [1, 2, 3])
    for row, slices in ((4, 10 - step), (9, 10 - step / 2), (14, 10.0), (24, 10 + step)):
        np.testing.assert_allclose(aside[:, row, 2], np.abs(np.arange(21) - slices) * SPACING, atol=1e-9)


def test_the_midline_goes_straight_on_beyond_its_ends() -> None:
    aside = distance_from_midline(leaning(4), [1, 2, 3])
    assert (aside[6, 0, 0], aside[14, 29, 0]) == (pytest.approx(0.0), pytest.approx(0.0))


@given(st.permutations(range(3)), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_the_orientation_of_the_array_does_not_matter(order: list[int], flips: tuple[bool, bool, bool]) -> None:
    way = Reorientation((order[0], order[1], order[2]), flips)
    truth = leaning(3)
    turned = distance_from_midline(truth.reorient(way), [1, 2, 3])
    np.testing.assert_allclose(way.undo(turned), distance_from_midline(truth, [1, 2, 3]))

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from spine_segmentation.evaluation.agreement import Agreement, MaskComparison
from spine_segmentation.volume import Volume

GRID = Volume.from_axes(np.zeros((4, 20, 50), np.uint8), "LIP", (4.0, 1.0, 1.0))
EVERYWHERE = np.ones(GRID.shape, bool)


def slab(start: int, stop: int, slices: slice = slice(None)) -> npt.NDArray[np.bool_]:
    mask = np.zeros(GRID.shape, bool)
    mask[slices, :, start:stop] = True
    return mask


def within(part: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_] = EVERYWHERE) -> Agreement | None:
    """A prediction that is perfect in two slices and 4 mm too long in the two others."""
    predicted = slab(10, 20) | slab(10, 24, slice(2, 4))
    return MaskComparison.of(predicted, slab(10, 20), known, GRID).within(part)


def test_overlap_and_surfaces_of_a_part() -> None:
    right, wrong = within(slab(0, 50, slice(0, 2))), within(slab(0, 50, slice(2, 4)))
    assert right is not None and wrong is not None and right.surface is not None and wrong.surface is not None
    assert (right.dice, wrong.dice) == (1.0, pytest.approx(20 / 24))
    assert wrong.surface.bias_mm == pytest.approx(4.0 / 2, abs=0.3)
    assert wrong.surface.distance_95_mm == pytest.approx(4.0)


def test_unknown_voxels_do_not_count() -> None:
    score = within(EVERYWHERE, known=slab(0, 20))
    assert score is not None and score.dice == 1.0


def test_where_nothing_is_labelled_there_is_no_score() -> None:
    assert within(slab(21, 50)) is None
    assert within(EVERYWHERE, known=slab(21, 50)) is None


def test_a_mask_without_a_prediction_has_an_overlap_and_no_surface() -> None:
    score = MaskComparison.of(np.zeros(GRID.shape, bool), slab(10, 20), EVERYWHERE, GRID).within(EVERYWHERE)
    assert score == Agreement(dice=0.0, surface=None)

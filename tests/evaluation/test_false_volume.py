from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spine_segmentation.anatomy import Kind
from spine_segmentation.evaluation.false_volume import COLUMN_MARGIN_MM, false_volume
from spine_segmentation.evaluation.metrics import score_scan
from spine_segmentation.evaluation.truth import UNKNOWN
from tests.evaluation.boxes import bodies, box, boxes, chosen, empty, result_of, truth_of

VOXEL_MM3 = 4.0


def blob(front: int, *, bottom: int = 100) -> np.ndarray:
    """A false body of 3 x 2 mm in one slice, that many rows from the front; bodies take up rows 10 to 29."""
    mask = np.zeros(empty().shape, bool)
    mask[4, front : front + 3, bottom : bottom + 2] = True
    return mask


def volume(mask: np.ndarray, kind: Kind = Kind.VERTEBRA) -> float:
    return false_volume({kind: mask}, truth_of(bodies("L1", "L5")))


@given(st.integers(30, 37))
def test_only_what_is_further_than_the_margin_counts(front: int) -> None:
    rows = np.arange(front, front + 3)
    expected = np.count_nonzero(rows - 29 > COLUMN_MARGIN_MM) * 2 * VOXEL_MM3
    assert volume(blob(front)) == pytest.approx(expected)


def test_beyond_the_labelled_stretch_nothing_is_known() -> None:
    column = bodies("L1", "L5")
    above, below = column["L1"][2].stop, column["L5"][2].start
    assert volume(blob(36, bottom=above + 1)) == volume(blob(36, bottom=below - 4)) == 0.0
    assert volume(blob(36, bottom=above - 20)) > 0.0


def test_unknown_voxels_are_no_place_for_false_ones() -> None:
    truth = truth_of(bodies("L1", "L5"))
    truth.array[4, 34:40, 95:105] = UNKNOWN
    assert false_volume({Kind.VERTEBRA: blob(36)}, truth) == 0.0


def test_a_thick_body_is_no_false_one_where_only_its_discs_are_labelled() -> None:
    truth = truth_of(chosen("L1-L2", "L2-L3", "L3-L4"))
    assert score_scan(result_of(boxes()), truth).false_volume_mm3 == 0.0


def test_a_score_holds_the_volume_of_all_kinds() -> None:
    column = chosen("L1", "L1-L2", "L2", "L2-L3", "L3")
    place = column["L2"][2]
    predicted = {**column, "T12": (slice(3, 4), slice(36, 40), place), "T11": box(0, 4)}
    expected = 4 * (place.stop - place.start) * VOXEL_MM3
    assert score_scan(result_of(predicted), truth_of(column)).false_volume_mm3 == pytest.approx(expected)


def test_a_result_without_faults_has_none() -> None:
    assert score_scan(result_of(boxes()), truth_of(boxes())).false_volume_mm3 == 0.0

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from spine_segmentation.anatomy import BY_ID, BY_NAME, SACRUM_BELOW_S1, Kind
from spine_segmentation.evaluation.truth import UNKNOWN
from spine_segmentation.evaluation.windows import (
    Window,
    choose_windows,
    crop_rows,
    is_whole,
    list_windows,
    required_truth,
)
from spine_segmentation.volume import Volume
from tests.evaluation.columns import column

COLUMN = column()
BODIES = ["T10", "T11", "T12", "L1", "L2", "L3", "L4", "L5", "S1"]
WINDOWS = list_windows(COLUMN, range(2, 25))


def window(*vertebrae: str) -> Window:
    return next(entry for entry in WINDOWS if entry.vertebrae == vertebrae)


def whole_vertebrae(truth: Volume) -> set[str]:
    """Names of the vertebrae that an image shows whole: as many voxels as in the uncropped truth, off the border."""
    found = set()
    for identifier, place in enumerate(ndimage.find_objects(truth.array), start=1):
        if place is not None and BY_ID[identifier].kind is Kind.VERTEBRA and is_whole(place, truth.shape):
            size = np.count_nonzero(truth.array == identifier)
            if size == np.count_nonzero(COLUMN.array == identifier):
                found.add(BY_ID[identifier].name)
    return found


def test_every_run_of_vertebrae_is_a_window() -> None:
    counts = Counter(len(entry.vertebrae) for entry in WINDOWS)
    assert counts == {count: len(BODIES) - count + 1 for count in range(2, len(BODIES) + 1)}
    assert window("L3", "L4").structures == ("L3", "L3-L4", "L4")


@settings(max_examples=60, deadline=None)
@given(chosen=st.sampled_from(WINDOWS), seed=st.integers(0, 2**32 - 1))
def test_a_window_shows_its_vertebrae_whole_and_no_others(chosen: Window, seed: int) -> None:
    crop = crop_rows(COLUMN, chosen.draw_rows(np.random.default_rng(seed)))
    assert whole_vertebrae(crop) == set(chosen.vertebrae)


@settings(max_examples=30, deadline=None)
@given(chosen=st.sampled_from(WINDOWS), seed=st.integers(0, 2**32 - 1))
def test_the_truth_of_a_window_has_exactly_its_structures(chosen: Window, seed: int) -> None:
    crop = crop_rows(COLUMN, chosen.draw_rows(np.random.default_rng(seed)))
    truth = required_truth(crop, chosen)
    wanted = {BY_NAME[name].id for name in chosen.structures}
    assert set(np.unique(truth.array).tolist()) - {0, UNKNOWN} == wanted
    for identifier in wanted:
        assert np.count_nonzero(truth.array == identifier) == np.count_nonzero(COLUMN.array == identifier)
    assert ((truth.array == UNKNOWN) == (~np.isin(crop.array, [0, *wanted]))).all()


def test_neighbours_may_be_cut() -> None:
    chosen = window("L2", "L3")
    truth = crop_rows(COLUMN, (chosen.first_rows[0], chosen.end_rows[-1]))
    names = {BY_ID[int(k)].name for k in np.unique(truth.array) if k}
    assert names >= {"L1", "L1-L2", "L2", "L2-L3", "L3", "L3-L4", "L4"}
    assert whole_vertebrae(truth) == {"L2", "L3"}


def test_a_crop_keeps_its_place_in_the_patient() -> None:
    crop = crop_rows(COLUMN, (10, 30))
    assert crop.array.shape[1] == 20
    np.testing.assert_allclose(crop.to_patient((1, 0, 2)), COLUMN.to_patient((1, 10, 2)))


def test_a_vertebra_at_the_border_of_the_image_is_in_no_window() -> None:
    rows = ndimage.find_objects(COLUMN.array)[BY_NAME["T10"].id - 1][1]
    cut = list_windows(crop_rows(COLUMN, (rows.start, COLUMN.shape[1])), [2])
    assert [entry.vertebrae for entry in cut] == [(a, b) for a, b in zip(BODIES[1:], BODIES[2:], strict=False)]


def test_a_gap_in_the_labels_is_not_bridged() -> None:
    array = COLUMN.array.copy()
    array[array == BY_NAME["L2"].id] = 0
    vertebrae = [entry.vertebrae for entry in list_windows(COLUMN.with_array(array), [2])]
    assert ("L1", "L3") not in vertebrae and ("L3", "L4") in vertebrae


def test_an_absent_vertebra_is_told_from_an_unlabelled_one_by_the_disc() -> None:
    array = COLUMN.array.copy()
    array[np.isin(array, [BY_NAME[name].id for name in ("L4-L5", "L5", "L5-S1")])] = 0
    assert ("L4", "S1") not in {entry.vertebrae for entry in list_windows(COLUMN.with_array(array), [2])}
    array[COLUMN.array == BY_NAME["L5-S1"].id] = BY_NAME["L4-S1"].id
    assert ("L4", "S1") in {entry.vertebrae for entry in list_windows(COLUMN.with_array(array), [2])}


def test_below_s1_the_field_of_view_may_reach_to_the_end_of_the_image() -> None:
    assert window("L5", "S1").end_rows[-1] == COLUMN.shape[1]
    assert window("L4", "L5").end_rows[-1] < COLUMN.shape[1]


def test_without_a_labelled_neighbour_one_spacing_is_left() -> None:
    padded = Volume(np.pad(COLUMN.array, ((0, 0), (200, 0), (0, 0))), COLUMN.affine)
    top = next(entry for entry in list_windows(padded, [2]) if entry.vertebrae == ("T10", "T11"))
    tops = [ndimage.find_objects(padded.array)[BY_NAME[name].id - 1][1].start for name in ("T10", "T11")]
    assert top.first_rows == range(2 * tops[0] - tops[1] + 1, tops[0])


@pytest.mark.parametrize(("vertebrae", "reaches"), [(("L4", "L5"), True), (("L5", "S1"), True), (("L3", "L4"), False)])
def test_windows_know_whether_they_reach_the_sacrum(vertebrae: tuple[str, str], reaches: bool) -> None:
    assert window(*vertebrae).reaches_sacrum is reaches


def test_a_sacralised_column_ends_in_l4() -> None:
    sacralised = COLUMN.array.copy()
    for old, new in (("L4", "L3"), ("L5", "L4"), ("L3", "L2"), ("L4-L5", "L3-L4"), ("L5-S1", "L4-S1")):
        sacralised[COLUMN.array == BY_NAME[old].id] = BY_NAME[new].id
    found = {entry.vertebrae: entry for entry in list_windows(COLUMN.with_array(sacralised), [2])}
    assert found["L3", "L4"].reaches_sacrum
    assert found["L4", "S1"].structures == ("L4", "L4-S1", "S1")


def test_what_lies_below_s1_stays_labelled_with_s1_only() -> None:
    array = COLUMN.array.copy()
    array[:, -2:] = SACRUM_BELOW_S1
    truth = COLUMN.with_array(array)
    assert (required_truth(truth, window("L5", "S1")).array[:, -1] == SACRUM_BELOW_S1).all()
    assert (required_truth(truth, window("L4", "L5")).array[:, -1] == UNKNOWN).all()


def test_windows_are_drawn_evenly_over_the_numbers_of_vertebrae() -> None:
    drawn = choose_windows(WINDOWS, 16, np.random.default_rng(0))
    counts = Counter(len(entry.vertebrae) for entry in drawn)
    assert len({entry.vertebrae for entry in drawn}) == 16
    assert len(counts) == 8 and max(counts.values()) == 3 and counts[9] == 1


def test_a_small_draw_does_not_favour_small_windows() -> None:
    drawn = [choose_windows(WINDOWS, 1, np.random.default_rng(seed))[0] for seed in range(60)]
    assert {len(entry.vertebrae) for entry in drawn} == set(range(2, 10))


def test_a_scan_with_few_windows_gives_all() -> None:
    assert set(choose_windows(WINDOWS, 1000, np.random.default_rng(0))) == set(WINDOWS)

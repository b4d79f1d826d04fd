from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.errors import InconsistentGeometry, InvalidVolume
from spine_segmentation.evaluation.label_mapping import LabelMapping, load_mapping
from spine_segmentation.evaluation.metrics import score_scan
from spine_segmentation.evaluation.truth import UNKNOWN, kind_ids, read_truth, require_same_grid, scored_ids
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.volume import Volume
from tests.evaluation.boxes import Box, boxes, chosen, empty, perfect_result

REAL_DATA = Path(__file__).parents[3] / "shared" / "data" / "validation"


def mask_of(values: dict[int, Box]) -> Volume:
    mask = empty()
    for value, place in values.items():
        mask.array[place] = value
    return mask


def test_values_become_structure_ids() -> None:
    column = chosen("L1", "L1-L2", "L2", "S1")
    mask = mask_of({20: column["L1"], 120: column["L1-L2"], 21: column["L2"], 26: column["S1"]})
    truth = read_truth(Volume(mask.array.astype(np.float32), mask.affine), load_mapping())
    assert truth.array.dtype == np.uint8
    assert scored_ids(truth.array) == sorted(BY_NAME[name].id for name in column)
    assert (truth.array[column["L1-L2"]] == BY_NAME["L1-L2"].id).all()


@pytest.mark.parametrize(
    ("present", "name"), [((24,), "L5-S1"), ((24, 25), "L5-L6"), ((24, 25, 26), "L5-L6"), ((24, 26), "L5-S1")]
)
def test_the_disc_below_l5_is_named_after_what_follows(present: tuple[int, ...], name: str) -> None:
    places = list(boxes().values())
    mask = mask_of({value: places[k] for k, value in enumerate((*present, 124))})
    truth = read_truth(mask, load_mapping())
    assert BY_NAME[name].id in scored_ids(truth.array)


def test_ignored_values_are_unknown_and_auxiliary_ones_background() -> None:
    mapping = LabelMapping(values={1: "L1", 2: "ignore", 3: "auxiliary"})
    places = boxes()
    truth = read_truth(mask_of({1: places["L1"], 2: places["L2"], 3: places["L3"]}), mapping)
    assert (truth.array[places["L2"]] == UNKNOWN).all()
    assert (truth.array[places["L3"]] == 0).all()


def test_the_cut_between_body_and_posterior_elements_is_unknown() -> None:
    place = boxes()["L3"]
    behind = (place[0], slice(0, 10), place[2])
    truth = read_truth(mask_of({22: place, 60: behind}), load_mapping())
    row = truth.array[3, :, place[2].start + 10]
    assert (row[7:13] == UNKNOWN).all()
    assert (row[:7] == 0).all() and (row[13:30] == BY_NAME["L3"].id).all()


def test_values_without_a_meaning_are_refused() -> None:
    for value in (77, 0.5):
        mask = mask_of({20: boxes()["L1"]})
        array = mask.array.astype(np.float32)
        array[0, 0, 0] = value
        with pytest.raises(InvalidVolume, match=f"{value}"):
            read_truth(Volume(array, mask.affine), load_mapping())


def test_a_mask_without_a_structure_is_refused() -> None:
    with pytest.raises(InvalidVolume, match="without a vertebra or disc"):
        read_truth(mask_of({61: boxes()["L1"]}), load_mapping())


def test_kinds_are_those_of_the_table() -> None:
    assert {BY_NAME["L6"].id, BY_NAME["T13"].id} <= set(kind_ids(Kind.VERTEBRA))
    assert BY_NAME["L4-S1"].id in kind_ids(Kind.IVD)


def test_grids_may_differ_by_rounding_only() -> None:
    volume = empty()
    for shift, same in ((0.05, True), (0.5, False)):
        affine = volume.affine.copy()
        affine[0, 3] += shift
        if same:
            require_same_grid(volume, Volume(volume.array, affine))
        else:
            with pytest.raises(InconsistentGeometry, match=r"0\.50 mm"):
                require_same_grid(volume, Volume(volume.array, affine))


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="no real data in ../shared/data/validation")
@pytest.mark.parametrize("prefix", ["spineweb_S0", "chu", "myosegmentum", "ivdusp"])
def test_neighbours_of_real_columns_lie_beyond_the_labelled_extent(prefix: str) -> None:
    """Hide the first and last structure of a real mask: a result that shows them must not be punished."""
    mask = min(REAL_DATA.glob(f"{prefix}*_seg.nii.gz"))
    truth = read_truth(read_nifti(mask), load_mapping())
    first, *_, last = scored_ids(truth.array)
    hidden = truth.with_array(np.where(np.isin(truth.array, (first, last)), 0, truth.array))
    score = score_scan(perfect_result(truth), hidden)
    assert score.complete_strict
    kinds = [kind for kind in (score.vertebrae, score.discs) if kind is not None]
    assert sum(kind.labelled for kind in kinds) == len(scored_ids(hidden.array)) > 0
    for kind in kinds:
        assert (kind.dice, kind.found) == (1.0, kind.labelled)

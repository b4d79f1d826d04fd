from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.anatomy import BY_NAME, VERTEBRA, Kind
from spine_segmentation.errors import InconsistentGeometry
from spine_segmentation.evaluation.metrics import ScanScore, StructureScore, score_scan
from spine_segmentation.evaluation.truth import UNKNOWN
from spine_segmentation.results import SpineResult
from spine_segmentation.volume import Reorientation, Volume
from tests.evaluation.boxes import bodies, box, boxes, chosen, empty, perfect_result, result_of, shifted, truth_of


def structure(score: ScanScore, name: str) -> StructureScore:
    return next(entry for entry in score.structures if entry.name == name)


def flat(score: ScanScore) -> dict[str, Any]:
    """Every figure of the score, by the path to it."""
    table = {"": score.model_dump(mode="json")}
    while nested := {path: value for path, value in table.items() if isinstance(value, dict | list)}:
        for path, value in nested.items():
            del table[path]
            parts = value.items() if isinstance(value, dict) else enumerate(value)
            table |= {f"{path}/{key}": part for key, part in parts}
    return table


def body_dice(score: ScanScore) -> float:
    assert score.vertebrae is not None
    return score.vertebrae.dice


def test_a_perfect_result_scores_full_marks() -> None:
    score = score_scan(result_of(boxes()), truth_of(boxes()))
    assert score.vertebrae is not None and score.discs is not None
    assert (score.vertebrae.dice, score.vertebrae.labelled, score.vertebrae.found) == (1.0, 8, 8)
    assert (score.discs.dice, score.discs.labelled, score.discs.found) == (1.0, 7, 7)
    for kind in (score.vertebrae, score.discs):
        assert kind.surface is not None and kind.mid_sagittal is not None and kind.lateral is None
        assert kind.surface.distance_95_mm == kind.surface.bias_mm == 0.0
        assert kind.mid_sagittal.dice == 1.0
    assert score.counts_right and score.false_volume_mm3 == 0.0
    assert score.complete and score.complete_strict and score.complete_best_names
    assert {entry.outcome for entry in score.structures} == {"correct"}
    assert {entry.dice for entry in score.structures} == {1.0}


@given(st.integers(0, 9))
def test_dice_of_shifted_boxes(rows: int) -> None:
    score = score_scan(result_of(shifted(boxes(), rows)), truth_of(boxes()))
    assert score.discs is not None
    for dice in (body_dice(score), score.discs.dice, structure(score, "L3").dice, structure(score, "L3-L4").dice):
        assert dice == pytest.approx(1 - rows / 20)


def test_one_wrong_name_makes_the_scan_wrong_but_not_its_dice() -> None:
    column = chosen("L3", "L4")
    predicted = {"L3": column["L3"], "L5": column["L4"]}
    score = score_scan(result_of(predicted), truth_of(column))
    entry = structure(score, "L4")
    assert (entry.outcome, entry.predicted, entry.best_name_correct, entry.dice) == ("wrong", "L5", False, 0.0)
    assert structure(score, "L3").outcome == "correct"
    assert not (score.complete or score.complete_best_names or score.complete_strict)
    assert body_dice(score) == 1.0
    assert not score.false_structures


def test_a_missing_structure() -> None:
    score = score_scan(result_of(chosen("L1", "L2", "L4")), truth_of(chosen("L1", "L2", "L3", "L4")))
    assert (structure(score, "L3").outcome, structure(score, "L3").predicted) == ("missed", None)
    assert score.vertebrae is not None
    assert (score.vertebrae.found, score.vertebrae.labelled) == (3, 4)
    assert body_dice(score) == pytest.approx(6 / 7)
    assert not score.complete and not score.counts_right


def test_the_most_frequent_prediction_inside_the_mask_counts() -> None:
    column = bodies("L2", "L3")
    spilled = {**column, "L4": box(column["L3"][2].start, column["L3"][2].start + 9)}
    assert structure(score_scan(result_of(spilled), truth_of(column)), "L3").outcome == "correct"
    flooded = {**column, "L4": box(column["L3"][2].start, column["L3"][2].start + 11)}
    assert structure(score_scan(result_of(flooded), truth_of(column)), "L3").predicted == "L4"


def test_background_does_not_outvote_a_prediction() -> None:
    column = bodies("L2", "L3")
    thin = {**column, "L3": box(column["L3"][2].start, column["L3"][2].start + 1)}
    assert score_scan(result_of(thin), truth_of(column)).complete


def test_kinds_that_the_truth_does_not_label_are_not_scored() -> None:
    score = score_scan(result_of(boxes()), truth_of(bodies("T11", "S1")))
    assert score.discs is None
    assert score.complete_strict
    assert body_dice(score) == 1.0
    only_discs = score_scan(result_of(boxes()), truth_of(chosen("L1-L2", "L2-L3")))
    assert only_discs.vertebrae is None and only_discs.discs is not None
    assert (only_discs.discs.dice, only_discs.discs.found) == (1.0, 2)
    assert only_discs.complete_strict and only_discs.counts_right


def test_structures_beyond_the_labelled_extent_are_unknown() -> None:
    score = score_scan(result_of(bodies("T11", "S1")), truth_of(bodies("L1", "L5")))
    assert score.vertebrae is not None and score.vertebrae.surface is not None
    assert (score.vertebrae.dice, score.vertebrae.found, score.vertebrae.labelled) == (1.0, 5, 5)
    assert score.complete_strict and score.false_volume_mm3 == 0.0
    assert score.vertebrae.surface.bias_mm == 0.0


def test_a_single_labelled_structure_has_an_extent() -> None:
    assert score_scan(result_of(boxes()), truth_of(chosen("L3"))).complete_strict


def test_a_false_structure_within_the_labelled_extent_fails_the_strict_variant_only() -> None:
    column = bodies("L1", "L5")
    behind = box(column["L3"][2].start, column["L3"][2].stop, front=32)
    predicted = {**column, "L6": (behind[0], slice(32, 40), behind[2])}
    score = score_scan(result_of(predicted), truth_of(column))
    assert score.complete and not score.complete_strict
    assert score.false_structures == ("L6",)
    assert score.vertebrae is not None and score.vertebrae.found == 6 and not score.counts_right
    assert body_dice(score) == pytest.approx(2 * 5 / (5 + 5 + 8 / 20))


def test_a_neighbour_beyond_the_end_that_touches_a_labelled_body_stays_unknown() -> None:
    predicted = bodies("T12", "L5")
    above = predicted["T12"][2]
    predicted["T12"] = box(above.start - 5, above.stop)
    score = score_scan(result_of(predicted), truth_of(bodies("L1", "L5")))
    assert score.vertebrae is not None and score.vertebrae.found == 5
    assert score.complete_strict


def test_an_instance_that_fuses_a_labelled_and_an_unlabelled_body_is_false_where_unlabelled() -> None:
    column = bodies("L1", "L5")
    predicted = {**column, "L1": box(column["L1"][2].start, column["L1"][2].stop + 24)}
    assert body_dice(score_scan(result_of(predicted), truth_of(column))) == pytest.approx(2 * 5 / (5 + 5 + 24 / 20))


@pytest.mark.parametrize("name", ["T12", "L2-L3"])
def test_voxels_of_no_instance_are_not_delivered_and_not_scored(name: str) -> None:
    column = bodies("L1", "L5")
    result = result_of(column)
    result.semantic.array[boxes()[name]] = VERTEBRA
    assert body_dice(score_scan(result, truth_of(column))) == pytest.approx(1.0)


def test_voxels_the_truth_calls_unknown_are_not_scored() -> None:
    column = bodies("L1", "L3")
    truth = truth_of(column)
    truth.array[:, 15:, :] = UNKNOWN
    score = score_scan(result_of(shifted(column, 5)), truth)
    assert score.vertebrae is not None
    assert body_dice(score) == 0.0
    assert {entry.outcome for entry in score.structures} == {"missed"}


def test_undetermined_levels_are_wrong_but_counted_apart() -> None:
    column = chosen("L3", "L3-L4", "L4")
    score = score_scan(result_of(column, undetermined=column.keys()), truth_of(column))
    assert {entry.outcome for entry in score.structures} == {"undetermined"}
    assert structure(score, "L4").predicted == "Vertebra 3 (level undetermined)"
    assert not score.complete and score.complete_best_names
    assert body_dice(score) == 1.0
    assert not score.false_structures


def test_structures_below_twenty_voxels_are_not_scored() -> None:
    column = bodies("L1", "L3")
    truth = truth_of(column)
    truth.array[2, 10:29, boxes()["L4"][2].stop - 1] = truth_of(chosen("L4")).array.max()
    score = score_scan(result_of(column), truth)
    assert [entry.name for entry in score.structures] == ["L1", "L2", "L3"]
    truth.array[2, 29, boxes()["L4"][2].stop - 1] = truth_of(chosen("L4")).array.max()
    assert structure(score_scan(result_of(column), truth), "L4").outcome == "missed"


def test_a_result_without_names_still_has_a_dice() -> None:
    column = bodies("L1", "L5")
    score = score_scan(replace(result_of(column), labeling=None), truth_of(column))
    assert body_dice(score) == 1.0
    assert {entry.outcome for entry in score.structures} == {"missed"}
    assert score.vertebrae is not None and score.vertebrae.found == 0


def test_an_empty_result_scores_nothing() -> None:
    score = score_scan(SpineResult(empty(), empty(), None, (), {}), truth_of(boxes()))
    assert body_dice(score) == score.false_volume_mm3 == 0.0
    assert score.vertebrae is not None and score.vertebrae.surface is None
    assert not score.complete and not score.counts_right


def test_a_dilated_result_has_a_positive_bias() -> None:
    column = bodies("L1", "L5")
    larger = {
        name: (s, slice(r.start - 1, r.stop + 1), slice(c.start - 1, c.stop + 1)) for name, (s, r, c) in column.items()
    }
    too_large, too_small = (
        score.vertebrae.surface
        for score in (score_scan(result_of(larger), truth_of(column)), score_scan(result_of(column), truth_of(larger)))
        if score.vertebrae is not None
    )
    assert too_large is not None and too_small is not None
    rims, caps = 84 * 16, 2 * 21 * 21
    assert too_large.bias_mm == pytest.approx(rims / (rims + caps), rel=0.1)
    assert too_large.distance_95_mm == pytest.approx(1.0, rel=0.1)
    assert too_small.bias_mm == pytest.approx(-too_large.bias_mm)


def test_another_grid_is_refused() -> None:
    truth = truth_of(boxes())
    with pytest.raises(InconsistentGeometry, match="apart"):
        score_scan(result_of(boxes()), Volume(truth.array, np.diag([-1, 1, 1, 1]) @ truth.affine))
    with pytest.raises(InconsistentGeometry, match="shape"):
        score_scan(result_of(boxes()), Volume(truth.array[:-1], truth.affine))


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(3)), st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_the_orientation_of_the_arrays_does_not_matter(order: list[int], flips: tuple[bool, bool, bool]) -> None:
    way = Reorientation((order[0], order[1], order[2]), flips)
    result, truth = result_of(shifted(boxes(), 3)), truth_of(bodies("T12", "L4"))
    assert result.labeling is not None
    labels = result.labeling.labels.reorient(way)
    turned = replace(result, semantic=result.semantic.reorient(way), labeling=replace(result.labeling, labels=labels))
    expected, actual = flat(score_scan(result, truth)), flat(score_scan(turned, truth.reorient(way)))
    assert actual == pytest.approx(expected)


def test_only_vertebrae_and_discs_are_scored() -> None:
    truth = truth_of(bodies("L1", "S1"))
    truth.array[boxes()["L1-L2"]] = 60
    score = score_scan(result_of(bodies("L1", "S1")), truth)
    assert {entry.kind for entry in score.structures} == {Kind.VERTEBRA}
    assert score.discs is None


def test_bodies_are_compared_by_slice_position_too() -> None:
    """Slices 4 mm apart; the predicted column is shifted by half its depth in the four lateral ones."""
    truth, result = wide(shift=0), wide(shift=10)
    score = score_scan(perfect_result(result), truth).vertebrae
    assert score is not None and score.mid_sagittal is not None and score.lateral is not None
    assert score.mid_sagittal.dice == 1.0
    assert score.lateral.dice == pytest.approx(0.5)
    assert score.dice == pytest.approx((7 + 4 * 0.5) / 11)
    assert score.mid_sagittal.surface is not None and score.lateral.surface is not None
    assert score.mid_sagittal.surface.distance_95_mm == 0.0
    assert score.lateral.surface.distance_95_mm == pytest.approx(10.0)
    assert score.mid_sagittal.surface.bias_mm == 0.0


def wide(shift: int) -> Volume:
    """Bodies in 11 slices 4 mm apart, in the two outermost on either side shifted by some rows."""
    truth = Volume.from_axes(np.zeros((13, 60, 200), np.uint8), "RAS", (4.0, 1.0, 1.0))
    for name, (_, rows, columns) in bodies("L1", "L5").items():
        truth.array[1:12, rows, columns] = BY_NAME[name].id
    for index in (1, 2, 10, 11):
        truth.array[index] = np.roll(truth.array[index], shift, axis=0)
    return truth

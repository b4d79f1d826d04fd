from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.evaluation.reliability import Reliability, coverage_curve, least_threshold


def test_calibrated_confidences_have_hardly_any_error() -> None:
    random = np.random.default_rng(0)
    confidences = random.uniform(size=20_000)
    reliability = Reliability.of(confidences.tolist(), (random.uniform(size=20_000) < confidences).tolist())
    assert reliability.expected_calibration_error == pytest.approx(0.0, abs=0.015)
    assert len(reliability.bins) == 10 and sum(entry.n for entry in reliability.bins) == reliability.n == 20_000


def test_overconfidence_is_measured() -> None:
    reliability = Reliability.of([0.95] * 100, [True] * 55 + [False] * 45)
    assert reliability.expected_calibration_error == pytest.approx(0.4)
    (entry,) = reliability.bins
    assert (entry.n, entry.confidence, entry.accuracy) == (100, pytest.approx(0.95), 0.55)


def test_bins_count_by_their_answers() -> None:
    reliability = Reliability.of([1.0, 1.0, 1.0, 0.25], [True, True, True, False])
    assert reliability.expected_calibration_error == pytest.approx(0.0625)


def test_without_answers_there_is_no_error() -> None:
    assert Reliability.of([], []).expected_calibration_error is None
    assert coverage_curve([], []) == ()


def test_coverage_against_accuracy() -> None:
    points = [
        (point.threshold, point.coverage, point.n, point.accuracy)
        for point in coverage_curve([0.5, 0.9, 0.7, 0.7], [False, True, True, False])
    ]
    assert points == [(0.9, 0.25, 1, 1.0), (0.7, 0.75, 3, pytest.approx(2 / 3)), (0.5, 1.0, 4, 0.5)]


@pytest.mark.parametrize(("accuracy", "threshold"), [(0.9, 0.9), (0.6, 0.7), (0.5, 0.5)])
def test_the_threshold_keeps_as_much_as_is_accurate_enough(accuracy: float, threshold: float) -> None:
    curve = coverage_curve([0.5, 0.9, 0.7, 0.7], [False, True, True, False])
    assert least_threshold(curve, accuracy) == threshold


def test_where_no_threshold_is_good_enough_nothing_passes() -> None:
    assert least_threshold(coverage_curve([0.9], [False]), 0.5) > 1.0

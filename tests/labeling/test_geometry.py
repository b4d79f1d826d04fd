from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from spine_segmentation.anatomy import LEVELS, Kind
from spine_segmentation.labeling import geometry
from spine_segmentation.labeling.geometry import (
    PAIRS,
    GeometryTable,
    correlate,
    geometry_evidence,
    measure,
    placement_scores,
)
from spine_segmentation.results import Instance

TABLE = GeometryTable.read()


def column(first: int, count: int, size: float = 0.0) -> list[Instance]:
    """Bodies as far apart and as tilted as the table's mean, from the upper body of pair ``first`` on."""
    centres = [np.zeros(3)]
    for log_spacing, tilt, _ in TABLE.mean[first : first + count - 1]:
        step = np.exp(log_spacing + size) * np.array([0.0, np.sin(tilt), -np.cos(tilt)])
        centres.append(centres[-1] + step)
    return [body(k, centre) for k, centre in enumerate(centres)]


def body(number: int, centre: np.ndarray, *, whole: bool = True, kind: Kind = Kind.VERTEBRA) -> Instance:
    x, y, z = (float(value) for value in centre)
    return Instance(number + 1, kind, float(number), (x, y, z), 1000.0, whole)


def test_a_step_backwards_and_downwards_is_measured() -> None:
    log_spacing, tilt = measure((0.0, 3.0, -4.0))
    assert np.exp(log_spacing) == pytest.approx(5.0)
    assert tilt == pytest.approx(np.arctan2(3, 4))


@pytest.mark.parametrize("first", range(len(PAIRS) - 4))
def test_the_mean_column_is_placed_where_it_is(first: int) -> None:
    features = TABLE.mean[first : first + 4]
    assert int(placement_scores(features, TABLE).argmax()) == first


@given(st.integers(0, len(PAIRS) - 6), st.floats(-0.15, 0.15))
def test_the_evidence_of_all_bodies_together_points_to_the_window_whatever_the_size(first: int, size: float) -> None:
    evidence = geometry_evidence(column(first, 7, size))
    levels = [level for level in LEVELS if level not in ("T13", "L6")]
    scores = [
        sum(evidence[k, LEVELS.index(level)] for k, level in enumerate(levels[start : start + 7]))
        for start in range(len(levels) - 6)
    ]
    assert abs(int(np.argmax(scores)) - first) <= (0 if size == 0 else 2)


def test_the_parts_of_the_evidence_add_up_to_the_joint_normal_density(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "_OUTLIERS", 1e-300)
    first, features = 12, TABLE.mean[12:18] + np.array([0.05, -0.1, 0.1])
    joint = 0.0
    for f in range(3):
        deviation = TABLE.deviation[12:18, f]
        covariance = TABLE.correlation[f][12:18, 12:18] * np.outer(deviation, deviation)
        joint += multivariate_normal(TABLE.mean[12:18, f], covariance).logpdf(features[:, f])
    assert placement_scores(features, TABLE)[first] == pytest.approx(joint)


@pytest.mark.parametrize("weight", [0.0, 0.6, 1.2])
def test_the_weight_is_a_power_of_the_likelihood_ratio_of_two_levels(weight: float) -> None:
    bodies = column(15, 4)
    ratios, weighted = (np.diff(geometry_evidence(bodies, power), axis=1) for power in (1.0, weight))
    assert ratios.any()
    np.testing.assert_allclose(weighted, weight * ratios, atol=1e-9)


def test_a_body_that_is_cut_says_nothing() -> None:
    bodies = column(15, 4)
    bodies[0] = body(0, np.array(bodies[0].centroid), whole=False)
    evidence = geometry_evidence(bodies)
    assert not evidence[:2].any()
    assert evidence[2:].any(axis=1).all()


def test_discs_between_the_bodies_change_nothing_and_get_none() -> None:
    bodies = column(15, 4)
    disc = body(9, np.array([0.0, 5.0, -10.0]), kind=Kind.IVD)
    with_disc = geometry_evidence([bodies[0], disc, *bodies[1:]])
    assert not with_disc[1].any()
    np.testing.assert_array_equal(np.delete(with_disc, 1, axis=0), geometry_evidence(bodies))


@pytest.mark.parametrize("count", [0, 1])
def test_one_body_alone_says_nothing(count: int) -> None:
    evidence = geometry_evidence(column(10, 2)[:count])
    assert evidence.shape == (count, len(LEVELS))
    assert not evidence.any()


def test_a_body_that_was_missed_costs_no_more_than_an_outlier() -> None:
    bodies = column(15, 6)
    whole, gap = geometry_evidence(bodies), geometry_evidence(bodies[:2] + bodies[3:])
    lost = whole.max() - gap[2].min()
    assert lost < 15
    assert np.isfinite(gap).all()


def test_there_is_one_row_per_pair_of_neighbours() -> None:
    levels = [level for level in LEVELS if level not in ("T13", "L6")]
    assert list(PAIRS) == list(pairwise(levels))
    assert TABLE.mean.shape == TABLE.deviation.shape == (len(PAIRS), 3)


def test_correlations_are_positive_definite() -> None:
    assert (np.linalg.eigvalsh(correlate(0.5, 0.3, 2.0)) > 0).all()

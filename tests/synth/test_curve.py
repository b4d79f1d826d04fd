from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import Column, draw_column
from spine_segmentation.synth.curve import CURVE_STEP, Curve, draw_curve
from spine_segmentation.synth.morphometry import C7, L5, S1, T8
from spine_segmentation.synth.profiles import ARC_LENGTHS
from spine_segmentation.synth.shape_statistics import shape_statistics


@pytest.fixture(scope="module")
def persons() -> list[tuple[Column, Curve]]:
    columns = [draw_column(np.random.default_rng(seed)) for seed in range(500)]
    return [(column, draw_curve(np.random.default_rng(seed), column)) for seed, column in enumerate(columns)]


def _angles(persons: list[tuple[Column, Curve]], axis: int) -> Floats:
    """Angles of the segments of persons with the usual levels, degrees, (persons, 23)."""
    usual = [(column, curve) for column, curve in persons if column.index(S1) == 23 and column.vertebrae[-2] == "L5"]
    steps = np.array([np.diff(curve.place(column.centre[:24]), axis=0) for column, curve in usual])
    return np.asarray(np.degrees(np.arctan2(steps[..., axis], steps[..., 2])))


def test_curve_is_continuous_and_leads_down(persons: list[tuple[Column, Curve]]) -> None:
    for column, curve in persons[:50]:
        steps = np.hypot(np.diff(curve.y), np.diff(curve.z))
        np.testing.assert_allclose(steps, CURVE_STEP)
        down_to_s1 = curve.arc[1:] < column.position(S1)
        assert np.all(np.diff(curve.z)[down_to_s1] > 0)


def test_sacrum_tilts_backwards(persons: list[tuple[Column, Curve]]) -> None:
    for column, curve in persons[:50]:
        centre = column.position(S1)
        (y0, z0), (y1, z1) = curve.point(centre - 8), curve.point(centre + 8)
        assert 0 < np.rad2deg(np.arctan2(y1 - y0, z1 - z0)) < 85


def test_sagittal_angles_are_as_measured(persons: list[tuple[Column, Curve]]) -> None:
    """Means to 2.5 degrees, L5-S1 steeper than the L5-L6 that stands for it in the table; spread to a quarter."""
    measured, found = shape_statistics().sagittal, _angles(persons, axis=1)
    difference = found.mean(axis=0) - measured.mean
    assert np.abs(difference[:-1]).max() < 2.5
    assert 3 < difference[-1] < 7
    np.testing.assert_allclose(found.std(axis=0), measured.sd, rtol=0.25)


def test_lumbar_discs_are_tilted_as_in_patients(persons: list[tuple[Column, Curve]]) -> None:
    """L4-L5 by 12.4 and L5-S1 by 31.8 degrees in 26 SPIDER patients."""
    usual = [(column, curve) for column, curve in persons if column.index(S1) == 23 and column.vertebrae[-2] == "L5"]
    tilts = np.degrees(np.array([_disc_tilts(column, curve) for column, curve in usual]))
    np.testing.assert_allclose(tilts.mean(axis=0), (12.4, 31.8), atol=2)
    assert tilts.std(axis=0).max() < 10


def _disc_tilts(column: Column, curve: Curve) -> Floats:
    """Tilt of the discs L4-L5 and L5-S1, radian, (2,)."""
    centres = column.disc_centre[[column.index(L5) - 1, column.index(L5)]]
    course = np.array([curve.point(centre + 1) for centre in centres]) - [curve.point(centre - 1) for centre in centres]
    own = np.arctan(np.interp(centres, ARC_LENGTHS, curve.tilt))
    return np.asarray(np.arctan2(course[:, 0], course[:, 1]) + own)


def test_neighbouring_angles_are_correlated_as_measured(persons: list[tuple[Column, Curve]]) -> None:
    measured = shape_statistics().sagittal
    difference = np.corrcoef(_angles(persons, axis=1).T) - measured.factor @ measured.factor.T
    assert np.abs(np.diag(difference, 1)).max() < 0.25
    assert np.abs(np.diag(difference, 4)).max() < 0.25


def test_most_columns_are_nearly_straight_from_the_front(persons: list[tuple[Column, Curve]]) -> None:
    deviation = [np.abs(curve.place(column.centre[: column.index(S1)])[:, 0]).max() for column, curve in persons]
    assert 4 < np.median(deviation) < 12
    assert np.quantile(deviation, 0.98) > 20


def test_bodies_turn_toward_the_side_to_which_they_deviate(persons: list[tuple[Column, Curve]]) -> None:
    for column, curve in persons[:100]:
        ends = np.array([column.position(C7), column.position(S1)])
        places = np.linspace(*ends, 50)[1:-1]
        chord = np.interp(places, ends, np.interp(ends, ARC_LENGTHS, curve.lateral))
        bow = np.interp(places, ARC_LENGTHS, curve.lateral) - chord
        turn = np.degrees(np.arctan(np.interp(places, ARC_LENGTHS, curve.rotation)))
        np.testing.assert_allclose(turn, np.clip(bow * shape_statistics().rotation, -38, 38), atol=0.5)


def test_head_and_pelvis_are_not_turned(persons: list[tuple[Column, Curve]]) -> None:
    for column, curve in persons[:50]:
        outside = (column.top[0] > ARC_LENGTHS) | (column.position(S1) < ARC_LENGTHS)
        assert not curve.rotation[outside].any()


def test_a_wedge_fracture_bends_the_column_forwards() -> None:
    column = draw_column(np.random.default_rng(0))
    wedge = np.zeros(len(column))
    wedge[column.index(T8)] = 8.0
    angle = [
        _kyphosis(replace(column, wedge=lost), draw_curve(np.random.default_rng(3), replace(column, wedge=lost)))
        for lost in (np.zeros(len(column)), wedge)
    ]
    assert angle[1] - angle[0] == pytest.approx(np.degrees(np.arctan(4.0 / (2 * column.half_depth[14]))), rel=0.2)


def _kyphosis(column: Column, curve: Curve) -> float:
    """How much more the upper half leads backwards on the way down than the lower half, degrees."""
    steps = np.diff(
        curve.place(column.centre[[column.index(T8) - 4, *column.index(T8) + np.array([-3, 3, 4])]]), axis=0
    )
    angle = np.degrees(np.arctan2(steps[:, 1], steps[:, 2]))
    return float(angle[0] - angle[2])


def test_a_hemivertebra_bends_the_column_away_from_its_bone() -> None:
    column = draw_column(np.random.default_rng(0))
    level = column.index(T8)
    lost = np.zeros(len(column))
    lost[level] = 15.0  # the left edge lacks: the column is convex to the right
    bow = []
    for person in (replace(column, lateral_wedge=np.zeros(len(column))), replace(column, lateral_wedge=lost)):
        x = draw_curve(np.random.default_rng(3), person).place(person.centre[[2, level, column.index(L5)]])[:, 0]
        bow.append(x[1] - (x[0] + x[2]) / 2)
    assert bow[1] < bow[0] - 10

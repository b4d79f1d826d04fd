from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.synth.column import MINIMAL_DISC_MM, NAMES, Column, draw_column
from spine_segmentation.synth.curve import CURVE_STEP, draw_curve
from spine_segmentation.synth.morphometry import LEVEL_SIZES, S1, is_presacral

# Distance of the centres of neighbouring bodies, mm, mean and standard deviation over 67 to 2044 CT scans.
# C2-C3 is left out: there, the centre of C2 includes the dens.
MEASURED_SPACING = {
    ("C3", "C4"): (17.8, 1.8), ("C4", "C5"): (17.2, 1.5), ("C5", "C6"): (16.5, 1.4), ("C6", "C7"): (17.2, 1.8),
    ("C7", "T1"): (19.6, 1.6), ("T1", "T2"): (20.8, 1.9), ("T2", "T3"): (20.8, 1.8), ("T3", "T4"): (20.9, 1.5),
    ("T4", "T5"): (21.4, 1.6), ("T5", "T6"): (22.1, 1.6), ("T6", "T7"): (22.6, 2.0), ("T7", "T8"): (23.3, 1.7),
    ("T8", "T9"): (24.0, 2.0), ("T9", "T10"): (25.3, 2.1), ("T10", "T11"): (27.2, 2.3), ("T11", "T12"): (29.6, 2.3),
    ("T12", "L1"): (32.4, 2.5), ("L1", "L2"): (34.6, 2.5), ("L2", "L3"): (35.7, 2.7), ("L3", "L4"): (36.5, 2.5),
    ("L4", "L5"): (36.3, 2.8), ("L5", "L6"): (37.3, 2.7),
}  # fmt: skip


@pytest.fixture(scope="module")
def columns() -> list[Column]:
    return [draw_column(np.random.default_rng(seed)) for seed in range(400)]


def test_mean_spacing_of_bodies_is_as_measured(columns: list[Column]) -> None:
    spacing: dict[tuple[str, str], list[float]] = {}
    for column in columns:
        names = [NAMES[int(level)] for level in column.levels]
        for pair, distance in zip(itertools.pairwise(names), np.diff(column.centre), strict=True):
            spacing.setdefault(pair, []).append(float(distance))
    for pair, (mean, deviation) in MEASURED_SPACING.items():
        assert abs(np.mean(spacing[pair]) - mean) < deviation, pair


def test_sizes_stay_near_the_table(columns: list[Column]) -> None:
    for name, size in LEVEL_SIZES.items():
        rows = [
            (column.height[k], 2 * column.half_depth[k], 2 * column.half_width[k])
            for column in columns
            for k in np.flatnonzero([NAMES[int(level)] == name for level in column.levels])
        ]
        relative = np.divide(rows, (size.height, size.depth, size.width))
        assert np.all(np.abs(relative.mean(axis=0) - 0.97) < (0.09 if len(rows) > 100 else 0.2)), name
        assert relative.min() > 0.3, name
        assert relative.max() < 1.8, name


def test_no_disc_vanishes(columns: list[Column]) -> None:
    assert min(column.disc_height.min() for column in columns) >= MINIMAL_DISC_MM


def test_bodies_and_discs_follow_one_another_without_gap(columns: list[Column]) -> None:
    for column in columns:
        np.testing.assert_allclose(column.top[1:], column.bottom[:-1] + column.disc_height[:-1])
        assert np.all(column.height > 0)


def test_levels_run_from_c2_to_s1_in_anatomical_order(columns: list[Column]) -> None:
    for column in columns:
        order = [LEVELS.index(name) for name in column.vertebrae]
        assert order == sorted(order)
        assert (column.vertebrae[0], column.vertebrae[-1]) == ("C2", "S1")
        assert NAMES[int(column.levels[-1])] == "S2 and below"


def test_enumeration_variants_occur_as_often_as_stated(columns: list[Column]) -> None:
    counts = Counter(
        (sum(name[0] == "T" for name in column.vertebrae), sum(name[0] == "L" for name in column.vertebrae))
        for column in columns
    )
    assert set(counts) == {(12, 5), (11, 5), (13, 5), (12, 6), (12, 4)}
    assert 0.80 < counts[12, 5] / len(columns) < 0.93


def test_presacral_levels_are_those_above_s1(columns: list[Column]) -> None:
    for column in columns[:50]:
        presacral = is_presacral(column.levels)
        assert presacral.sum() == column.index(S1)
        assert presacral[: column.index(S1)].all()


def test_curve_is_continuous_and_leads_down(columns: list[Column]) -> None:
    for seed, column in enumerate(columns[:50]):
        curve = draw_curve(np.random.default_rng(seed), column)
        steps = np.hypot(np.diff(curve.y), np.diff(curve.z))
        np.testing.assert_allclose(steps, CURVE_STEP)
        down_to_s1 = curve.arc[1:] < column.position(S1)
        assert np.all(np.diff(curve.z)[down_to_s1] > 0)


def test_sacrum_tilts_backwards(columns: list[Column]) -> None:
    for seed, column in enumerate(columns[:50]):
        curve = draw_curve(np.random.default_rng(seed), column)
        centre = column.position(S1)
        (y0, z0), (y1, z1) = curve.point(centre - 8), curve.point(centre + 8)
        assert 5 < np.rad2deg(np.arctan2(y1 - y0, z1 - z0)) < 85

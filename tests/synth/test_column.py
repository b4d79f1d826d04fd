from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.synth.column import MINIMAL_DISC_MM, NAMES, Column, draw_column
from spine_segmentation.synth.morphometry import LEVEL_SIZES, S1, is_presacral
from spine_segmentation.synth.shape_statistics import shape_statistics


@pytest.fixture(scope="module")
def columns() -> list[Column]:
    return [draw_column(np.random.default_rng(seed)) for seed in range(600)]


@pytest.fixture(scope="module")
def usual(columns: list[Column]) -> list[Column]:
    """Those with seven cervical, twelve thoracic and five lumbar vertebrae."""
    return [column for column in columns if np.array_equal(column.levels[:24], [*range(2, 25), S1])]


def test_mean_spacing_of_bodies_is_as_measured(usual: list[Column]) -> None:
    """To 2.5 %: half a standard deviation of the people, and twice what the deformities take off."""
    statistics = shape_statistics()
    expected = statistics.spacing.copy()
    expected[0] -= 3.0  # the measured centre of C2 is that of body and dens
    spacing = np.array([np.diff(column.centre)[:23] for column in usual]).mean(axis=0)
    for segment, found, mean in zip(statistics.segments, spacing, expected, strict=True):
        assert found == pytest.approx(mean, rel=0.025), segment


def test_spread_and_neighbour_correlation_of_spacings_are_as_measured(usual: list[Column]) -> None:
    statistics = shape_statistics()
    logarithm = np.log([np.diff(column.centre)[:23] / column.scale for column in usual])
    spread = 1.4826 * np.median(np.abs(logarithm - np.median(logarithm, axis=0)), axis=0)
    np.testing.assert_allclose(spread, statistics.relative_spacing.sd, rtol=0.4)  # narrowed discs widen it
    measured = statistics.relative_spacing.factor @ statistics.relative_spacing.factor.T
    correlation = np.corrcoef(logarithm.T)
    assert np.abs(np.diag(correlation - measured, 1)).max() < 0.35
    assert np.corrcoef(np.diag(correlation, 1), np.diag(measured, 1))[0, 1] > 0.6


def test_persons_are_as_different_in_size_as_people(columns: list[Column]) -> None:
    assert np.std(np.log([column.scale for column in columns])) == pytest.approx(shape_statistics().size_sd, rel=0.08)


def test_women_have_smaller_cross_sections(columns: list[Column]) -> None:
    area = {
        female: np.mean([(c.half_depth * c.half_width)[15:22].mean() for c in columns if c.female == female])
        for female in (True, False)
    }
    assert area[True] / area[False] == pytest.approx(0.75, abs=0.05)


def test_sizes_stay_near_the_table(columns: list[Column]) -> None:
    for name, size in LEVEL_SIZES.items():
        rows = [
            (column.height[k], 2 * column.half_depth[k], 2 * column.half_width[k])
            for column in columns
            for k in np.flatnonzero([NAMES[int(level)] == name for level in column.levels])
        ]
        relative = np.divide(rows, (size.height, size.depth, size.width))
        assert np.all(np.abs(relative.mean(axis=0) - 1.0) < (0.04 if len(rows) > 100 else 0.12)), name
        assert relative.min() > 0.35, name
        assert relative.max() < 1.7, name


def test_no_disc_vanishes_unless_bone_replaces_it(columns: list[Column]) -> None:
    for column in columns:
        assert column.disc_height[~column.fused_below].min() >= MINIMAL_DISC_MM
        assert np.all((column.disc_height[column.fused_below] > 0) & (column.disc_height[column.fused_below] <= 1))


def test_sound_discs_are_not_cut_off_at_the_minimum(usual: list[Column]) -> None:
    presacral = np.array([column.disc_height[:23] <= MINIMAL_DISC_MM for column in usual])
    assert presacral.mean() < 0.03


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


def test_presacral_levels_are_those_above_s1(columns: list[Column]) -> None:
    for column in columns[:50]:
        presacral = is_presacral(column.levels)
        assert presacral.sum() == column.index(S1)
        assert presacral[: column.index(S1)].all()

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spine_segmentation.synth.column import draw_column
from spine_segmentation.synth.coordinates import Coordinates, locate, territory
from spine_segmentation.synth.curve import Curve, draw_curve
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.profiles import ARC_LENGTHS, lookup, profile

CPU = torch.device("cpu")
COLUMN = draw_column(np.random.default_rng(0))


def _grid(
    lateral: tuple[float, ...] = (0.0,),
    origin: tuple[float, float] = (0.0, -40.0),
    obliquity: tuple[float, float] = (0.0, 0.0),
) -> Grid:
    return Grid(lateral, rows=120, columns=80, pixel_size=1.0, origin=origin, device=CPU, obliquity=obliquity)


def _straight(lateral: float = 0.0, rotation: float = 0.0) -> Curve:
    arc = np.arange(-220.0, 1080.0, 4.0)
    profiles = (np.full_like(ARC_LENGTHS, value) for value in (lateral, rotation, 0.0))
    return Curve(arc, np.zeros_like(arc), arc, *profiles)


def _at(grid: Grid, curve: Curve) -> Coordinates:
    return locate(grid, COLUMN, curve, jitter=0.0, seed=0)


def test_coordinates_of_a_straight_column_are_cartesian() -> None:
    grid = _grid(lateral=(-4.0, 0.0, 4.0))
    at = _at(grid, _straight())
    torch.testing.assert_close(at.s, grid.inferior()[:, None].expand(120, 80), atol=1e-3, rtol=0)
    torch.testing.assert_close(at.d, grid.posterior()[None].expand(120, 80), atol=1e-3, rtol=0)
    torch.testing.assert_close(at.x[:, 0, 0], torch.tensor([-4.0, 0.0, 4.0]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), arc_length=st.floats(0, 600))
def test_points_of_the_curve_have_distance_zero(seed: int, arc_length: float) -> None:
    curve = draw_curve(np.random.default_rng(seed), COLUMN)
    y, z = curve.point(arc_length)
    at = _at(_grid(origin=(round(z) - 60.0, round(y) - 40.0)), curve)
    row, column = 60 + round(z - round(z)), 40 + round(y - round(y))
    assert abs(float(at.d[row, column])) < 2.5
    assert abs(float(at.s[row, column]) - arc_length) < 4.5


def test_posterior_is_positive() -> None:
    at = _at(_grid(), draw_curve(np.random.default_rng(1), COLUMN))
    assert bool((at.d[:, -1] > at.d[:, 0]).all())


def test_territories_change_at_the_discs() -> None:
    centres = torch.as_tensor(COLUMN.centre, dtype=torch.float32)
    assert territory(COLUMN, centres).tolist() == list(range(len(COLUMN)))
    discs = torch.as_tensor(COLUMN.disc_centre[:-1], dtype=torch.float32)
    assert territory(COLUMN, discs + 0.01).tolist() == list(range(1, len(COLUMN)))


def test_jitter_is_small_and_reproducible() -> None:
    curve = draw_curve(np.random.default_rng(1), COLUMN)
    still, moved, again = (locate(_grid(), COLUMN, curve, jitter=j, seed=5) for j in (0.0, 1.0, 1.0))
    assert torch.equal(moved.s, again.s)
    assert 0.1 < float((moved.s - still.s).abs().mean()) < 2.0


def test_a_deviating_and_turned_column_takes_its_midline_along() -> None:
    """A spinous process of a column turned to the left, by 10 degrees, points to the right."""
    turn = np.tan(np.deg2rad(10))
    at = _at(_grid(), _straight(lateral=6.0, rotation=turn))
    torch.testing.assert_close(at.x[0], -6.0 + float(turn) * at.d, atol=1e-3, rtol=0)
    behind = 40 + 30
    assert float(at.x[0, 60, behind]) == pytest.approx(-6.0 + 30 * turn, abs=1e-3)


_SLOPES = st.floats(-0.35, 0.35)


@settings(max_examples=25, deadline=None)
@given(by_z=_SLOPES, by_y=_SLOPES, row=st.integers(0, 119), column=st.integers(0, 79), slice_=st.integers(0, 2))
def test_a_place_has_the_same_anatomy_on_oblique_and_sagittal_grids(
    by_z: float, by_y: float, row: int, column: int, slice_: int
) -> None:
    """To 0.3 mm: the coordinates are interpolated between every fourth pixel of either grid."""
    curve = draw_curve(np.random.default_rng(4), COLUMN)
    y, z = curve.point(400.0)
    oblique = _grid((-9.0, 0.0, 9.0), (z - 60, y - 40), (by_z, by_y))
    left, back, up = (oblique.affine @ (slice_, row, column, 1))[:3]
    sagittal = _grid((float(left),), (-float(up) - 60, float(back) - 40))
    here, there = _at(oblique, curve), _at(sagittal, curve)
    assert float(here.s[row, column]) == pytest.approx(float(there.s[60, 40]), abs=0.3)
    assert float(here.d[row, column]) == pytest.approx(float(there.d[60, 40]), abs=0.3)
    assert float(here.x[slice_, row, column]) == pytest.approx(float(there.x[0, 60, 40]), abs=0.3)


@settings(max_examples=25, deadline=None)
@given(by_z=_SLOPES, by_y=_SLOPES)
def test_oblique_slices_have_orthonormal_axes_and_the_stated_slopes(by_z: float, by_y: float) -> None:
    grid = Grid(
        (-4.0, 0.0), rows=7, columns=5, pixel_size=0.5, origin=(100.0, -20.0), device=CPU, obliquity=(by_z, by_y)
    )
    down, back = grid.affine[:3, 1], grid.affine[:3, 2]
    np.testing.assert_allclose([down @ down, back @ back, down @ back], [0.25, 0.25, 0], atol=1e-12)
    for step in (down, back):
        assert step[0] == pytest.approx(by_z * -step[2] + by_y * step[1])
    np.testing.assert_allclose(grid.affine @ (1, 3, 2, 1), (0.0, -19.0, -101.5, 1.0), atol=1e-12)


def test_affine_of_an_oblique_grid_agrees_with_its_axes() -> None:
    grid = _grid((2.0, 6.0), obliquity=(0.2, -0.1))
    left, back, up, _ = grid.affine @ (1, 100, 10, 1)
    assert left == pytest.approx(6.0 + float(grid.lateral_drift()[100, 10]), abs=1e-4)
    assert back == pytest.approx(float(grid.posterior()[10] + grid.posterior_drift()[100]), abs=1e-4)
    assert -up == pytest.approx(float(grid.inferior()[100]), abs=1e-4)


@pytest.mark.parametrize("spacing", [0.8, 4.0])
def test_affine_of_a_grid_agrees_with_its_axes(spacing: float) -> None:
    grid = Grid((3.0, 3.0 + spacing), rows=7, columns=5, pixel_size=0.5, origin=(100.0, -20.0), device=CPU)
    x, y, z, _ = grid.affine @ (1, 6, 4, 1)
    assert x == pytest.approx(3.0 + spacing)
    assert (y, -z) == pytest.approx((float(grid.posterior()[4]), float(grid.inferior()[6])))


def test_fields_are_functions_of_space_not_of_the_grid() -> None:
    whole = Fields(7, _grid(lateral=(-8.0, -4.0, 0.0, 4.0, 8.0))).between_slices(2, (10, 18, 12))
    part = Fields(7, _grid(lateral=(-4.0, 0.0), origin=(20.0, -30.0))).between_slices(2, (10, 18, 12))
    torch.testing.assert_close(part[:, :, :100, :70], whole[:, 1:3, 20:, 10:], atol=1e-4, rtol=0)


def test_fields_are_about_standard_normal() -> None:
    field = Fields(3, _grid(lateral=tuple(float(x) for x in range(0, 80, 10)))).between_slices(4, (10, 3, 3))
    assert abs(float(field.mean())) < 0.1
    assert 0.5 < float(field.std()) < 1.1


def test_fields_are_smooth_across_slices() -> None:
    near, far = (Fields(3, _grid(lateral=(0.0, gap))).between_slices(1, (12, 6, 6))[0] for gap in (1.0, 30.0))
    assert torch.corrcoef(near.flatten(1))[0, 1] > 0.9
    assert abs(torch.corrcoef(far.flatten(1))[0, 1]) < 0.3


def test_profiles_hold_their_ends_and_interpolate() -> None:
    table = profile([0, 100], [1.0, 3.0])
    assert lookup(table, torch.tensor([-1e6, 50.0, 1e6])).tolist() == pytest.approx([1.0, 2.0, 3.0])


def test_smoothing_keeps_a_constant_profile() -> None:
    np.testing.assert_allclose(profile([0, 100], [2.0, 2.0], smoothing=41), 2.0)

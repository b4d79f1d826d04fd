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


def _grid(lateral: tuple[float, ...] = (0.0,), origin: tuple[float, float] = (0.0, -40.0)) -> Grid:
    return Grid(lateral, rows=120, columns=80, pixel_size=1.0, origin=origin, device=CPU)


def _straight() -> Curve:
    arc = np.arange(-220.0, 1080.0, 4.0)
    flat = np.zeros_like(ARC_LENGTHS)
    return Curve(arc=arc, y=np.zeros_like(arc), z=arc, lateral=flat, tilt=flat)


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

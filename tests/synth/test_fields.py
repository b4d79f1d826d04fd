from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid

GRID = Grid((-3.7, 0.2, 3.9), 120, 80, 1.0, (-130.0, 33.0), torch.device("cpu"))
SCALES = [(4.0, 14.0, 3.0), (4.0, 2.0, 1.0), (12.0, 40.0, 60.0)]


@pytest.mark.parametrize("scale", SCALES)
def test_a_field_is_the_same_function_of_space_on_any_grid(scale: tuple[float, float, float]) -> None:
    part = replace(GRID, lateral=GRID.lateral[1:2], rows=60, columns=40, origin=(-100.0, 43.0))
    field, shown = (Fields(3, grid).between_slices(2, scale) for grid in (GRID, part))
    torch.testing.assert_close(shown, field[:, 1:2, 30:90, 10:50], atol=1e-4, rtol=1e-4)
    field, shown = (Fields(3, grid).common(2, scale[1:]) for grid in (GRID, part))
    torch.testing.assert_close(shown, field[:, 30:90, 10:50], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("scale", SCALES)
def test_a_field_passes_through_the_knots_and_is_linear_between(scale: tuple[float, float, float]) -> None:
    grid = replace(GRID, lateral=(0.0,), pixel_size=scale[2] / 4, origin=(0.0, 0.0))
    line = Fields(5, grid).between_slices(1, scale)[0, 0, 0]
    middle = (line[0:-4:4] + line[4::4]) / 2
    torch.testing.assert_close(line[2:-2:4], middle, atol=1e-4, rtol=1e-4)


def test_fields_are_about_standard_normal() -> None:
    grid = replace(GRID, rows=400, columns=400, lateral=tuple(range(-20, 20, 4)))
    field = Fields(1, grid).between_slices(1, (6.0, 5.0, 5.0))
    assert abs(float(field.mean())) < 0.1
    assert 0.5 < float(field.std()) < 1.1


def test_fields_differ_from_one_another() -> None:
    fields = Fields(1, GRID)
    assert not torch.equal(fields.common(1, (9.0, 9.0)), fields.common(1, (9.0, 9.0)))

from __future__ import annotations

import pytest
import torch

from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.partial_volume import slice_planes

GRID = Grid((-4.0, 0.0, 4.0), 8, 6, 1.0, (0.0, 0.0), torch.device("cpu"))


def test_an_undivided_slice_is_its_middle_plane() -> None:
    planes = slice_planes(GRID, 3.5, (False, False, False), 0.0)
    assert (planes.grid.lateral, planes.middle) == (GRID.lateral, (0, 1, 2))
    image = torch.rand(GRID.shape)
    torch.testing.assert_close(planes.average(image), image)


def test_planes_lie_within_the_slice_and_its_middle_is_the_truth() -> None:
    planes = slice_planes(GRID, 3.0, (False, True, True), 0.0)
    assert planes.grid.lateral == pytest.approx((-4.0, -0.96, 0.0, 0.96, 3.04, 4.0, 4.96))
    assert tuple(planes.grid.lateral[k] for k in planes.middle) == GRID.lateral
    image = torch.zeros(planes.grid.shape)
    image[3:] = 1.0  # an edge within the middle slice
    seen = planes.average(image)[:, 0, 0]
    assert seen[0] == 0
    assert 0.2 < float(seen[1]) < 0.5
    assert float(seen[2]) == pytest.approx(1.0)


def test_thin_slices_are_not_divided() -> None:
    assert slice_planes(GRID, 0.9, (True, True, True), 0.0).grid == GRID


@pytest.mark.parametrize("divided", [False, True])
def test_crosstalk_keeps_the_signal(divided: bool) -> None:
    planes = slice_planes(GRID, 3.5, (divided,) * 3, 0.2)
    torch.testing.assert_close(planes.weights.sum(1), torch.ones(3))
    marked = torch.zeros(planes.grid.shape)
    marked[planes.middle[0]] = 1.0
    own, neighbour, far = planes.average(marked)[:, 0, 0].tolist()
    assert own > neighbour > far == 0


def test_thin_slices_do_not_mix() -> None:
    torch.testing.assert_close(slice_planes(GRID, 1.2, (False,) * 3, 0.2).weights, torch.eye(3))


def test_a_single_slice_has_no_neighbours() -> None:
    single = Grid((1.0,), 8, 6, 1.0, (0.0, 0.0), torch.device("cpu"))
    torch.testing.assert_close(slice_planes(single, 4.0, (False,), 0.2).weights, torch.ones(1, 1))

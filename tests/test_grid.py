"""The way to the networks' grid and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spine_segmentation.errors import InvalidVolume
from spine_segmentation.grid import neighbour_indices, stack_neighbours, to_network_grid
from spine_segmentation.networks import STRIDE
from spine_segmentation.volume import Volume


def ramp(
    axes: str = "LIP", spacing: tuple[float, float, float] = (4.0, 0.5, 0.5), shape: tuple[int, int, int] = (3, 100, 80)
) -> Volume:
    return Volume.from_axes(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), axes, spacing)


def test_pixel_size_and_padding() -> None:
    image, grid = to_network_grid(ramp(), 1.0)
    assert grid.size == (50, 40) and grid.canonical_size == (100, 80)
    assert image.shape == (3, 64, 64) and all(side % STRIDE == 0 for side in image.shape[1:])
    assert grid.crop(image).shape == (3, 50, 40)
    assert float(image.sum()) == pytest.approx(float(grid.crop(image).sum()))


def test_edges_stay_where_they_are() -> None:
    """A step edge at a physical position is found at that position after resampling."""
    array = np.zeros((1, 100, 80), np.float32)
    array[:, 40:] = 1
    image, grid = to_network_grid(Volume.from_axes(array, "LIP", (4.0, 0.5, 0.5)), 1.0)
    rows = grid.crop(image)[0, :, 10]
    assert float(rows[:19].max()) < 0.01 and float(rows[21:].min()) > 0.99


@given(rows=st.integers(1, 120), columns=st.integers(1, 120), pixel=st.floats(0.4, 2.0), slices=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_any_size_comes_back_exactly(rows: int, columns: int, pixel: float, slices: int) -> None:
    assume(rows * columns * slices > 1)
    random = np.random.default_rng(rows)
    volume = Volume.from_axes(random.random((slices, rows, columns)), "RSA", (4.0, 0.9, 0.7))
    _, grid = to_network_grid(volume, pixel)
    classes = grid.reorientation.apply(volume.array)
    restored = grid.restore(classes)
    np.testing.assert_array_equal(restored.array, volume.array)
    np.testing.assert_array_equal(restored.affine, volume.affine)


@pytest.mark.parametrize(("spacing", "neighbour"), [(4.0, 1), (5.0, 1), (2.0, 2), (0.9, 4), (1.0, 4), (10.0, 1)])
def test_neighbours_are_about_three_and_a_half_millimetres_away(spacing: float, neighbour: int) -> None:
    assert to_network_grid(ramp(spacing=(spacing, 0.5, 0.5)), 1.0)[1].neighbour == neighbour


def test_at_the_ends_the_slice_itself_is_repeated() -> None:
    assert neighbour_indices([True] * 3, 1) == [(0, 0, 1), (0, 1, 2), (1, 2, 2)]
    assert neighbour_indices([True] * 3, 2) == [(0, 0, 2), (1, 1, 1), (0, 2, 2)]
    assert neighbour_indices([True], 4) == [(0, 0, 0)]


def test_stacking_puts_the_slice_in_the_middle() -> None:
    stacked = stack_neighbours(_numbered(4), 1)
    assert stacked.shape == (4, 3, 2, 2)
    assert stacked[:, 1, 0, 0].tolist() == [10, 20, 30, 40] and stacked[2, :, 0, 0].tolist() == [20, 30, 40]


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_blank_slice_is_no_neighbour(value: float) -> None:
    """Blank is what padding or distortion correction leaves; the image's own padding is 0 all around it."""
    image = torch.nn.functional.pad(_numbered(4), (1, 1))
    image[1, :, 1:-1] = value
    stacked = stack_neighbours(image, 1)
    assert stacked[0, :, 0, 1].tolist() == [10, 10, 10]
    assert stacked[2, :, 0, 1].tolist() == [30, 30, 40]


def _numbered(slices: int) -> torch.Tensor:
    """Slices of 2 x 2 pixels that begin with 10, 20, 30 ..."""
    return 10.0 * torch.arange(1, slices + 1)[:, None, None] + torch.arange(4.0).reshape(2, 2)


def test_negative_intensities_are_lifted() -> None:
    array = np.linspace(-500, 500, 3 * 64 * 64, dtype=np.float32).reshape(3, 64, 64)
    assert float(to_network_grid(Volume.from_axes(array, "LIP", (4, 1, 1)), 1.0)[0].min()) >= 0


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_unusable_intensities_are_refused(value: float) -> None:
    array = np.zeros((2, 8, 8), np.float32)
    array[0, 0, 0] = value
    with pytest.raises(InvalidVolume, match="intensities"):
        to_network_grid(Volume.from_axes(array, "LIP", (4, 1, 1)), 1.0)


@pytest.mark.parametrize("axes", ["LIP", "RSA", "RIP", "LSA"])
def test_one_slice_of_single_precision_in_any_direction(axes: str) -> None:
    """A flipped axis of length one keeps a negative stride, which torch refuses, unless the array is copied."""
    array = np.random.default_rng(0).random((1, 40, 30), np.float32)
    image, grid = to_network_grid(Volume.from_axes(array, axes, (4.0, 1.0, 1.0)), 1.0)
    np.testing.assert_allclose(grid.crop(image)[0].numpy(), grid.reorientation.apply(array)[0], atol=1e-6)

"""Smooth random fields that are fixed in the person's space, so that every grid sees the same ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spine_segmentation.synth.grid import Grid

KNOTS = (8, 48, 48)
"""Random values along x, z and y before a field repeats itself."""


class Fields:
    """A source of smooth random fields for one part of one person.

    Fields are made one after the other, and the k-th field of a seed is the same function of space on any grid.

    Args:
        seed: Seed of this part.
        grid: Where to evaluate.
    """

    def __init__(self, seed: int, grid: Grid) -> None:
        self._generator = torch.Generator(grid.device).manual_seed(seed)
        self._grid = grid

    def between_slices(self, channels: int, scale: tuple[float, float, float]) -> Tensor:
        """Fields that change from slice to slice; an oblique grid sees those of the upright one.

        Args:
            channels: How many.
            scale: Distance of the knots along x (left), z (inferior) and y (posterior), mm.

        Returns:
            Shape (channels, N, H, W), float32, about standard normal.
        """
        weights = _linear_weights(self._grid.lateral_tensor() / scale[0], 0, KNOTS[0], KNOTS[0])
        weights = weights / weights.norm(dim=1, keepdim=True)
        (rows, row_knots), (columns, column_knots) = self._in_plane(scale[1:])
        lattice = self._lattice((channels, *KNOTS)).index_select(2, row_knots).index_select(3, column_knots)
        slices = (weights @ lattice.flatten(2)).unflatten(2, lattice.shape[2:])
        return torch.matmul(rows, slices @ columns.T)

    def common(self, channels: int, scale: tuple[float, float]) -> Tensor:
        """Fields that are the same in every slice.

        Args:
            channels: How many.
            scale: Distance of the knots along z (inferior) and y (posterior), mm.

        Returns:
            Shape (channels, H, W), float32, about standard normal.
        """
        (rows, row_knots), (columns, column_knots) = self._in_plane(scale)
        lattice = self._lattice((channels, *KNOTS[1:])).index_select(1, row_knots).index_select(2, column_knots)
        return torch.matmul(rows, lattice @ columns.T)

    def _lattice(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._grid.device)

    def _in_plane(self, scale: tuple[float, float]) -> tuple[tuple[Tensor, Tensor], ...]:
        """Weights (pixels, knots) and the knots in reach, for rows and for columns."""
        positions, pixel = (self._grid.inferior(), self._grid.posterior()), self._grid.pixel_size
        return tuple(
            _in_reach(positions[axis] / mm, self._grid.origin[axis] / mm, pixel / mm, KNOTS[axis + 1])
            for axis, mm in enumerate(scale)
        )


def _in_reach(places: Tensor, first_place: float, pitch: float, count: int) -> tuple[Tensor, Tensor]:
    """Weights of the knots in reach of ascending equidistant places, and their indices on the periodic lattice.

    The extent is computed from the first place and the pitch, and not from the tensor, for which a GPU would wait.
    """
    first = math.floor(first_place)
    reached = min(count, math.floor(first_place + pitch * (len(places) - 1)) - first + 2)
    knots = (torch.arange(reached, device=places.device) + first) % count
    return _linear_weights(places, first, reached, count), knots


def _linear_weights(places: Tensor, first: int, knots: int, period: int) -> Tensor:
    """Linear interpolation on a periodic lattice as a matrix.

    Args:
        places: Shape (n,), in distances between knots.
        first: The first knot.
        knots: How many knots from there on.
        period: Knots before the lattice repeats.

    Returns:
        Weights, shape (n, knots).
    """
    offset = places[:, None] - (torch.arange(knots, device=places.device) + first)
    if knots == period:
        offset = torch.remainder(offset + period / 2, period) - period / 2
    return (1 - offset.abs()).clamp_(min=0)

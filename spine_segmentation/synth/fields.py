"""Smooth random fields that are fixed in the person's space, so that every grid sees the same ones."""

from __future__ import annotations

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
        """Fields that change from slice to slice.

        Args:
            channels: How many.
            scale: Distance of the knots along x (left), z (inferior) and y (posterior), mm.

        Returns:
            Shape (channels, N, H, W), float32, about standard normal.
        """
        lattice = self._lattice((channels, *KNOTS))
        x = self._grid.lateral_tensor()
        weights, knots = _linear_weights(x, scale[0], KNOTS[0])
        weights = weights / weights.norm(dim=1, keepdim=True)
        slices = torch.einsum("nk,ckzy->cnzy", weights, lattice[:, knots])
        return self._in_plane(slices, scale[1:])

    def common(self, channels: int, scale: tuple[float, float]) -> Tensor:
        """Fields that are the same in every slice.

        Args:
            channels: How many.
            scale: Distance of the knots along z (inferior) and y (posterior), mm.

        Returns:
            Shape (channels, H, W), float32, about standard normal.
        """
        return self._in_plane(self._lattice((channels, *KNOTS[1:])), scale)

    def _lattice(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator, device=self._grid.device)

    def _in_plane(self, lattice: Tensor, scale: tuple[float, float]) -> Tensor:
        rows, row_knots = _linear_weights(self._grid.inferior(), scale[0], KNOTS[1])
        columns, column_knots = _linear_weights(self._grid.posterior(), scale[1], KNOTS[2])
        return rows @ lattice[..., row_knots, :][..., column_knots] @ columns.T


def _linear_weights(positions: Tensor, scale: float, count: int) -> tuple[Tensor, Tensor]:
    """Linear interpolation on a periodic lattice as a matrix.

    Args:
        positions: Shape (n,), mm.
        scale: Distance of the knots, mm.
        count: Knots before the lattice repeats.

    Returns:
        Weights (n, m) of the m knots in reach, and the knots' indices (m,).
    """
    place = positions / scale
    first, last = int(torch.floor(place.min())), int(torch.floor(place.max())) + 1
    knots = torch.arange(first, last + 1, device=positions.device)
    return (1 - (place[:, None] - knots).abs()).clamp(min=0), knots % count

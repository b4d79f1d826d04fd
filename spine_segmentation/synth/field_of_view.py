"""The part of a grid that a scan covers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.grid import Grid

_SMALLEST_MM = 60.0
"""A scan shows at least two bodies."""

_USUAL_MM = 140.0
"""Most scans show more than this along the column."""


@dataclass(frozen=True)
class FieldOfView:
    """The part of a grid that the scan covers; outside, training images are exactly zero.

    Attributes:
        rows: First and last (exclusive) row.
        columns: First and last (exclusive) column.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]

    def crop(self, image: Tensor) -> Tensor:
        """Set everything outside to zero.

        Args:
            image: Shape (..., H, W), any dtype.

        Returns:
            A copy of the same shape.
        """
        rows, columns = slice(*self.rows), slice(*self.columns)
        cropped = torch.zeros_like(image)
        cropped[..., rows, columns] = image[..., rows, columns]
        return cropped


def whole(grid: Grid) -> FieldOfView:
    """Cover all of a grid.

    Args:
        grid: The sagittal slices.

    Returns:
        All of its rows and columns.
    """
    return FieldOfView((0, grid.rows), (0, grid.columns))


def draw_field_of_view(rng: np.random.Generator, grid: Grid) -> FieldOfView:
    """Draw how much of a training triplet's grid the scan covers.

    Args:
        rng: Source of all chance.
        grid: The grid.

    Returns:
        All or part of it; one in six shows only two to five bodies, as far as the grid has more rows.
    """
    usual = max(rng.uniform(0.55, 1.5) * grid.rows, _USUAL_MM / grid.pixel_size)
    small = rng.uniform(_SMALLEST_MM, _USUAL_MM) / grid.pixel_size
    rows = min(grid.rows, int(small if rng.random() < 1 / 6 else usual))
    columns = min(grid.columns, int(rng.uniform(0.7, 1.6) * grid.columns))
    first_row = int(rng.random() * (grid.rows - rows))
    first_column = int(rng.random() * (grid.columns - columns))
    return FieldOfView((first_row, first_row + rows), (first_column, first_column + columns))

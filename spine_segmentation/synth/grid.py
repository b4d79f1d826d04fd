"""Sagittal slices in the person's space: where the anatomy is sampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """Parallel sagittal slices in the canonical orientation.

    The person's space has x toward the left, y toward posterior, z toward inferior, all in mm.

    Attributes:
        lateral: x of the slices, mm, ascending; its length is N.
        rows: H; rows grow toward inferior.
        columns: W; columns grow toward posterior.
        pixel_size: mm.
        origin: z of the first row and y of the first column, mm.
        device: Where tensors are computed.
    """

    lateral: tuple[float, ...]
    rows: int
    columns: int
    pixel_size: float
    origin: tuple[float, float]
    device: torch.device

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, H, W)."""
        return len(self.lateral), self.rows, self.columns

    @property
    def slice_spacing(self) -> float:
        """Distance between neighbouring slices, mm; 1 for a single slice."""
        return self.lateral[1] - self.lateral[0] if len(self.lateral) > 1 else 1.0

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """4x4 matrix from (slice, row, column, 1) to LPS, mm."""
        affine = np.zeros((4, 4))
        affine[0, 0], affine[1, 2], affine[2, 1] = self.slice_spacing, self.pixel_size, -self.pixel_size
        affine[:, 3] = self.lateral[0], self.origin[1], -self.origin[0], 1.0
        return affine

    def lateral_tensor(self) -> Tensor:
        """Give x of the slices, shape (N,), mm."""
        return torch.tensor(self.lateral, dtype=torch.float32, device=self.device)

    def inferior(self, step: int = 1) -> Tensor:
        """Give z of every ``step``-th row, mm; with a step, one more than needed to enclose the last row."""
        return self._axis(self.origin[0], self.rows, step)

    def posterior(self, step: int = 1) -> Tensor:
        """Give y of every ``step``-th column, mm; with a step, one more than needed to enclose the last column."""
        return self._axis(self.origin[1], self.columns, step)

    def _axis(self, first: float, count: int, step: int) -> Tensor:
        points = count if step == 1 else count // step + 2
        return torch.arange(points, device=self.device) * (step * self.pixel_size) + first

"""Sagittal slices in the person's space: where the anatomy is sampled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


@dataclass(frozen=True)
class Grid:
    """Parallel sagittal or oblique sagittal slices in the canonical orientation.

    The person's space has x toward the left, y toward posterior, z toward inferior, all in mm. The centre of a slice
    lies at its ``lateral``, and in the middle of the rows and columns that ``origin`` begins. Oblique slices are turned
    about their centres and still follow one another along x, so that all show the same y and z at the same pixel.

    Attributes:
        lateral: x of the slices' centres, mm, ascending; its length is N.
        rows: H; rows grow toward inferior.
        columns: W; columns grow toward posterior.
        pixel_size: mm.
        origin: z of the first row and y of the first column before the slice is turned, mm.
        device: Where tensors are computed.
        obliquity: Slopes of the slices: dx/dz and dx/dy, mm/mm; (0, 0) for sagittal ones.
        single_spacing: Slice spacing of a grid of one slice, mm; of others, ``lateral`` tells.
    """

    lateral: tuple[float, ...]
    rows: int
    columns: int
    pixel_size: float
    origin: tuple[float, float]
    device: torch.device
    obliquity: tuple[float, float] = (0.0, 0.0)
    single_spacing: float = 1.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, H, W)."""
        return len(self.lateral), self.rows, self.columns

    @property
    def slice_spacing(self) -> float:
        """Distance between neighbouring slices along x, mm."""
        return self.lateral[1] - self.lateral[0] if len(self.lateral) > 1 else self.single_spacing

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """4x4 matrix from (slice, row, column, 1) to LPS, mm."""
        down, back = (direction * self.pixel_size for direction in self._directions)
        corner = -(self.rows - 1) / 2 * down - (self.columns - 1) / 2 * back
        middle_z, middle_y = self._middle
        affine = np.zeros((4, 4))
        affine[:3, 0] = self.slice_spacing, 0.0, 0.0
        affine[:3, 1], affine[:3, 2] = down, back
        affine[:3, 3] = corner + np.array([self.lateral[0], middle_y, middle_z])
        affine[2] *= -1  # the person's z leads down, the patient's up
        affine[3, 3] = 1.0
        return affine

    def lateral_tensor(self) -> Tensor:
        """Give x of the slices' centres.

        Returns:
            mm toward the left, shape (N,), float32.
        """
        return torch.tensor(self.lateral, dtype=torch.float32, device=self.device)

    def inferior(self, step: int = 1) -> Tensor:
        """Give z of every ``step``-th row.

        Args:
            step: Distance of the rows given, in rows; 1 for all.

        Returns:
            mm toward inferior, float32, shape (H,); with a larger step (H // step + 2,), so that the last row is
            enclosed.
        """
        down, _ = self._directions
        return self._middle[0] + self._offsets(self.rows, step) * float(down[2])

    def posterior(self, step: int = 1) -> Tensor:
        """Give y of every ``step``-th column in the middle row.

        Args:
            step: Distance of the columns given, in columns; 1 for all.

        Returns:
            mm toward posterior, float32, shape (W,); with a larger step (W // step + 2,), so that the last column is
            enclosed.
        """
        _, back = self._directions
        return self._middle[1] + self._offsets(self.columns, step) * float(back[1])

    def posterior_drift(self, step: int = 1) -> Tensor:
        """Give how far every ``step``-th row lies behind the middle one; zero unless both slopes are not.

        Args:
            step: Distance of the rows given, in rows; 1 for all.

        Returns:
            mm, float32, shape (H,); with a larger step (H // step + 2,), as for :meth:`inferior`.
        """
        down, _ = self._directions
        return self._offsets(self.rows, step) * float(down[1])

    def lateral_drift(self) -> Tensor:
        """Give how far the pixels lie to the left of their slice's centre.

        Returns:
            mm, shape (H, W), float32.
        """
        down, back = self._directions
        rows, columns = self._offsets(self.rows, 1), self._offsets(self.columns, 1)
        return (rows * float(down[0]))[:, None] + columns * float(back[0])

    @property
    def _middle(self) -> tuple[float, float]:
        """Position (z, y) of the slices' centres, mm."""
        z, y = self.origin
        return z + (self.rows - 1) / 2 * self.pixel_size, y + (self.columns - 1) / 2 * self.pixel_size

    @cached_property
    def _directions(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Orthogonal unit vectors (x, y, z) along which rows and columns grow, both in the slices' plane."""
        by_z, by_y = self.obliquity
        down, back = np.array([by_z, -by_z * by_y, 1 + by_y**2]), np.array([by_y, 1.0, 0.0])
        return down / np.linalg.norm(down), back / np.linalg.norm(back)

    def _offsets(self, count: int, step: int) -> Tensor:
        """Distance of every ``step``-th row or column from the middle one, mm."""
        points = count if step == 1 else count // step + 2
        return (torch.arange(points, device=self.device) * step - (count - 1) / 2) * self.pixel_size

"""Curvilinear coordinates: along the column, across it, and beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spine_segmentation.synth.column import Column
from spine_segmentation.synth.curve import Curve
from spine_segmentation.synth.fields import Fields
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.profiles import lookup

_STEP = 4
"""The nearest point of the curve is sought for every fourth pixel and interpolated between."""

_REACH_MM = 120.0
"""How far above and below the grid the curve may be nearest to a pixel."""


@dataclass(frozen=True)
class Coordinates:
    """Where the voxels of a grid lie relative to the column.

    Attributes:
        s: Arc length, growing downwards, mm, shape (H, W).
        d: Distance behind the line of the bodies' centres, negative in front, mm, shape (H, W).
        x: Distance to the left of the column's midline, mm, shape (N, H, W).
        axial: Arc length measured parallel to the tilted endplates, mm, shape (H, W).
        territory: Position in the column of the level, up to the middle of its discs, int64, shape (H, W).
    """

    s: Tensor
    d: Tensor
    x: Tensor
    axial: Tensor
    territory: Tensor


def locate(grid: Grid, column: Column, curve: Curve, jitter: float, seed: int) -> Coordinates:
    """Compute the curvilinear coordinates of a grid.

    Args:
        grid: The sagittal slices.
        column: The levels.
        curve: Their course.
        jitter: Strength of the small irregular deformation that takes the geometric look off everything.
        seed: Seed of that deformation.

    Returns:
        The coordinates on the grid's device.
    """
    coarse = _coarse(grid, curve)
    size = [_STEP * (n - 1) + 1 for n in coarse.shape[1:]]
    fine = F.interpolate(coarse[None], size, mode="bilinear", align_corners=True)[0, :, : grid.rows, : grid.columns]
    fields = Fields(seed, grid)
    s, d = fine + jitter * (0.35 * fields.common(2, (10, 10)) + 0.9 * fields.common(2, (40, 40)))
    axial = s + lookup(curve.tilt, s) * d
    x = grid.lateral_tensor()[:, None, None] - lookup(curve.lateral, s)
    return Coordinates(s, d, x, axial, territory(column, axial))


def territory(column: Column, axial: Tensor) -> Tensor:
    """Which level an arc length belongs to; the borders are the discs' centres.

    Args:
        column: The levels.
        axial: Arc length, mm, any shape.

    Returns:
        Positions in the column, int64, of the same shape.
    """
    borders = torch.as_tensor(column.disc_centre, dtype=torch.float32, device=axial.device)
    return torch.bucketize(axial, borders).clamp_(max=len(column) - 1)


def _coarse(grid: Grid, curve: Curve) -> Tensor:
    """Arc length and distance of every ``_STEP``-th pixel from the nearest point of the curve; (2, h, w)."""
    y, z, arc, tangent_y, tangent_z = _reachable(grid, curve)
    delta_y = grid.posterior(_STEP)[None, :, None] - y
    delta_z = grid.inferior(_STEP)[:, None, None] - z
    nearest = (delta_y * delta_y + delta_z * delta_z).argmin(-1)
    delta_y = grid.posterior(_STEP)[None, :] - y[nearest]
    delta_z = grid.inferior(_STEP)[:, None] - z[nearest]
    along = delta_y * tangent_y[nearest] + delta_z * tangent_z[nearest]
    across = delta_y * tangent_z[nearest] - delta_z * tangent_y[nearest]
    return torch.stack([arc[nearest] + along, across])


def _reachable(grid: Grid, curve: Curve) -> Tensor:
    """y, z, arc length and unit tangent (y, z) of the curve's points near the grid; (5, m)."""
    y, z, arc = (torch.as_tensor(v, dtype=torch.float32, device=grid.device) for v in (curve.y, curve.z, curve.arc))
    tangent = torch.stack([torch.gradient(y)[0], torch.gradient(z)[0]])
    tangent = tangent / tangent.norm(dim=0)
    rows = grid.inferior()
    near = (z > rows[0] - _REACH_MM) & (z < rows[-1] + _REACH_MM)
    return torch.cat([torch.stack([y, z, arc]), tangent])[:, near]

"""Curvilinear coordinates: along the column, across it, and beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
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


_LEAST_STRETCH = 0.3
"""On the inner side of a bend, levels come closer together than on the curve, but not by more than this factor."""


@dataclass(frozen=True)
class Coordinates:
    """Where the voxels of a grid lie relative to the column.

    Attributes:
        s: Arc length, growing downwards, mm, shape (H, W).
        d: Distance behind the line of the bodies' centres, negative in front, mm, shape (H, W).
        x: Distance to the left of the column's midline, which scoliosis bends and turns, mm, shape (N, H, W).
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
    tilt, lateral, rotation = lookup(np.stack([curve.tilt, curve.lateral, curve.rotation]), s)
    axial = s + tilt * d
    x = grid.lateral_tensor()[:, None, None] + (grid.lateral_drift() - lateral + rotation * d)
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
    y, z, arc, tangent_y, tangent_z, bend = _reachable(grid, curve)
    posterior = grid.posterior_drift(_STEP)[:, None] + grid.posterior(_STEP)
    inferior = grid.inferior(_STEP)[:, None].expand_as(posterior)
    pixels = torch.stack([posterior, inferior], dim=-1).flatten(0, 1)
    # The nearest point maximises the product of the positions less half its own square.
    nearness = torch.addmm((y * y + z * z) * -0.5, pixels, torch.stack([y, z]))
    nearest = nearness.argmax(-1).view(posterior.shape)
    delta_y, delta_z = posterior - y[nearest], inferior - z[nearest]
    along = delta_y * tangent_y[nearest] + delta_z * tangent_z[nearest]
    across = delta_y * tangent_z[nearest] - delta_z * tangent_y[nearest]
    stretch = (1 - bend[nearest] * across).clamp_(min=_LEAST_STRETCH)
    return torch.stack([arc[nearest] + along / stretch, across])


def _reachable(grid: Grid, curve: Curve) -> Tensor:
    """y, z, arc length, unit tangent (y, z) and curvature (1/mm) of the curve's points near the grid; (6, m)."""
    angle = np.arctan2(np.gradient(curve.y), np.gradient(curve.z))
    bend = np.gradient(angle, curve.arc)
    points = np.stack([curve.y, curve.z, curve.arc, np.sin(angle), np.cos(angle), bend])
    (top, _), extent = grid.origin, grid.rows * grid.pixel_size
    near = (curve.z > top - _REACH_MM) & (curve.z < top + extent + _REACH_MM)
    return torch.as_tensor(points[:, near], dtype=torch.float32, device=grid.device)

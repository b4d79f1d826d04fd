"""What part of the person a scan shows: the grids of training triplets and of whole scans."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from spine_segmentation.synth.column import Column
from spine_segmentation.synth.curve import Curve
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import BELOW_S1, C2, C5, L1, T1, Floats
from spine_segmentation.synth.profiles import ARC_LENGTHS

Region = Literal["cervical", "thoracic", "lumbar", "whole"]

MARGIN_MM = 25.0
"""A scan of a region shows this much above and below it."""

_COLUMNS_MM = 200.0
"""Extent of a scan toward posterior, if the column's own course does not need more."""


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


def draw_training_grid(
    rng: np.random.Generator,
    column: Column,
    curve: Curve,
    shape: tuple[int, int],
    pixel_size: float,
    device: torch.device,
) -> Grid:
    """Draw where a training triplet lies: any region, mostly near the midline.

    Args:
        rng: Source of all chance.
        column: The levels.
        curve: Their course.
        shape: (H, W).
        pixel_size: mm.
        device: Where to compute.

    Returns:
        Three slices 0.8 to 5.5 mm apart.
    """
    y, z = curve.point(_draw_arc_length(rng, column, shape[0] * pixel_size))
    aside = rng.choice([-1, 1]) * rng.uniform(60, 130)
    y += rng.normal(0, 25) if rng.random() < 0.93 else aside
    spacing = rng.uniform(0.8, 2.2) if rng.random() < 0.3 else rng.uniform(2.5, 5.5)
    middle = rng.uniform(-7, 7) if rng.random() < 0.6 else rng.uniform(-34, 34)
    return Grid(
        lateral=(middle - spacing, middle, middle + spacing),
        rows=shape[0],
        columns=shape[1],
        pixel_size=pixel_size,
        origin=(z - shape[0] / 2 * pixel_size, y - shape[1] / 2 * pixel_size),
        device=device,
    )


def _draw_arc_length(rng: np.random.Generator, column: Column, extent: float) -> float:
    """Centre of a training triplet; tall ones show most of the column wherever they lie."""
    c5, t1, l1 = (column.position(level) for level in (C5, T1, L1))
    if extent > 400:
        return float(rng.uniform(120, 460))
    places = (
        rng.normal(l1 + 75, 45),
        rng.normal(c5 + 20, 45),
        rng.normal((t1 + l1) / 2, 70),
        rng.uniform(-10, 640),
    )
    return float(rng.choice(places, p=(0.38, 0.34, 0.13, 0.15)))


def draw_field_of_view(rng: np.random.Generator, grid: Grid) -> FieldOfView:
    """Draw how much of a training triplet's grid the scan covers.

    Args:
        rng: Source of all chance.
        grid: The grid.

    Returns:
        All or part of it; 100 mm along the column at least, where the grid has them.
    """
    rows = min(grid.rows, int(max(rng.uniform(0.55, 1.5) * grid.rows, 100 / grid.pixel_size)))
    columns = min(grid.columns, int(rng.uniform(0.75, 1.6) * grid.columns))
    first_row = int(rng.uniform(0, 1) * (grid.rows - rows))
    first_column = int(rng.uniform(0, 1) * (grid.columns - columns))
    return FieldOfView((first_row, first_row + rows), (first_column, first_column + columns))


def region_levels(column: Column, region: Region) -> tuple[int, int]:
    """First and last position in the column of a region's vertebrae.

    Args:
        column: The levels.
        region: ``"cervical"`` is C2 to T1, ``"thoracic"`` C7 to L1, ``"lumbar"`` the lowest thoracic level to the
            first segment below S1, ``"whole"`` C2 to the same.
    """
    below_s1 = column.index(BELOW_S1)
    first, last = {
        "cervical": (column.index(C2), column.index(T1)),
        "thoracic": (column.index(T1) - 1, column.index(L1)),
        "lumbar": (column.index(L1) - 1, below_s1),
        "whole": (column.index(C2), below_s1),
    }[region]
    return first, last


def region_grid(
    column: Column,
    curve: Curve,
    region: Region,
    *,
    slices: int,
    slice_spacing: float,
    pixel_size: float,
    rows: int | None,
    columns: int | None,
    device: torch.device,
) -> Grid:
    """Lay a scan over a region, centred on the column.

    Args:
        column: The levels.
        curve: Their course.
        region: What to show.
        slices: Number of slices.
        slice_spacing: mm.
        pixel_size: mm.
        rows: None for as many as the region needs.
        columns: None for as many as the region needs.
        device: Where to compute.

    Returns:
        The grid.
    """
    first, last = region_levels(column, region)
    arc = np.linspace(column.top[first], column.bottom[last], 64)
    y, z = np.interp(arc, curve.arc, curve.y), np.interp(arc, curve.arc, curve.z)
    if rows is None:
        rows = _even((np.ptp(z) + 2 * MARGIN_MM) / pixel_size)
    if columns is None:
        columns = _even(max(_COLUMNS_MM, np.ptp(y) + 0.6 * _COLUMNS_MM) / pixel_size)
    x = float(np.mean(np.interp(arc, ARC_LENGTHS, curve.lateral)))
    lateral = x + (np.arange(slices) - (slices - 1) / 2) * slice_spacing
    return Grid(
        lateral=tuple(float(value) for value in lateral),
        rows=rows,
        columns=columns,
        pixel_size=pixel_size,
        origin=(_centred(z, rows * pixel_size), _centred(y, columns * pixel_size)),
        device=device,
    )


def _centred(course: Floats, extent: float) -> float:
    """Begin of an interval of this extent that is centred on the course, mm."""
    return float(course.min() + course.max() - extent) / 2


def _even(pixels: float) -> int:
    return 2 * math.ceil(pixels / 2)

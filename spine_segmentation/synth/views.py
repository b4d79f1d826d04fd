"""Which region of the person a whole scan shows."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.curve import Curve
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import BELOW_S1, C2, L1, T1
from spine_segmentation.synth.profiles import ARC_LENGTHS

Region = Literal["cervical", "thoracic", "lumbar", "whole"]

MARGIN_MM = 25.0
"""A scan of a region shows this much above and below it."""

_COLUMNS_MM = 200.0
"""Extent of a scan toward posterior, if the column's own course does not need more."""


def region_levels(column: Column, region: Region) -> tuple[int, int]:
    """Find a region's vertebrae in the column.

    Args:
        column: The levels.
        region: ``"cervical"`` is C2 to T1, ``"thoracic"`` C7 to L1, ``"lumbar"`` the lowest thoracic level to the
            first segment below S1, ``"whole"`` C2 to the same.

    Returns:
        Positions of the first and the last one.
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
        single_spacing=slice_spacing,
    )


def _centred(course: Floats, extent: float) -> float:
    """Begin of an interval of this extent that is centred on the course, mm."""
    return float(course.min() + course.max() - extent) / 2


def _even(pixels: float) -> int:
    return 2 * math.ceil(pixels / 2)

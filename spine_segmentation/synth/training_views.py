"""Where a training triplet lies: any region, any slice, any spacing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from spine_segmentation.grid import NEIGHBOUR_MM
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.curve import Curve
from spine_segmentation.synth.field_of_view import FieldOfView, draw_field_of_view
from spine_segmentation.synth.grid import Grid
from spine_segmentation.synth.morphometry import C5, L1, T1
from spine_segmentation.synth.profiles import ARC_LENGTHS

_LATERAL_MM = 45.0
"""Scans reach this far to either side of the column."""

_MEDIAL_MM = 7.0
"""Slices this near to the midline show cord and spinous processes."""

_MEDIAL_SHARE = 0.45
"""Share of triplets that lie there; the others lie anywhere."""

_DIVIDED_SHARE = 0.7
"""Share of triplets whose middle slice averages several planes, as thick slices do; the others are made faster."""

_CAREFUL_DEGREES, _CARELESS_DEGREES = 3.0, 8.0
"""Standard deviations of the angles between slices and the sagittal plane."""

_TALL_MM = 400.0
"""Taller grids show most of the column wherever they lie."""


@dataclass(frozen=True)
class TrainingView:
    """What a training triplet shows.

    Attributes:
        grid: Three slices, as far apart as inference stacks them.
        thickness: Of the slices, mm.
        divided: For every slice, whether it averages several planes.
        channels: Slice of every channel; at the end of a scan, the missing neighbour is the slice itself.
        field_of_view: What the scan covers.
    """

    grid: Grid
    thickness: float
    divided: tuple[bool, bool, bool]
    channels: tuple[int, int, int]
    field_of_view: FieldOfView


def draw_training_view(
    rng: np.random.Generator,
    column: Column,
    curve: Curve,
    shape: tuple[int, int],
    pixel_size: float,
    *,
    thin: bool,
    device: torch.device,
) -> TrainingView:
    """Draw where a training triplet lies.

    Args:
        rng: Source of all chance.
        column: The levels.
        curve: Their course.
        shape: (H, W).
        pixel_size: mm.
        thin: Whether the scan is a three-dimensional one with slices of about 1 mm.
        device: Where to compute.

    Returns:
        A view of slices 0.8 to 5.5 mm apart, of which neighbours lie about 3.5 mm apart.
    """
    spacing = _draw_spacing(rng, thin)
    grid = _draw_grid(rng, column, curve, shape, pixel_size, max(1, round(NEIGHBOUR_MM / spacing)) * spacing, device)
    return TrainingView(
        grid=grid,
        thickness=spacing * rng.uniform(0.75, 1.0),
        divided=(False, bool(rng.random() < _DIVIDED_SHARE), False),
        channels=((0, 1, 2), (1, 1, 2), (0, 1, 1), (1, 1, 1))[int(rng.choice(4, p=(0.88, 0.05, 0.05, 0.02)))],
        field_of_view=draw_field_of_view(rng, grid),
    )


def _draw_spacing(rng: np.random.Generator, thin: bool) -> float:
    """Distance of a scan's slices, mm."""
    if thin:
        return float(rng.uniform(0.8, 1.2))
    return float(rng.uniform(1.0, 2.6) if rng.random() < 0.1 else rng.uniform(2.6, 5.5))


def _draw_grid(
    rng: np.random.Generator,
    column: Column,
    curve: Curve,
    shape: tuple[int, int],
    pixel_size: float,
    distance: float,
    device: torch.device,
) -> Grid:
    arc = _draw_arc_length(rng, column, shape[0] * pixel_size)
    y, z = curve.point(arc)
    aside = rng.choice([-1, 1]) * rng.uniform(60, 130)
    y += rng.normal(0, 25) if rng.random() < 0.93 else aside
    reach = _MEDIAL_MM if rng.random() < _MEDIAL_SHARE else _LATERAL_MM
    middle = float(np.interp(arc, ARC_LENGTHS, curve.lateral)) + rng.uniform(-reach, reach)
    return Grid(
        lateral=(middle - distance, middle, middle + distance),
        rows=shape[0],
        columns=shape[1],
        pixel_size=pixel_size,
        origin=(z - shape[0] / 2 * pixel_size, y - shape[1] / 2 * pixel_size),
        device=device,
        obliquity=_draw_obliquity(rng),
    )


def _draw_obliquity(rng: np.random.Generator) -> tuple[float, float]:
    """Slopes of the slices: technicians align them with the column by eye, and not at all in one of ten scans."""
    degrees = _CARELESS_DEGREES if rng.random() < 0.1 else _CAREFUL_DEGREES
    by_z, by_y = np.tan(np.radians(rng.normal(0, degrees, 2)))
    return float(by_z), float(by_y)


def _draw_arc_length(rng: np.random.Generator, column: Column, extent: float) -> float:
    """Centre of a training triplet."""
    c5, t1, l1 = (column.position(level) for level in (C5, T1, L1))
    if extent > _TALL_MM:
        return float(rng.uniform(120, 460))
    places = (
        rng.normal(l1 + 75, 45),
        rng.normal(c5 + 20, 45),
        rng.normal((t1 + l1) / 2, 70),
        rng.uniform(-10, 640),
    )
    return float(rng.choice(places, p=(0.38, 0.34, 0.13, 0.15)))

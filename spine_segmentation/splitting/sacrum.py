"""The sacrum below S1 as a landmark: which vertebra stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spine_segmentation.anatomy import SACRUM_BELOW_S1, Kind
from spine_segmentation.results import Instance
from spine_segmentation.splitting.bodies import EXTENT_PERCENTILES
from spine_segmentation.splitting.column import Column, Points
from spine_segmentation.volume import Array, Volume

REACH_MM = 15.0
"""S2 begins so near below S1, whose lower edge is often not found: at most 5 mm on synthetic whole spines, 3 to 15 mm
on most SPIDER patients. Below an L5 the disc and the upper half of S1 would lie there."""

HALF_WIDTH_MM, HALF_DEPTH_MM = 10.0, 20.0
"""To the side and to the front or back of the column: S2 lies there, the wings of the sacrum lie beside S1 and L5."""

MIN_VOLUME_MM3 = 100.0
"""So much of S2 at least, as much as the smallest piece that counts as a body."""

TOP_PERCENTILE = 5.0
"""Where S2 begins, so that single voxels do not tell."""

MAX_POINTS = 5000
"""No more of its voxels are looked at, evenly drawn."""


def mark_above_sacrum(
    items: Sequence[Instance], labels: Array, semantic: Volume, column: Column
) -> tuple[Instance, ...]:
    """Mark the vertebra that has the sacrum below S1 directly below it.

    Args:
        items: Top to bottom.
        labels: uint16, their voxels, on the grid of ``semantic``.
        semantic: uint8, 60 for S2 and below, in canonical orientation.
        column: The course of the spine.

    Returns:
        The same, one of them marked by ``Instance.above_sacrum``, or none.
    """
    points = _points(semantic.array == SACRUM_BELOW_S1, semantic)
    stride = 1 + len(points) // MAX_POINTS
    sacrum = column.coordinates(points[::stride])
    inside = (np.abs(sacrum[:, 1]) <= HALF_WIDTH_MM) & (np.abs(sacrum[:, 2]) <= HALF_DEPTH_MM)
    if inside.sum() * stride * semantic.voxel_volume < MIN_VOLUME_MM3:
        return tuple(items)
    top = float(np.percentile(sacrum[inside, 0], TOP_PERCENTILE))
    above = [k for k, item in enumerate(items) if item.kind is Kind.VERTEBRA and item.position < top]
    if not above:
        return tuple(items)
    lowest = above[-1]
    heights = column.coordinates(_points(labels == items[lowest].label, semantic))[:, 0]
    near = top - np.percentile(heights, EXTENT_PERCENTILES[1]) <= REACH_MM
    return (*items[:lowest], replace(items[lowest], above_sacrum=bool(near)), *items[lowest + 1 :])


def _points(mask: Array, grid: Volume) -> Points:
    indices = np.unravel_index(np.flatnonzero(mask), mask.shape)  # many times faster than argwhere
    return grid.to_patient(np.stack(indices, axis=1))

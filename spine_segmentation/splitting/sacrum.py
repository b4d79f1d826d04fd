"""The sacrum below S1: which pieces of vertebra belong to it, and which vertebra stands on it, a landmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spine_segmentation.anatomy import SACRUM_BELOW_S1, Kind
from spine_segmentation.results import Instance
from spine_segmentation.splitting.bodies import EXTENT_PERCENTILES, Piece
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

SMALL_AREA_SHARE = 0.4
"""Below the last disc, a piece of a smaller cross-section than this share of that of the body above it belongs to S2.
What the field of view cuts is as wide as any."""


def without_sacral_pieces(bodies: Sequence[Piece]) -> list[Piece]:
    """Leave out what lies loose under the body below the last disc.

    Args:
        bodies: Top to bottom.

    Returns:
        Those that are bodies; all where there is no disc.
    """
    below = sum(body.lowest for body in bodies)
    if below in (0, len(bodies)):
        return list(bodies)
    first = len(bodies) - below
    least = SMALL_AREA_SHARE * bodies[first].area
    return [*bodies[: first + 1], *(body for body in bodies[first + 1 :] if body.area >= least)]


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
    sacrum = column.coordinates(_points(semantic.array == SACRUM_BELOW_S1, semantic))
    inside = (np.abs(sacrum[:, 1]) <= HALF_WIDTH_MM) & (np.abs(sacrum[:, 2]) <= HALF_DEPTH_MM)
    if inside.sum() * semantic.voxel_volume < MIN_VOLUME_MM3:
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
    return grid.to_patient(np.argwhere(mask))

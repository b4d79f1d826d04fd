"""How far a structure can reach to the sides: what lies farther out is muscle or a transverse process."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spine_segmentation.splitting.column import Points

WIDTH_PER_DEPTH = 1.8
"""Greatest width of a body or disc per depth. Mean widths are 1.1 (C3) to 1.5 (T1, L5) times the depth in the
generator's table of measured bodies; the rest is variation and osteophytes."""

DEPTH_PERCENTILES = (5.0, 95.0)
"""The depth is measured between these percentiles of the central voxels."""

CORE_MM = 10.0
"""Voxels this near to the most populated lateral position show the depth."""

BIN_MM = 1.0
"""Width of the bins in which voxels are counted along the lateral direction."""


def within_width(points: Points, left: Points, posterior: Points) -> npt.NDArray[np.bool_]:
    """Tell which voxels of a structure lie within an anatomically possible width.

    The window of that width is where it holds most voxels.

    Args:
        points: Shape (n, 3), voxel centres in patient coordinates, mm.
        left: Shape (3,), unit vector to the left of the column.
        posterior: Shape (3,), unit vector to the back of the column.

    Returns:
        Shape (n,).
    """
    sides = points @ left
    bins = max(1, round(WIDTH_PER_DEPTH * _depth(sides, points @ posterior) / BIN_MM))
    edges = np.arange(sides.min(), sides.max() + 2 * BIN_MM, BIN_MM)
    total = np.concatenate([[0], np.cumsum(np.histogram(sides, edges)[0])])
    ends = np.minimum(np.arange(len(total)) + bins, len(total) - 1)
    inside = total[ends] - total
    best = np.flatnonzero(inside == inside.max())
    start = edges[best[len(best) // 2]]
    return np.asarray((sides >= start - BIN_MM / 2) & (sides <= start + (bins + 0.5) * BIN_MM))


def _depth(sides: Points, depths: Points) -> float:
    """Extent from front to back around the lateral position with most voxels."""
    counts, edges = np.histogram(sides, np.arange(sides.min(), sides.max() + 2 * CORE_MM, CORE_MM))
    core = edges[int(counts.argmax())] + CORE_MM / 2
    front, back = np.percentile(depths[np.abs(sides - core) <= CORE_MM], DEPTH_PERCENTILES)
    return float(back - front)

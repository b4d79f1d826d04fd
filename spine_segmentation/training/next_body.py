"""The body beyond the last labelled disc, which masks of lumbar spines leave out: where it must be, it is known.

A disc lies on the whole endplate of the next body, so that what follows its surface inwards of the rims is bone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from spine_segmentation.splitting.cutting import Plane

NEAREST_MM, FARTHEST_MM = 2.0, 10.0
"""From the disc's surface: beyond the endplate and what masks differ by, and well before the middle of S1 (15 mm)."""

RIM_MM = 6.0
"""Inwards of the disc's front and back edge: S1 grows less deep by about 2 mm on either side within that height, and
masks of discs may hold a bulge or a spur."""

LIP_MM = 3.0
"""Where the disc reaches so much further than in its middle, it hangs over the rim of the next body."""

_CELL_MM = (1.5, 6.0)
"""The disc's surface is looked up in cells so wide from front to back and from left to right: above the largest pixel
and the largest distance of slices."""


def is_in_next_body(
    points: npt.NDArray[np.float64], disc: npt.NDArray[np.float64], plane: Plane
) -> npt.NDArray[np.bool_]:
    """Tell which points lie in the body beyond a disc for sure.

    Args:
        points: Shape (n, 3), patient coordinates, LPS, mm.
        disc: Shape (m, 3), m at least 1, the disc's voxel centres, LPS, mm.
        plane: Through the disc; its normal points to the next body.

    Returns:
        Shape (n,).
    """
    posterior = np.array([0.0, 1.0, 0.0]) - plane.normal[1] * plane.normal
    posterior /= np.linalg.norm(posterior)
    frame = np.stack([plane.normal, posterior, np.cross(plane.normal, posterior)])
    heights, cells = _heights_and_cells(disc, plane, frame)
    first = cells.min(axis=0)
    surface = _surface(heights, cells - first)
    heights, cells = _heights_and_cells(points, plane, frame)
    cells -= first
    faced = ((cells >= 0) & (cells < surface.shape)).all(axis=1)
    distance = np.full(len(points), -np.inf)
    distance[faced] = heights[faced] - surface[tuple(cells[faced].T)]
    known: npt.NDArray[np.bool_] = (distance >= NEAREST_MM) & (distance <= FARTHEST_MM)
    return known


def _surface(heights: npt.NDArray[np.float64], cells: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Height of a disc's surface in each cell, front to back and left to right; infinite at its rim and lip."""
    surface = np.full(cells.max(axis=0) + 1, -np.inf)
    np.maximum.at(surface, tuple(cells.T), heights)
    found = np.isfinite(surface)
    rim = np.full((2 * round(RIM_MM / _CELL_MM[0]) + 1, 1), fill_value=True)
    inner = ndimage.binary_erosion(found, rim) & (surface <= np.median(surface[found]) + LIP_MM)
    surface[~inner] = np.inf
    return surface


def _heights_and_cells(
    points: npt.NDArray[np.float64], plane: Plane, frame: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Distance from the plane, mm, shape (n,), and the number of the cell in it, shape (n, 2)."""
    local = (points - plane.point) @ frame.T
    return local[:, 0], np.round(local[:, 1:] / _CELL_MM).astype(np.intp)

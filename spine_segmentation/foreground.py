"""What belongs to the spine: the largest connected foreground, and all that the column's course explains."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import IVD, VERTEBRA
from spine_segmentation.column import Column, Points, fit_column
from spine_segmentation.volume import Volume

MAX_GAP_MM = 50.0
"""Largest gap along the column that is bridged: one missed lumbar body (27 mm) with both its discs (10 mm each)."""

FACING_MM = 20.0
"""The end of a piece that must lie on the course: about half a lumbar body, so that the edge of a tilted one does not
stand for it."""

GAP_SLOPE = 0.5
"""Offset from the straight continuation of the column that is allowed per mm of distance (27 degrees): neighbours are
tilted against one another by up to 28 degrees (C7-T1), and the smoothed course follows half of that."""

BODY_THICKNESS_MM = 15.0
BODY_ALLOWANCE = 1.5
"""A piece that would fill the cross-section to this height (a body: 13 to 27 mm, a spinous process: 6 mm) may lie off
the course by this many half extents instead of one: a slipped or steep L5. Behind the canal it would be two."""

MIN_THICKNESS_PER_GAP = 0.04
"""A separate piece beyond the ends of the column is kept if its volume would fill the column's cross-section to at
least this height per mm of gap. What all but touches may be a crumb; a body or disc (4 mm and higher) passes at any
gap that is bridged, an island of 200 mm3 (0.1 to 0.5 mm) only at a few mm."""

EXTENT_PERCENTILE = 95.0
"""Half width and half depth of the column are this percentile of its voxels' offsets from the curve."""

MIN_HALF_EXTENT_MM = 5.0
"""Least half width and half depth: half of a narrow cervical body (C3, 14 mm) less its voxels' blur. It matters for
volumes of one slice."""


@dataclass(frozen=True)
class Voxels:
    """The voxels of a spine, one entry each, in the order of the array.

    Attributes:
        indices: Shape (n, 3), intp: slice, row, column.
        points: Shape (n, 3), float32, patient coordinates, mm.
        semantic: Shape (n,), uint8, 1 vertebra or 2 IVD.
        parts: Shape (n,), intp, number of the 26-connected component of one kind that a voxel belongs to.
    """

    indices: npt.NDArray[np.intp]
    points: npt.NDArray[np.float32]
    semantic: npt.NDArray[np.uint8]
    parts: npt.NDArray[np.intp]

    def select(self, chosen: npt.NDArray[np.bool_]) -> Voxels:
        """Those of the voxels for which the mask, shape (n,), is true."""
        return Voxels(self.indices[chosen], self.points[chosen], self.semantic[chosen], self.parts[chosen])


def find_spine(semantic: Volume) -> tuple[Voxels, Column] | None:
    """Find the voxels of the spine and the course of its column.

    Starts from the largest 26-connected component of vertebrae and discs. Others are added one after the other while
    they lie inside the column's cross-section, or in the continuation of its course with a plausible size and
    distance. All others (islands, posterior elements) are left out.

    Args:
        semantic: uint8, 0 background, 1 vertebra, 2 IVD, 60 S2 and below, in canonical orientation.

    Returns:
        Voxels and column, None where there is neither vertebra nor disc.
    """
    foreground = (semantic.array == VERTEBRA) | (semantic.array == IVD)
    if not foreground.any():
        return None
    voxels, islands = _read_voxels(semantic, foreground)
    kept, column = _grow(voxels.points, islands, semantic.voxel_volume)
    return voxels.select(kept[islands]), column


def _read_voxels(semantic: Volume, foreground: npt.NDArray[np.bool_]) -> tuple[Voxels, npt.NDArray[np.intp]]:
    """All foreground voxels, and for each the number of its island (component regardless of kind)."""
    box = _bounding_box(foreground)
    inside = foreground[box]
    kinds = np.where(inside, semantic.array[box], 0)
    islands = cc3d.connected_components(inside.view(np.uint8), connectivity=26)
    parts = cc3d.connected_components(kinds, connectivity=26)
    cropped = np.nonzero(inside)
    indices = np.stack(cropped, axis=1) + [edge.start for edge in box]
    linear, offset = semantic.affine[:3, :3].astype(np.float32), semantic.affine[:3, 3].astype(np.float32)
    points = indices.astype(np.float32) @ linear.T + offset
    return Voxels(indices, points, kinds[cropped], parts[cropped].astype(np.intp)), islands[cropped].astype(np.intp)


def _bounding_box(mask: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)


def _grow(points: Points, islands: npt.NDArray[np.intp], voxel_volume: float) -> tuple[npt.NDArray[np.bool_], Column]:
    """Add islands to the largest one, nearest first; returns a mask over island numbers, and the column."""
    volumes = np.bincount(islands) * voxel_volume
    members = np.split(np.argsort(islands, kind="stable"), np.cumsum(np.bincount(islands))[:-1])
    kept = np.arange(len(volumes)) == np.argmax(volumes)
    column = fit_column(points[kept[islands]])
    while True:
        core = _Core.measure(column, points[kept[islands]], volumes[kept].sum())
        others = np.flatnonzero(~kept & (volumes > 0))
        gaps = {island: core.gap_to(points[members[island]], volumes[island]) for island in others}
        explained = {island: gap for island, gap in gaps.items() if gap is not None}
        if not explained:
            return kept, column
        nearest = min(explained.values())
        kept[[island for island, gap in explained.items() if gap == nearest]] = True
        column = fit_column(points[kept[islands]])


@dataclass(frozen=True)
class _Core:
    """The part of the spine found so far: its column, half width and half depth (mm), cross-section (mm2)."""

    column: Column
    half_extents: npt.NDArray[np.float64]
    area: float

    @classmethod
    def measure(cls, column: Column, points: Points, volume: float) -> _Core:
        local = np.abs(column.coordinates(points[:: max(1, len(points) // 5000)])[:, 1:])
        half_extents = np.maximum(np.percentile(local, EXTENT_PERCENTILE, axis=0), MIN_HALF_EXTENT_MM)
        return cls(column, half_extents, volume / max(column.length, MIN_HALF_EXTENT_MM))

    def gap_to(self, points: Points, volume: float) -> float | None:
        """Distance along the column to a piece, 0 beside it; None where its course does not explain the piece."""
        local = self.column.coordinates(points[:: max(1, len(points) // 500)])
        beyond = np.maximum(0.0, np.maximum(-local[:, 0], local[:, 0] - self.column.length))
        gap = float(beyond.min())
        facing = beyond <= gap + FACING_MM
        offset = np.abs(local[facing, 1:].mean(axis=0))
        allowance = BODY_ALLOWANCE if volume >= BODY_THICKNESS_MM * self.area else 1.0
        allowed = allowance * self.half_extents + GAP_SLOPE * beyond[facing].mean()
        plausible = gap <= MAX_GAP_MM and volume >= MIN_THICKNESS_PER_GAP * gap * self.area
        return gap if plausible and (offset <= allowed).all() else None

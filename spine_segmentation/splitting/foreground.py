"""What belongs to the spine: the largest connected foreground, and all that the column's course explains."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cc3d
import numpy as np
import numpy.typing as npt

from spine_segmentation.anatomy import IVD, VERTEBRA
from spine_segmentation.splitting.column import Column, Points, fit_column
from spine_segmentation.volume import Volume

MAX_GAP_MM = 50.0
"""Largest gap along the column that is bridged: one missed lumbar body (27 mm) with both its discs (10 mm each)."""

FACING_MM = 20.0
"""The end of a piece that must lie on the course: about half a lumbar body, so that the edge of a tilted one does not
stand for it."""

MAX_VOID_MM = 130.0
"""Largest gap that is bridged to what is a column itself: implants blot out three lumbar levels (111 mm, men 119)."""

MIN_AREA_RATIO = 0.1
"""Such a column has at least this share of the cross-section of the one it continues, and at most its inverse: C3 has
0.2 of what all thoracic and lumbar levels have on average, a string of crumbs hardly any."""

MIN_STRUCTURES = 2
MIN_HEIGHTS_MM = {VERTEBRA: 5.0, IVD: 1.0}
"""It has so many bodies or discs: parts that would fill its own cross-section to these heights, less than half a
cervical body (13 mm) and a narrowed disc."""

GAP_SLOPES = (0.5, 0.5)
"""Offset to the side, and to the front or back, from the straight continuation of the column that is allowed per mm of
distance (27 degrees): neighbours are tilted against one another by up to 28 degrees (C7-T1), and the smoothed course
follows half of that."""

VOID_SLOPES = (0.5, 1.0)
"""The same over a long gap: the lumbar column alone bends to the back by 60 degrees, mostly beyond L3."""

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
        """Keep some of the voxels.

        Args:
            chosen: Shape (n,), bool.

        Returns:
            The voxels for which the mask is true, in the same order.
        """
        return Voxels(self.indices[chosen], self.points[chosen], self.semantic[chosen], self.parts[chosen])


def find_spine(semantic: Volume) -> tuple[Voxels, Column] | None:
    """Find the voxels of the spine and the course of its column.

    Starts from the largest 26-connected component of vertebrae and discs. Others are added one after the other while
    they lie inside the column's cross-section, or in the continuation of its course with a plausible size and
    distance. What lies beyond a longer gap, such as an implant leaves, is added where it is a column itself. All
    others (islands, posterior elements) are left out.

    Args:
        semantic: uint8, 0 background, 1 vertebra, 2 IVD, 60 S2 and below, in canonical orientation.

    Returns:
        Voxels and column, None where there is neither vertebra nor disc.
    """
    foreground = (semantic.array == VERTEBRA) | (semantic.array == IVD)
    if not foreground.any():
        return None
    voxels, islands = _read_voxels(semantic, foreground)
    pieces = _Pieces(voxels, islands, semantic.voxel_volume)
    spine = pieces.grow(pieces.largest(pieces.volumes > 0))
    while (beyond := _find_beyond_gap(pieces, spine)) is not None:
        spine = pieces.grow(spine.islands | beyond.islands)
    return voxels.select(spine.islands[islands]), spine.column


def _read_voxels(semantic: Volume, foreground: npt.NDArray[np.bool_]) -> tuple[Voxels, npt.NDArray[np.intp]]:
    """All foreground voxels, and for each the number of its island (component regardless of kind)."""
    box = _bounding_box(foreground)
    inside = foreground[box]
    kinds = np.where(inside, semantic.array[box], 0)
    islands = cc3d.connected_components(inside.view(np.uint8), connectivity=26)
    parts = cc3d.connected_components(kinds, connectivity=26)
    cropped = np.unravel_index(np.flatnonzero(inside), inside.shape)  # faster than nonzero
    indices = np.stack(cropped, axis=1) + [edge.start for edge in box]
    linear, offset = semantic.affine[:3, :3].astype(np.float32), semantic.affine[:3, 3].astype(np.float32)
    points = indices.astype(np.float32) @ linear.T + offset
    return Voxels(indices, points, kinds[cropped], parts[cropped].astype(np.intp)), islands[cropped].astype(np.intp)


def _bounding_box(mask: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    spans = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return tuple(slice(int(span[0]), int(span[-1]) + 1) for span in spans)


def _find_beyond_gap(pieces: _Pieces, spine: _Stretch) -> _Stretch | None:
    """The largest stretch beyond a long gap that is a column itself, in the continuation of the spine's course."""
    rest = (pieces.volumes > 0) & ~spine.islands
    least = min(MIN_HEIGHTS_MM.values()) * MIN_AREA_RATIO * spine.area
    while (pieces.volumes[rest] >= least).any():
        stretch = pieces.grow(pieces.largest(rest), among=rest)
        alike = MIN_AREA_RATIO * spine.area <= stretch.area <= spine.area / MIN_AREA_RATIO
        if alike and pieces.count_structures(stretch) >= MIN_STRUCTURES:
            points, volume = pieces.points(stretch.islands), pieces.volumes[stretch.islands].sum()
            gap = spine.gap_to(points, volume, MAX_VOID_MM, VOID_SLOPES)
            if gap is not None and gap > MAX_GAP_MM:
                return stretch
        rest &= ~stretch.islands
    return None


@dataclass(frozen=True)
class _Pieces:
    """All foreground by islands: voxels, shape (n,) the number of each one's island, volume of a voxel (mm3)."""

    voxels: Voxels
    islands: npt.NDArray[np.intp]
    voxel_volume: float

    @cached_property
    def volumes(self) -> npt.NDArray[np.float64]:
        """Of every island, by its number, mm3; there is none of number 0."""
        return np.asarray(np.bincount(self.islands) * self.voxel_volume, dtype=np.float64)

    @cached_property
    def _members(self) -> list[npt.NDArray[np.intp]]:
        return np.split(np.argsort(self.islands, kind="stable"), np.cumsum(np.bincount(self.islands))[:-1])

    def points(self, islands: npt.NDArray[np.bool_]) -> Points:
        """Of the islands under a mask."""
        return self.voxels.points[islands[self.islands]]

    def largest(self, islands: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The largest of the islands under a mask, as a mask."""
        return np.asarray(np.arange(len(islands)) == np.argmax(np.where(islands, self.volumes, 0.0)))

    def grow(self, kept: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_] | None = None) -> _Stretch:
        """Add those islands, or those under a mask, that the course of the kept ones explains, nearest first."""
        candidates = self.volumes > 0 if among is None else among
        while True:
            stretch = _Stretch.measure(kept, self.points(kept), self.volumes[kept].sum())
            others = np.flatnonzero(candidates & ~kept).tolist()
            gaps = {island: self._gap(stretch, island) for island in others}
            explained = {island: gap for island, gap in gaps.items() if gap is not None}
            if not explained:
                return stretch
            nearest = min(explained.values())
            kept = kept.copy()
            kept[[island for island, gap in explained.items() if gap == nearest]] = True

    def _gap(self, stretch: _Stretch, island: int) -> float | None:
        points = self.voxels.points[self._members[island]]
        return stretch.gap_to(points, self.volumes[island], MAX_GAP_MM, GAP_SLOPES)

    def count_structures(self, stretch: _Stretch) -> int:
        """Number of parts of a stretch that are high enough for a body or disc."""
        inside = stretch.islands[self.islands]
        heights = {
            kind: np.bincount(self.voxels.parts[inside & (self.voxels.semantic == kind)])
            * self.voxel_volume
            / stretch.area
            for kind in MIN_HEIGHTS_MM
        }
        return sum(int((heights[kind] >= least).sum()) for kind, least in MIN_HEIGHTS_MM.items())


@dataclass(frozen=True)
class _Stretch:
    """A stretch of column: mask over islands, its course, half width and half depth (mm), cross-section (mm2)."""

    islands: npt.NDArray[np.bool_]
    column: Column
    half_extents: npt.NDArray[np.float64]
    area: float

    @classmethod
    def measure(cls, islands: npt.NDArray[np.bool_], points: Points, volume: float) -> _Stretch:
        column = fit_column(points)
        local = np.abs(column.coordinates(points[:: max(1, len(points) // 5000)])[:, 1:])
        half_extents = np.maximum(np.percentile(local, EXTENT_PERCENTILE, axis=0), MIN_HALF_EXTENT_MM)
        return cls(islands, column, half_extents, volume / max(column.length, MIN_HALF_EXTENT_MM))

    def gap_to(self, points: Points, volume: float, longest: float, slopes: tuple[float, float]) -> float | None:
        """Distance along the column to a piece, 0 beside it; None where its course does not explain the piece."""
        local = self.column.coordinates(points[:: max(1, len(points) // 500)])
        beyond = np.maximum(0.0, np.maximum(-local[:, 0], local[:, 0] - self.column.length))
        gap = float(beyond.min())
        facing = beyond <= gap + FACING_MM
        offset = np.abs(local[facing, 1:].mean(axis=0))
        allowance = BODY_ALLOWANCE if volume >= BODY_THICKNESS_MM * self.area else 1.0
        allowed = allowance * self.half_extents + np.array(slopes) * beyond[facing].mean()
        plausible = gap <= longest and volume >= MIN_THICKNESS_PER_GAP * gap * self.area
        return gap if plausible and (offset <= allowed).all() else None

"""The course of the spinal column: a smooth curve from top to bottom through everything that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial import cKDTree

Points = npt.NDArray[np.floating]

STEP_MM = 2.0
"""Distance between samples of the curve: below the thinnest disc (about 3 mm)."""

BANDWIDTH_MM = 20.0
"""Standard deviation of the Gaussian window of the smoothing: about one vertebra with its disc, so that the curve
follows lordosis, kyphosis and scoliosis and not the shape of a single body."""

SHORT_MM = 50.0
"""A spine of less height than this is taken to run vertically: a single body or disc is wider than high, and says
little about the direction of its column. A steep lumbar body reaches 45 mm, two lumbar discs without bodies 50 mm."""

TILT_RIDGE_MM2 = 10.0
"""Variance along the column, mm2, at which data and the assumption of a vertical column weigh the same: steadies the
regression where its window holds little; two discs or bodies (variance above 300 mm2) are not affected."""

LONG_GAP_MM = 50.0
"""Over a longer gap the regression runs straight on from either side and leaps in the middle, where two and a half of
its windows' deviations meet; a cubic curve leads across instead."""

ITERATIONS = 3
"""Rounds of projecting on the curve and fitting it again; the curve moves by less than 0.1 mm after the third."""

MAX_FIT_POINTS = 6000
"""A fit uses at most about this many of its points, evenly drawn; more change the curve by less than 0.1 mm."""


@dataclass(frozen=True)
class Column:
    """A sampled curve along the spine with a local frame; straight beyond its ends.

    Attributes:
        samples: Shape (n, 3), patient coordinates (LPS, mm), top to bottom.
        tangents: Shape (n, 3), unit vectors pointing downwards along the column.
    """

    samples: npt.NDArray[np.float64]
    tangents: npt.NDArray[np.float64]

    @cached_property
    def arcs(self) -> npt.NDArray[np.float64]:
        """Arc length at every sample, mm, 0 at the top."""
        steps = np.linalg.norm(np.diff(self.samples, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length(self) -> float:
        """Arc length between the ends, mm."""
        return float(self.arcs[-1])

    def coordinates(self, points: Points) -> npt.NDArray[np.float64]:
        """Positions relative to the column.

        Args:
            points: Shape (n, 3), patient coordinates, mm.

        Returns:
            Shape (n, 3), mm: arc length (negative above the top), offset to the left, offset to posterior.
        """
        _, nearest = self._tree.query(points)
        delta = np.asarray(points, dtype=np.float64) - self.samples[nearest]
        frame = self._frames[nearest]
        local = np.einsum("nij,nj->ni", frame, delta)
        local[:, 0] += self.arcs[nearest]
        coordinates: npt.NDArray[np.float64] = local
        return coordinates

    def frame(self, point: Points) -> npt.NDArray[np.float64]:
        """Directions of the column at the place nearest to a point.

        Args:
            point: Shape (3,), patient coordinates, mm.

        Returns:
            Shape (3, 3), unit vectors as rows: down the column, left, posterior.
        """
        _, nearest = self._tree.query(point)
        frame: npt.NDArray[np.float64] = self._frames[nearest]
        return frame

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.samples)

    @cached_property
    def _frames(self) -> npt.NDArray[np.float64]:
        posterior = np.array([0.0, 1.0, 0.0]) - self.tangents[:, 1:2] * self.tangents
        posterior /= np.maximum(np.linalg.norm(posterior, axis=1, keepdims=True), 1e-6)
        return np.stack([self.tangents, np.cross(self.tangents, posterior), posterior], axis=1)


def fit_column(points: Points) -> Column:
    """Lay a smooth curve through the voxels of a spine.

    The voxels are cut into slabs across the curve, and a locally linear regression runs through the slabs' centres;
    the first slabs are horizontal, the following ones stand at right angles to the last curve.

    Args:
        points: Shape (n, 3), n at least 1, voxel centres in patient coordinates (LPS), mm.

    Returns:
        The curve, from the highest to the lowest slab.
    """
    stride = -(-len(points) // MAX_FIT_POINTS)
    sample = points[::stride].astype(np.float64)
    if np.ptp(sample[:, 2]) < SHORT_MM:
        return _vertical(sample)
    column = _regress(sample, -sample[:, 2])
    for _ in range(ITERATIONS):
        column = _regress(sample, column.coordinates(sample)[:, 0])
    return column


def _vertical(points: npt.NDArray[np.float64]) -> Column:
    """Lay a vertical line through the centre of the points."""
    samples = np.tile(points.mean(axis=0), (2, 1))
    samples[:, 2] = points[:, 2].max(), points[:, 2].min()
    return Column(samples, np.tile([0.0, 0.0, -1.0], (2, 1)))


def _regress(points: npt.NDArray[np.float64], arcs: npt.NDArray[np.float64]) -> Column:
    """Locally linear regression of the points on their arc length, sampled every ``STEP_MM``."""
    weights, slab_arcs, centres = _slabs(points, arcs)
    grid = np.append(np.arange(slab_arcs[0], slab_arcs[-1], STEP_MM), slab_arcs[-1])
    window = weights * np.exp(-0.5 * ((grid[:, None] - slab_arcs) / BANDWIDTH_MM) ** 2)
    window /= window.sum(axis=1, keepdims=True)
    mean_arc, mean_point = window @ slab_arcs, window @ centres
    delta = slab_arcs - mean_arc[:, None]
    spread = (window * delta**2).sum(axis=1, keepdims=True)
    vertical = np.array([0.0, 0.0, -1.0])
    slope = ((window * delta) @ centres + TILT_RIDGE_MM2 * vertical) / (spread + TILT_RIDGE_MM2)
    column = Column(mean_point + slope * (grid - mean_arc)[:, None], _unit(slope))
    for k in np.flatnonzero(np.diff(slab_arcs) > LONG_GAP_MM):
        column = _bridge(column, int(np.searchsorted(grid, slab_arcs[k])), int(np.searchsorted(grid, slab_arcs[k + 1])))
    return column


def _bridge(column: Column, start: int, end: int) -> Column:
    """Lay a cubic curve from one sample to another that leaves and arrives in the column's directions there."""
    shares = np.linspace(0.0, 1.0, end - start + 1)
    ends = [start, end]
    chord = np.linalg.norm(column.samples[end] - column.samples[start])
    curve = CubicHermiteSpline([0.0, 1.0], column.samples[ends], column.tangents[ends] * chord)
    samples, tangents = column.samples.copy(), column.tangents.copy()
    samples[start : end + 1], tangents[start : end + 1] = curve(shares), _unit(curve(shares, 1))
    return Column(samples, tangents)


def _unit(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _slabs(
    points: npt.NDArray[np.float64], arcs: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return number, mean arc length and centre of the points in each slab of thickness ``STEP_MM`` that holds any."""
    index = ((arcs - arcs.min()) / STEP_MM).astype(np.intp)
    counts = np.bincount(index).astype(np.float64)
    filled = counts > 0
    sums = [np.bincount(index, values)[filled] / counts[filled] for values in (arcs, *points.T)]
    return counts[filled], sums[0], np.stack(sums[1:], axis=1)

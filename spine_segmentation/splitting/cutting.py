"""Cutting surfaces between bodies: planes fitted to discs, and waists where a disc was missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import null_space
from scipy.ndimage import gaussian_filter1d

from spine_segmentation.splitting.column import Points

SLOPE_RIDGE_MM2 = 10.0
"""Variance of a disc's voxels across the column, mm2, at which its own tilt and that of the column weigh the same. A
lumbar disc (35 mm, variance 100 mm2) keeps nine tenths of its tilt, a fragment of 5 mm (2 mm2) takes the column's."""

OUTLIER_DEVIATIONS = 2.5
"""Voxels further from the plane than this many robust standard deviations are left out of the second fit; a clean
slab of even thickness has none."""

REACH_MM = 60.0
"""A plane decides within this height of its disc, a bit more than a steep disc's own rise (35 mm at 60 degrees);
further away the height alone decides, so that planes of distant levels never cross inside a body."""

CORE_MM = 1.0
"""What lies so near to a plane is taken to lie in it: within the half height of any disc but the most narrowed."""

WAIST_SMOOTHING_MM = 2.0
"""Standard deviation of the smoothing of a cross-section profile: above the largest pixel (1.4 mm), below a disc."""

WAIST_RATIO = 0.85
"""A waist has at most this share of the cross-section on either side. The concavity of a normal body stays above it
(about 0.9), a partly segmented disc space does not."""


@dataclass(frozen=True)
class Plane:
    """A plane across the column.

    Attributes:
        point: Shape (3,), a point on it, patient coordinates, mm.
        normal: Shape (3,), unit vector pointing downwards along the column.
    """

    point: npt.NDArray[np.float64]
    normal: npt.NDArray[np.float64]


def fit_plane(points: Points, direction: npt.NDArray[np.float64]) -> Plane:
    """Fit a plane to the voxels of a disc, steadied by the direction of the column.

    Least squares along the column with a ridge penalty on the tilt against it, once more without outliers.

    Args:
        points: Shape (n, 3), n at least 1, voxel centres in patient coordinates, mm.
        direction: Shape (3,), unit vector down the column at the disc.

    Returns:
        The plane; perpendicular to ``direction`` in every direction in which the points have no extent.
    """
    plane = _ridge_plane(points, direction)
    distances = np.abs((points - plane.point) @ plane.normal)
    scale = 1.4826 * float(np.median(distances))
    return _ridge_plane(points[distances <= OUTLIER_DEVIATIONS * scale + 1e-3], direction)


def count_planes_above(points: Points, planes: Sequence[Plane]) -> npt.NDArray[np.intp]:
    """Count the planes that lie above each point.

    Args:
        points: Shape (n, 3), patient coordinates, mm.
        planes: Top to bottom.

    Returns:
        Shape (n,), 0 above the first plane to ``len(planes)`` below the last.
    """
    count = np.zeros(len(points), dtype=np.intp)
    for plane in planes:
        below = points[:, 2] < plane.point[2]
        near = np.flatnonzero(np.abs(points[:, 2] - plane.point[2]) < REACH_MM)
        below[near] = points[near] @ plane.normal.astype(points.dtype) > plane.point @ plane.normal
        count += below
    return count


def bone_share(plane: Plane, bone: Points, disc: Points) -> float:
    """Tell how much of a disc's plane runs through bone.

    Args:
        plane: Fitted to the disc.
        bone: Shape (n, 3), voxel centres of all bodies, patient coordinates, mm.
        disc: Shape (m, 3), those of the disc.

    Returns:
        0 for a disc that reaches across the column, towards 1 for a spot inside a body or a joint beside it.
    """
    near = np.abs(bone[:, 2] - plane.point[2]) < REACH_MM / 2
    in_bone, in_disc = (int(_in_plane(plane, points).sum()) for points in (bone[near], disc))
    return in_bone / max(in_bone + in_disc, 1)


def find_waist(heights: Points) -> float | None:
    """Find the narrowest cross-section in the middle of a body that may be two.

    Args:
        heights: Shape (n,), positions of its voxels along the column, mm.

    Returns:
        Position of the waist, mm; None if no cross-section in the middle third is clearly smaller than those on both
        sides of it.
    """
    low, high = float(heights.min()), float(heights.max())
    counts, edges = np.histogram(heights, bins=max(3, round(high - low)), range=(low, high))
    profile = gaussian_filter1d(counts.astype(np.float64), WAIST_SMOOTHING_MM / (edges[1] - edges[0]), mode="constant")
    third = len(profile) // 3
    waist = third + int(np.argmin(profile[third : len(profile) - third]))
    if profile[waist] > WAIST_RATIO * min(profile[:waist].max(), profile[waist:].max()):
        return None
    return float(edges[waist] + edges[waist + 1]) / 2


def _in_plane(plane: Plane, points: Points) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = np.abs((points - plane.point) @ plane.normal) <= CORE_MM
    return inside


def _ridge_plane(points: Points, direction: npt.NDArray[np.float64]) -> Plane:
    """Fit by ridge regression of the height along the column on the two coordinates across it."""
    origin = points.mean(axis=0, dtype=np.float64)
    centred = points - origin
    basis = null_space(direction[None, :])
    across, along = centred @ basis, centred @ direction
    covariance = across.T @ across / len(points) + SLOPE_RIDGE_MM2 * np.eye(2)
    slope = np.linalg.solve(covariance, across.T @ along / len(points))
    normal = direction - basis @ slope
    return Plane(origin, normal / np.linalg.norm(normal))

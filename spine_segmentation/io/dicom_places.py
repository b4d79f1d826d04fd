"""Where frames lie along the normal of their slices, and what counts as one place and as one orientation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.io.dicom_frames import Frame

ORIENTATION_TOLERANCE = 1e-3
"""Orientations whose direction cosines differ by no more than this are the same; scanners round to 1e-4 and finer."""

POSITION_TOLERANCE = 0.02
"""Slices closer together than this share of the slice spacing that the header states lie at one position ..."""

POSITION_TOLERANCE_MM = 0.01
"""... and so do those that are closer than this."""


def normal_of(frame: Frame) -> npt.NDArray[np.float64]:
    """Compute the unit vector across the slice: the cross product of its two axes.

    Args:
        frame: With an orientation.

    Returns:
        Shape (3,), float64, patient coordinates (LPS).
    """
    axes = np.array(frame.orientation).reshape(2, 3)
    normal = np.cross(axes[0], axes[1])
    return np.asarray(normal / np.linalg.norm(normal))


def places_of(frames: Sequence[Frame]) -> npt.NDArray[np.float64]:
    """Compute how far along the normal of the first frame each frame lies.

    Args:
        frames: With position and orientation.

    Returns:
        Shape (n,), float64, mm.
    """
    return np.asarray(np.array([frame.position for frame in frames]) @ normal_of(frames[0]))


def place_tolerance(frames: Sequence[Frame]) -> float:
    """Compute how close together two frames lie at one place.

    Args:
        frames: At least one.

    Returns:
        A distance in mm.
    """
    return max(POSITION_TOLERANCE_MM, POSITION_TOLERANCE * (frames[0].slice_spacing or 0.0))


def group_near(values: npt.NDArray[np.float64], tolerance: float) -> npt.NDArray[np.intp]:
    """Number the groups of values that no gap wider than a tolerance divides.

    Args:
        values: Shape (n,), at least one, in any order.
        tolerance: In the unit of the values.

    Returns:
        Shape (n,); the group of each value, from 0, by ascending value.
    """
    order = np.argsort(values, kind="stable")
    groups = np.empty(len(values), dtype=np.intp)
    groups[order] = np.cumsum(np.diff(values[order], prepend=values[order[0]]) > tolerance)
    return groups


def orientations(frames: Sequence[Frame]) -> list[tuple[float, ...]]:
    """List the distinct orientations, in the order in which they occur.

    Args:
        frames: With an orientation.

    Returns:
        Six direction cosines each: of the rows, then of the columns.
    """
    found: list[tuple[float, ...]] = []
    for frame in frames:
        current = frame.orientation or ()
        if not any(same_orientation(current, known) for known in found):
            found.append(current)
    return found


def same_orientation(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two orientations are the same.

    Args:
        one: Six direction cosines.
        other: Six direction cosines.

    Returns:
        True if none of them differs by more than ``ORIENTATION_TOLERANCE``.
    """
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= ORIENTATION_TOLERANCE

"""From the frames of one stack to slices on a regular grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.errors import (
    DuplicatePosition,
    InconsistentGeometry,
    MissingGeometry,
    MissingSlice,
    MixedOrientation,
    MixedPixelSpacing,
)
from spine_segmentation.io.dicom_frames import Frame
from spine_segmentation.io.dicom_places import (
    ORIENTATION_TOLERANCE,
    normal_of,
    orientations,
    place_tolerance,
    places_of,
)

SPACING_TOLERANCE = 0.1
"""A slice distance may deviate from the median by this fraction of it ..."""

SPACING_TOLERANCE_MM = 0.2
"""... or by this much, whichever is more; a slice may lie as far from its place on the regular grid."""

PIXEL_SPACING_TOLERANCE = 1e-3
"""Pixel spacings that differ by no more than this fraction are the same."""

SUSPICIOUS_RATIO = 1.9
"""Slices this many times further apart than the header states are reported: every other one may be missing."""

DEFAULT_THICKNESS_MM = 1.0
"""Thickness of a single slice whose header does not state it."""


def require_geometry(frames: Sequence[Frame]) -> None:
    """Check that every frame says where it lies.

    Args:
        frames: Of one series.

    Raises:
        MissingGeometry: If position, orientation or pixel spacing of a frame is absent or malformed.
    """
    lacking = {
        "Image Position (Patient)": sum(frame.position is None for frame in frames),
        "Image Orientation (Patient)": sum(frame.orientation is None for frame in frames),
        "Pixel Spacing": sum(frame.pixel_spacing is None for frame in frames),
    }
    if any(lacking.values()):
        flaws = ", ".join(f"{name} in {count}" for name, count in lacking.items() if count)
        raise MissingGeometry(
            f"absent or malformed, of {len(frames)} images: {flaws}",
            expected="position, orientation (two orthogonal unit vectors) and pixel spacing in every image",
            remedy="export the original images from the scanner or PACS; screenshots and converted copies lose these",
        )


def sort_slices(frames: Sequence[Frame]) -> list[Frame]:
    """Sort frames along the normal, the cross product of row and column direction.

    Args:
        frames: Of one stack, with geometry.

    Returns:
        The frames by ascending place.

    Raises:
        MixedOrientation: If the orientations differ.
        MixedPixelSpacing: If pixel spacings or image sizes differ.
        DuplicatePosition: If two frames lie at the same place.
        MissingSlice: If the distances between slices differ.
    """
    _require_one_orientation(frames)
    _require_one_pixel_spacing(frames)
    return _sorted_by_place(frames)


def is_regular(frames: Sequence[Frame]) -> bool:
    """Tell whether frames lie at even distances on a straight line; image size and orientation are not asked.

    Args:
        frames: With geometry.

    Returns:
        True if there is neither a gap nor a place with several frames nor one beside the line.
    """
    try:
        _require_straight_line(np.array([frame.position for frame in _sorted_by_place(frames)]))
    except InconsistentGeometry:
        return False
    return True


def has_stated_spacing(slices: Sequence[Frame]) -> bool:
    """Tell whether slices are as far apart as their header states.

    Args:
        slices: Of a regular stack.

    Returns:
        True if the distance agrees with the stated one; False for a single slice or where none is stated.
    """
    places, stated = places_of(slices), slices[0].slice_spacing
    distance = float(np.ptp(places)) / max(1, len(slices) - 1)
    return stated is not None and abs(distance - stated) <= _tolerance(stated)


def grid_affine(slices: Sequence[Frame]) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Compute the affine of sorted slices; slices that are shifted evenly against one another are represented exactly.

    Args:
        slices: As :func:`sort_slices` returns them.

    Returns:
        4x4, maps (slice, row, column, 1) to LPS, mm; and warnings.

    Raises:
        InconsistentGeometry: If the slices do not lie on a straight line at even distances.
    """
    positions = np.array([frame.position for frame in slices])
    step, warnings = _slice_step(slices, positions)
    along_columns, along_rows = np.array(slices[0].orientation).reshape(2, 3)
    row_spacing, column_spacing = slices[0].pixel_spacing or (np.nan, np.nan)
    affine = np.eye(4)
    affine[:3] = np.column_stack([step, along_rows * row_spacing, along_columns * column_spacing, positions[0]])
    _require_straight_line(positions)
    return affine, warnings


def _slice_step(
    slices: Sequence[Frame], positions: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], list[str]]:
    stated = slices[0].slice_spacing
    if len(slices) == 1:
        warning = f"one slice without a thickness; {DEFAULT_THICKNESS_MM:g} mm was assumed"
        return normal_of(slices[0]) * (stated or DEFAULT_THICKNESS_MM), [] if stated else [warning]
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    distance = float(step @ normal_of(slices[0]))
    warning = f"slices are {distance:.2f} mm apart, the header says {stated or 0:.2f} mm; some may be missing"
    return step, [warning] if stated and distance > SUSPICIOUS_RATIO * stated else []


def _tolerance(spacing: float) -> float:
    return max(SPACING_TOLERANCE * spacing, SPACING_TOLERANCE_MM)


def _require_one_orientation(frames: Sequence[Frame]) -> None:
    count = len(orientations(frames))
    if count > 1:
        raise MixedOrientation(
            f"{count} orientations among {len(frames)} images of one stack",
            expected=f"direction cosines that agree to {ORIENTATION_TOLERANCE:g}",
            remedy="split the series by orientation, or choose another series",
        )


def _require_one_pixel_spacing(frames: Sequence[Frame]) -> None:
    sizes = {frame.size for frame in frames}
    spacings = np.array([frame.pixel_spacing for frame in frames])
    if len(sizes) > 1 or (np.ptp(spacings, axis=0) > PIXEL_SPACING_TOLERANCE * spacings.min(axis=0)).any():
        shown = sorted({tuple(round(value, 4) for value in spacing) for spacing in spacings.tolist()})
        raise MixedPixelSpacing(
            f"image sizes {sorted(sizes)} and pixel spacings {shown} mm in one stack",
            expected="one image size and one pixel spacing",
            remedy="split the series by image size and pixel spacing, or choose another series",
        )


def _sorted_by_place(frames: Sequence[Frame]) -> list[Frame]:
    places = places_of(frames)
    order = np.argsort(places, kind="stable")
    _require_distinct_places(places[order], place_tolerance(frames))
    _require_even_spacing(places[order])
    return [frames[k] for k in order]


def _require_distinct_places(places: npt.NDArray[np.float64], tolerance: float) -> None:
    repeated = np.flatnonzero(np.diff(places) <= tolerance)
    if len(repeated):
        raise DuplicatePosition(
            f"{len(repeated) + 1} of {len(places)} images share a position, the first at {places[repeated[0]]:.2f} mm, "
            "and no attribute tells them apart",
            expected="one image per position",
            remedy="remove the copies, or split the series by what makes them differ",
        )


def _require_even_spacing(places: npt.NDArray[np.float64]) -> None:
    gaps = np.diff(places)
    median = float(np.median(gaps)) if len(gaps) else 0.0
    uneven = np.flatnonzero(np.abs(gaps - median) > _tolerance(median))
    if len(uneven):
        k = uneven[np.argmax(gaps[uneven])]
        raise MissingSlice(
            f"slices {k + 1} and {k + 2} of {len(places)}, at {places[k]:.2f} and {places[k + 1]:.2f} mm along the "
            f"normal, are {gaps[k]:.2f} mm apart, where the median distance is {median:.2f} mm",
            expected=f"distances within {_tolerance(median):.2f} mm of the median",
            remedy="send the missing images; a volume with gaps cannot be measured",
        )


def _require_straight_line(positions: npt.NDArray[np.float64]) -> None:
    step = (positions[-1] - positions[0]) / max(1, len(positions) - 1)
    expected = positions[0] + np.arange(len(positions))[:, None] * step
    deviation = float(np.linalg.norm(positions - expected, axis=1).max())
    allowed = _tolerance(float(np.linalg.norm(step)))
    if deviation > allowed:
        raise InconsistentGeometry(
            f"slices that lie up to {deviation:.2f} mm from a regular grid",
            expected=f"slices on a straight line at even distances, within {allowed:.2f} mm",
            remedy="split the series where its slices are shifted, or choose another series",
        )

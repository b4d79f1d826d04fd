"""Why a series is not used unless it is asked for by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from spine_segmentation.io.dicom_frames import find_frame_flaw
from spine_segmentation.io.dicom_headers import is_enhanced, number, sop_class, text

NO_GEOMETRY = "position, orientation or pixel spacing is absent or malformed"
"""The flaw of a series without a single image whose place in the patient is known."""

_EXCLUDED_TYPES = {
    "DERIVED": "derived from other images",
    "LOCALIZER": "a localizer",
    "SCOUT": "a localizer",
    "SUBTRACT": "subtracted",
    "SUBTRACTION": "subtracted",
    "SUB": "subtracted",
    "PROJECTION IMAGE": "a projection",
    "MIP": "a projection",
}
_EXCLUDED_DESCRIPTIONS = {
    "a localizer": re.compile(r"(?<![a-z])(loc|localizer|localiser|scout|survey|3.?plane)(?![a-z])", re.IGNORECASE),
    "subtracted": re.compile(r"(?<![a-z])sub(traction|tracted)?(?![-_]?[a-z0-9])", re.IGNORECASE),
}


def find_flaw(headers: Sequence[Dataset], modality: str, orientation: str) -> str | None:
    """Name the first reason not to use a series.

    Args:
        headers: Of all its files.
        modality: Its modality, empty if unknown.
        orientation: Its orientation, as in ``SeriesSummary``.

    Returns:
        The end of a sentence about the series; None if there is no such reason.
    """
    if modality not in {"MR", ""}:
        return f"its modality is {modality}, not MR"
    if 2 * sum(map(is_colour, headers)) >= len(headers):  # a few pictures beside the slices do no harm
        return "it is in colour"
    excluded = _excluded(headers)
    if excluded:
        return f"it is {excluded}"
    frame_flaw = next(filter(None, map(find_frame_flaw, headers)), None)
    if frame_flaw:
        return frame_flaw
    if orientation == "unknown":
        return NO_GEOMETRY
    return None if orientation == "sagittal" else f"its slices are {orientation}, not sagittal"


def is_colour(header: Dataset) -> bool:
    """Tell whether the pixels of an image are colours.

    Args:
        header: Of an image.

    Returns:
        True if there are several samples per pixel, or indices into a palette.
    """
    return (number(header, "SamplesPerPixel") or 1) > 1 or text(header, "PhotometricInterpretation") == "PALETTE COLOR"


def is_capture(header: Dataset) -> bool:
    """Tell whether an image is a picture beside the slices: a screen save, a colour map, a scanned page.

    Args:
        header: Of an image.

    Returns:
        True if it is in colour, or a secondary image whose place in the patient is not stated. An original image
        without geometry is a damaged slice, and no capture.
    """
    secondary = "SECONDARY" in text(header, "ImageType").upper() or sop_class(header) == SecondaryCaptureImageStorage
    placed = is_enhanced(header) or "ImagePositionPatient" in header or "ImageOrientationPatient" in header
    return is_colour(header) or (secondary and not placed)


def _excluded(headers: Sequence[Dataset]) -> str | None:
    """Name what its image type or description excludes; an image type counts if all images have it."""
    types = set.intersection(*(set(text(header, "ImageType").upper().split("\\")) for header in headers))
    named = next((reason for name, reason in _EXCLUDED_TYPES.items() if name in types), None)
    description = text(headers[0], "SeriesDescription")
    return named or next((flaw for flaw, words in _EXCLUDED_DESCRIPTIONS.items() if words.search(description)), None)

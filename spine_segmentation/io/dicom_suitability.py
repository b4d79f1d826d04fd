"""Why a series is not used unless it is asked for by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom.dataset import Dataset

from spine_segmentation.io.dicom_frames import find_frame_flaw
from spine_segmentation.io.dicom_headers import number, text

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
    if any((number(header, "SamplesPerPixel") or 1) > 1 for header in headers):
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


def _excluded(headers: Sequence[Dataset]) -> str | None:
    """Name what its image type or description excludes; an image type counts if all images have it."""
    types = set.intersection(*(set(text(header, "ImageType").upper().split("\\")) for header in headers))
    named = next((reason for name, reason in _EXCLUDED_TYPES.items() if name in types), None)
    description = text(headers[0], "SeriesDescription")
    return named or next((flaw for flaw, words in _EXCLUDED_DESCRIPTIONS.items() if words.search(description)), None)

"""Why a series is not used unless it is asked for by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from spine_segmentation.io.dicom_frames import find_frame_flaw
from spine_segmentation.io.dicom_headers import is_enhanced, number, sop_class, text
from spine_segmentation.io.dicom_wording import description_of, is_localizer

NO_GEOMETRY = "position, orientation or pixel spacing is absent or malformed"
"""The flaw of a series without a single image whose place in the patient is known."""

_DERIVED = "it is derived from other images"
_EXCLUDED_TYPES = {
    "DERIVED": _DERIVED,
    "LOCALIZER": "it is a localizer",
    "SCOUT": "it is a localizer",
    "SUBTRACT": "it is subtracted",
    "SUBTRACTION": "it is subtracted",
    "SUB": "it is subtracted",
    "PROJECTION IMAGE": "it is a projection",
    "MIP": "it is a projection",
}
_SUBTRACTED = re.compile(r"(?<![a-z])sub(traction|tracted)?(?![-_]?[a-z0-9])", re.IGNORECASE)
_REFORMATTED = {"MPR", "REFORMATTED", "MINIP"}
_MAP = re.compile(r"ADC|FA|FF|B0|DIFFUSION|TRACEW?|(.*[ _])?(MAP|FRACTION)")


def find_flaws(headers: Sequence[Dataset], modality: str, orientation: str) -> list[str]:
    """Name the reasons not to use a series.

    Args:
        headers: Of all its files.
        modality: Its modality, empty if unknown.
        orientation: Its orientation, as in ``SeriesSummary``.

    Returns:
        Sentences about the series, the gravest first; empty if there is no such reason.
    """
    description, types = description_of(headers[0]), _common_types(headers)
    flaws = [
        None if modality in {"MR", ""} else f"its modality is {modality}, not MR",
        "it is in colour" if 2 * sum(map(is_colour, headers)) >= len(headers) else None,  # fewer are left out
        *(flaw for name, flaw in _EXCLUDED_TYPES.items() if name in types),
        "it is a localizer" if is_localizer(description) else None,
        "it is subtracted" if _SUBTRACTED.search(description) else None,
        next(filter(None, map(find_frame_flaw, headers)), None),
        _plane_flaw(orientation),
    ]
    return [flaw for flaw in flaws if flaw]


def is_substitute(headers: Sequence[Dataset], flaws: Sequence[str]) -> bool:
    """Tell whether a series may stand in for originals that are not there: water of a Dixon series, a composed spine.

    Args:
        headers: Of all its files.
        flaws: From :func:`find_flaws`.

    Returns:
        True if its only flaw is that it is derived, and it is neither secondary, reformatted nor a map.
    """
    types = _common_types(headers)
    reformatted = not types.isdisjoint(_REFORMATTED) and "COMPOSED" not in types
    return list(flaws) == [_DERIVED] and "PRIMARY" in types and not reformatted and not any(map(_MAP.fullmatch, types))


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


def _common_types(headers: Sequence[Dataset]) -> set[str]:
    """List the values of the image type that all images have."""
    return set.intersection(*(set(text(header, "ImageType").upper().split("\\")) for header in headers))


def _plane_flaw(orientation: str) -> str | None:
    if orientation == "unknown":
        return NO_GEOMETRY
    return None if orientation == "sagittal" else f"its slices are {orientation}, not sagittal"

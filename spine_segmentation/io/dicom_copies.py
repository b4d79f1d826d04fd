"""Whether two DICOM objects are the same image, in whatever way each of them is encoded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from spine_segmentation.io.dicom_headers import UNREADABLE
from spine_segmentation.io.dicom_pixels import decoder_of

PIXELS = {"PixelData", "FloatPixelData", "DoubleFloatPixelData"}
"""The attributes that hold pixels."""

UNDECODABLE = (*UNREADABLE, LookupError, RuntimeError, MemoryError)
"""What pydicom and the decoders of pixels raise for objects that are damaged or none."""

_GEOMETRY = {
    "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "NumberOfFrames",
    "RescaleSlope", "RescaleIntercept", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
}  # fmt: skip
"""What must agree beside the decoded pixels: everything that decides where a voxel lies, whose it is and what it is."""

_PATIENT = {"PatientID", "PatientName", "PatientBirthDate"}
"""What a correction of the patient changes: two versions of one image then contradict each other."""


def is_copy(first: Path, second: Path) -> bool:
    """Tell whether two files hold the same image of the same patient.

    Args:
        first: A DICOM file.
        second: Another one, with the same SOP Instance UID.

    Returns:
        True if patient, geometry and decoded pixels agree; False where they cannot be read.
    """
    try:
        one, other = pydicom.dcmread(first, force=True), pydicom.dcmread(second, force=True)
        return texts(one, _PATIENT) == texts(other, _PATIENT) and is_same_image(one, other)
    except UNDECODABLE:
        return False


def is_same_image(one: Dataset, other: Dataset) -> bool:
    """Tell whether two objects have the same geometry and the same pixels.

    Args:
        one: With file meta information.
        other: With the same SOP Instance UID.

    Returns:
        True if they differ in nothing but how pixels are encoded and in what does not touch the image.

    Raises:
        Exception: One of ``UNDECODABLE``, if the pixels cannot be decoded.
    """
    return texts(one, _GEOMETRY) == texts(other, _GEOMETRY) and _same_pixels(one, other)


def texts(dataset: Dataset, keywords: Iterable[str]) -> list[str]:
    """List values that do not depend on the transfer syntax.

    Args:
        dataset: Any data set.
        keywords: Of the attributes.

    Returns:
        The values as texts, in the order of the sorted keywords.
    """
    return [str(dataset.get(keyword)) for keyword in sorted(keywords)]


def _same_pixels(one: Dataset, other: Dataset) -> bool:
    if not any(keyword in one or keyword in other for keyword in PIXELS):
        return True
    for dataset in (one, other):
        dataset.pixel_array_options(decoding_plugin=decoder_of(dataset))
    return np.array_equal(one.pixel_array, other.pixel_array)

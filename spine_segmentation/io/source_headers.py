"""Copies of source headers that a derived object can be built from, however poor the originals are.

Nothing that identifies the patient, the study or the place in space is ever guessed: what is missing stays empty, or is
computed from what is there. Missing UIDs are derived, so that the same files always give the same ones.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import DataElement, Dataset
from pydicom.errors import BytesLengthException
from pydicom.tag import Tag
from pydicom.uid import (
    EnhancedMRColorImageStorage,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)
from pydicom.valuerep import DA, TM, format_number_as_ds

from spine_segmentation.io.uids import derived_uid
from spine_segmentation.volume import Volume

if TYPE_CHECKING:
    from spine_segmentation.io.dicom_reader import DicomSeries

logger = logging.getLogger(__name__)

_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes of the patient and study modules that must be there, but may be empty."""

_MULTI_FRAME = {EnhancedMRImageStorage, EnhancedMRColorImageStorage, LegacyConvertedEnhancedMRImageStorage}
_MALFORMED = (ValueError, TypeError, NotImplementedError, OverflowError, LookupError, BytesLengthException)
"""What pydicom raises for values that break the rules of their type."""

_FUNCTIONAL_GROUPS = {Tag("SharedFunctionalGroupsSequence"), Tag("PerFrameFunctionalGroupsSequence")}

_PatientSex = StrEnum("_PatientSex", {"UNKNOWN": "", "MALE": "M", "FEMALE": "F", "OTHER": "O"})
_LossyImageCompression = StrEnum("_LossyImageCompression", {"NO": "00", "YES": "01"})
_PARSERS: dict[str, Callable[[Any], object]] = {
    "PatientBirthDate": DA,
    "PatientSex": _PatientSex,
    "StudyDate": DA,
    "StudyTime": TM,
    "SeriesNumber": int,
    "SliceThickness": float,
    "SpacingBetweenSlices": float,
}
"""What raises an error for a value that a derived object cannot take over."""


def repaired_headers(series: DicomSeries) -> tuple[Dataset, ...]:
    """Copy the headers of a series and fill what a derived object needs and the originals lack.

    Text is transcoded to UTF-8, private attributes are left behind, and the spacing between slices is the measured
    one. An enhanced header is reduced to the frames that the volume was built from, in slice order.

    Args:
        series: The source; it is not changed.

    Returns:
        Headers without pixel data: one per slice in slice order, or exactly one of an enhanced image.
    """
    headers = tuple(_public_copy(source) for source in series.sources)
    for index, header in enumerate(headers):
        _fill_empty(header)
        _fill_uids(header, headers[0], index)
        _set_image_class(header, series.is_enhanced)
        header.Rows, header.Columns = series.volume.shape[1:]
    if series.is_enhanced:
        _reduce_frames(headers[0], series)
    else:
        _share_geometry(headers, series)
    return headers


def _public_copy(source: Dataset) -> Dataset:
    """Make a deep copy in UTF-8, without functional groups, private and malformed attributes."""
    header = Dataset()
    for tag in [tag for tag in source.keys() if not tag.is_private and tag not in _FUNCTIONAL_GROUPS]:  # noqa: SIM118
        try:
            header[tag] = _decoded(copy.deepcopy(source[tag]))
        except _MALFORMED:
            logger.warning("attribute %s of the source is malformed and is left out", tag)
    header.decode()
    header.SpecificCharacterSet = "ISO_IR 192"
    return header


def _decoded(element: DataElement) -> DataElement:
    """Decode the items of a sequence; other elements are decoded when they are accessed."""
    if element.VR == "SQ":
        for item in element.value:
            item.decode()
    return element


def _fill_empty(header: Dataset) -> None:
    """Fill missing type 2 attributes empty, and empty those whose value cannot be represented."""
    for keyword in _TYPE_2:
        if header.get(keyword) is None:
            setattr(header, keyword, "")
    for keyword, parse in _PARSERS.items():
        if header.get(keyword) and not _is_valid(header[keyword].value, parse):
            logger.warning("the source's %s is not valid and is left empty", keyword)
            setattr(header, keyword, "")
    if not _is_valid(header.get("LossyImageCompression", "00"), _LossyImageCompression):
        del header.LossyImageCompression


def _is_valid(value: object, parse: Callable[[Any], object]) -> bool:
    try:
        parse(value)
    except (ValueError, TypeError):
        return False
    return True


def _fill_uids(header: Dataset, first: Dataset, index: int) -> None:
    """Derive the UIDs that are missing; those of study, series and frame of reference are the first header's."""
    if not header.get("SOPInstanceUID"):
        _derive(header, "SOPInstanceUID", _fingerprint(header), str(index))
    for keyword in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
        if not first.get(keyword):
            _derive(first, keyword, first.get("SeriesInstanceUID") or first.SOPInstanceUID)
        setattr(header, keyword, first.get(keyword))


def _derive(header: Dataset, keyword: str, *parts: str) -> None:
    logger.warning("the source has no %s; one is derived from its other attributes", keyword)
    setattr(header, keyword, derived_uid(keyword, *parts))


def _fingerprint(header: Dataset) -> str:
    """Join what tells one image without a SOP Instance UID from another."""
    keywords = ("SeriesInstanceUID", "InstanceNumber", "AcquisitionDate", "AcquisitionTime", "ImagePositionPatient")
    return "|".join(str(header.get(keyword, "")) for keyword in keywords)


def _set_image_class(header: Dataset, is_enhanced: bool) -> None:
    """Give a class to an image that has none, or that calls itself multi-frame (single-frame) and is not."""
    if (header.get("SOPClassUID") in _MULTI_FRAME) is not is_enhanced or not header.get("SOPClassUID"):
        header.SOPClassUID = EnhancedMRImageStorage if is_enhanced else MRImageStorage


def _share_geometry(headers: tuple[Dataset, ...], series: DicomSeries) -> None:
    """Make single-frame headers agree on what belongs to the stack: orientation, thickness, spacing."""
    first = headers[0]
    for header in headers:
        header.ImageOrientationPatient = first.ImageOrientationPatient
        _set_thickness(header, series.volume)


def _reduce_frames(header: Dataset, series: DicomSeries) -> None:
    """Rebuild the functional groups of an enhanced header for the chosen frames alone."""
    (source,) = series.sources
    shared = next(iter(source.get("SharedFunctionalGroupsSequence", ())), Dataset())
    per_frame = source.get("PerFrameFunctionalGroupsSequence") or [shared] * max(series.frame_numbers)
    frames = [per_frame[number - 1] for number in series.frame_numbers]
    common = _groups(("PlaneOrientationSequence", "PixelMeasuresSequence"), frames[0], shared)
    _set_thickness(common.PixelMeasuresSequence[0], series.volume)
    header.SharedFunctionalGroupsSequence = [common]
    header.PerFrameFunctionalGroupsSequence = [_groups(("PlanePositionSequence",), frame, shared) for frame in frames]
    header.NumberOfFrames = len(frames)


def _groups(keywords: tuple[str, ...], frame: Dataset, shared: Dataset) -> Dataset:
    """Copy functional groups, which may be given per frame or for all frames."""
    groups = Dataset()
    for keyword in keywords:
        setattr(groups, keyword, copy.deepcopy((frame if keyword in frame else shared)[keyword].value))
    return groups


def _set_thickness(measures: Dataset, volume: Volume) -> None:
    """Write the measured distance between slice planes, which is also the thickness where none is given."""
    normal = np.cross(volume.affine[:3, 1], volume.affine[:3, 2])
    distance = abs(float(volume.affine[:3, 0] @ normal / np.linalg.norm(normal)))
    if volume.shape[0] > 1:
        measures.SpacingBetweenSlices = format_number_as_ds(distance)
    if not measures.get("SliceThickness"):
        measures.SliceThickness = format_number_as_ds(distance)

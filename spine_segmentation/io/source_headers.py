"""Copies of source headers that a derived object can be built from, however poor the originals are.

Nothing that identifies the patient, the study or the place in space is ever guessed: what is missing stays empty, or is
computed from what is there. Missing UIDs are derived, so that the same files always give the same ones; those that are
there are kept even where they break the rules, since the source is filed under them.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import math
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydicom import DataElement, Dataset, config
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import (
    EnhancedMRColorImageStorage,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)
from pydicom.valuerep import DA, TM, format_number_as_ds, validate_value

from spine_segmentation.io.dicom_headers import is_uid, single_uid, text
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
_CHECKED = {"AS", "DA", "DT", "TM"}
"""Value representations whose syntax is checked; texts are taken over as they are."""

_PARSERS = {"DA": DA, "TM": TM}
"""What highdicom parses with; they refuse ranges, which the syntax allows because queries use them."""

_CLINICAL_TRIAL = (
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName", "ClinicalTrialSiteID",
    "ClinicalTrialSiteName",
)  # fmt: skip
"""Attributes that the clinical trial subject module cannot do without; the first two need a value."""

_FINGERPRINT = (
    "PatientID", "PatientName", "SeriesInstanceUID", "SeriesDescription", "EchoTime", "InstanceNumber",
    "AcquisitionDate", "AcquisitionTime", "ImagePositionPatient",
)  # fmt: skip
"""What, beside its voxels, tells one image without a SOP Instance UID from another."""


def repaired_headers(series: DicomSeries) -> tuple[Dataset, ...]:
    """Copy the headers of a series and fill what a derived object needs and the originals lack.

    Text is transcoded to UTF-8, private attributes are left behind, and the spacing between slices is the measured
    one. An enhanced header is reduced to the frames that the volume was built from, in slice order.

    Args:
        series: The source; it is not changed.

    Returns:
        Headers without pixel data: one per slice in slice order, or exactly one of an enhanced image.
    """
    flaws: list[str] = []
    headers = tuple(_public_copy(source, flaws) for source in series.sources)
    voxels = series.volume.array[np.newaxis] if series.is_enhanced else series.volume.array
    for index, header in enumerate(headers):
        _fill_empty(header, flaws)
        _drop_incomplete_trial(header)
        _fill_uids(header, headers[0], voxels[index], index, flaws)
        _set_image_class(header, series.is_enhanced)
        header.Rows, header.Columns = series.volume.shape[1:]
    for flaw in dict.fromkeys(flaws):
        logger.warning(flaw)
    if series.is_enhanced:
        _reduce_frames(headers[0], series)
    else:
        _share_geometry(headers, series)
    return headers


def _public_copy(source: Dataset, flaws: list[str]) -> Dataset:
    """Make a deep copy in UTF-8, without functional groups, private and malformed attributes; these are noted."""
    header = Dataset()
    for tag in [tag for tag in source.keys() if not tag.is_private and tag not in _FUNCTIONAL_GROUPS]:  # noqa: SIM118
        try:
            header[tag] = _decoded(copy.deepcopy(source[tag]))
            _check(header[tag])
        except _MALFORMED:
            header.pop(tag, None)
            flaws.append(f"attribute {tag} of the source is malformed and is left out")
    header.decode()
    header.SpecificCharacterSet = "ISO_IR 192"
    return header


def _decoded(element: DataElement) -> DataElement:
    """Decode the items of a sequence; other elements are decoded when they are accessed."""
    if element.VR == "SQ":
        for item in element.value:
            item.decode()
    return element


def _check(element: DataElement) -> None:
    """Raise an error of ``_MALFORMED`` for a value, also of a nested element, that breaks the rules of its type."""
    if element.VR == "SQ":
        for nested in (nested for item in element.value for nested in item):
            _check(nested)
        return
    for value in element.value if isinstance(element.value, MultiValue) else [element.value]:
        if value not in (None, ""):
            _check_value(element.VR, value)


def _check_value(representation: str, value: Any) -> None:  # noqa: ANN401
    if representation in _CHECKED:
        validate_value(representation, str(value), config.RAISE)
        _PARSERS.get(representation, str)(str(value))
    if representation == "UI" and not is_uid(value):
        raise ValueError(value)
    if representation in {"DS", "IS"} and not math.isfinite(float(value)):
        raise ValueError(value)


def _fill_empty(header: Dataset, flaws: list[str]) -> None:
    """Fill missing type 2 attributes empty, and empty those whose value cannot be represented."""
    for keyword in _TYPE_2:
        if header.get(keyword) is None:
            setattr(header, keyword, "")
    if not _is_valid(header.PatientSex, _PatientSex):
        flaws.append("the source's PatientSex is not valid and is left empty")
        header.PatientSex = ""
    if not _is_valid(header.get("LossyImageCompression", "00"), _LossyImageCompression):
        del header.LossyImageCompression


def _is_valid(value: object, parse: Callable[[Any], object]) -> bool:
    try:
        parse(value)
    except (ValueError, TypeError):
        return False
    return True


def _drop_incomplete_trial(header: Dataset) -> None:
    """Leave the clinical trial out unless all is there that its module requires."""
    has_values = all(text(header, keyword) for keyword in _CLINICAL_TRIAL[:2])
    has_subject = any(text(header, f"ClinicalTrialSubject{kind}") for kind in ("ID", "ReadingID"))
    if not (has_values and has_subject and all(keyword in header for keyword in _CLINICAL_TRIAL)):
        for keyword in header.dir("ClinicalTrial"):
            delattr(header, keyword)


def _fill_uids(header: Dataset, first: Dataset, voxels: npt.NDArray[np.generic], index: int, flaws: list[str]) -> None:
    """Derive the UIDs that are missing; those of study, series and frame of reference are the first header's."""
    if not single_uid(header, "SOPInstanceUID"):
        _derive(header, "SOPInstanceUID", flaws, *_fingerprint(header, voxels), str(index))
    for keyword in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
        if not single_uid(first, keyword):
            _derive(first, keyword, flaws, single_uid(first, "SeriesInstanceUID") or first.SOPInstanceUID)
        setattr(header, keyword, first.get(keyword))


def _derive(header: Dataset, keyword: str, flaws: list[str], *parts: str) -> None:
    flaws.append(f"the source has no usable {keyword}; one is derived from its other attributes")
    setattr(header, keyword, derived_uid(keyword, *parts))


def _fingerprint(header: Dataset, voxels: npt.NDArray[np.generic]) -> list[str]:
    digest = hashlib.sha256(np.ascontiguousarray(voxels).tobytes()).hexdigest()
    return [*(text(header, keyword) for keyword in _FINGERPRINT), digest]


def _set_image_class(header: Dataset, is_enhanced: bool) -> None:
    """Give a class to an image that has none, or that calls itself multi-frame (single-frame) and is not."""
    stated = single_uid(header, "SOPClassUID")
    if (stated in _MULTI_FRAME) is not is_enhanced or not stated:
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

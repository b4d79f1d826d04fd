"""The overlay picture as a DICOM Secondary Capture, for systems that show neither segmentations nor reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from highdicom.sc import SCImage
from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from spine_segmentation.errors import UsageError
from spine_segmentation.io.dicom_object import equipment, object_file, series_number
from spine_segmentation.io.montage import draw_montage
from spine_segmentation.io.source_headers import repaired_headers
from spine_segmentation.io.uids import content_digest, result_uids
from spine_segmentation.results import SpineResult

if TYPE_CHECKING:
    from spine_segmentation.io.dicom_reader import DicomSeries

SERIES_DESCRIPTION = "Spine overlay (research use)"
SERIES_NUMBER_BASE = 11000
"""The series number of a capture is this plus the last three digits of the source's."""

_LOSS = {"LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"}
"""A picture of lossily compressed images says so."""


def write_capture(result: SpineResult, series: DicomSeries, path: Path) -> None:
    """Write the overlay as one colour image in a series of its own.

    The picture holds names of levels and no identifiers. It refers to the source images. UIDs are a hash of sources,
    networks and content.

    Args:
        result: The result.
        series: Its source series.
        path: The file to write; it appears complete or not at all.

    Raises:
        UsageError: If the result has no labelling.
        UnsupportedOrientation: If the slices are thick and not sagittal.
        UnusableHeader: If the source's header does not allow a valid object.
        OutputError: If the file cannot be written.
    """
    if result.labeling is None:
        raise UsageError(
            "a result without named structures",
            expected="the result of a run with labelling",
            remedy="run the labeler, or write the picture as PNG",
        )
    content = content_digest(result.labeling)
    picture = np.asarray(draw_montage(result))
    with object_file(path, "a secondary capture") as temporary:
        _encode(picture, series, result, content).save_as(temporary, enforce_file_format=True)


def _encode(picture: npt.NDArray[np.uint8], series: DicomSeries, result: SpineResult, content: str) -> SCImage:
    """Build the object; names of persons are set last, because highdicom quotes unusual ones in warnings."""
    sources = repaired_headers(series)
    first = sources[0]
    options = {"content": content, "frames": ",".join(map(str, series.frame_numbers))}
    source_uids = [source.SOPInstanceUID for source in sources]
    instance_uid, series_uid = result_uids(source_uids, result.models, options, "capture")
    names = {keyword: first[keyword].value for keyword in ("PatientName", "ReferringPhysicianName")}
    for keyword in names:
        setattr(first, keyword, "")
    capture = SCImage.from_ref_dataset(
        ref_dataset=first,
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("P", "F"),
        series_instance_uid=series_uid,
        series_number=series_number(first, SERIES_NUMBER_BASE),
        sop_instance_uid=instance_uid,
        instance_number=1,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        series_description=SERIES_DESCRIPTION,
        specific_character_set=first.SpecificCharacterSet,
        **equipment(result.models),
    )
    capture.copy_patient_and_study_information(first)
    for keyword, name in names.items():
        setattr(capture, keyword, name)
    for keyword in _LOSS.intersection(first.dir("LossyImageCompression")):
        capture[keyword] = first[keyword]
    capture.BurnedInAnnotation = "NO"
    capture.ConversionType = "WSD"
    capture.DerivationDescription = "Slices with outlines and names of vertebrae and discs"
    capture.BodyPartExamined = "SPINE"
    _refer(capture, sources)
    return capture


def _refer(capture: Dataset, sources: tuple[Dataset, ...]) -> None:
    """Refer to the source images and their series."""
    series = Dataset()
    series.SeriesInstanceUID = sources[0].SeriesInstanceUID
    series.ReferencedInstanceSequence = [_reference(source) for source in sources]
    capture.ReferencedSeriesSequence = [series]
    capture.SourceImageSequence = [_reference(source) for source in sources]
    for item in capture.SourceImageSequence:
        item.PurposeOfReferenceCodeSequence = [CodedConcept.from_code(codes.DCM.SourceImageForImageProcessingOperation)]


def _reference(source: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    return reference

"""The DICOM objects that one job yields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.dicom_reader import DicomSeries
from spine_segmentation.io.dicom_seg import write_segmentation
from spine_segmentation.io.dicom_sr import write_report
from spine_segmentation.io.outputs import CAPTURE_FILE, REPORT_FILE, SEGMENTATION_FILE
from spine_segmentation.io.secondary_capture import write_capture
from spine_segmentation.io.uids import derived_uid
from spine_segmentation.pacs.config import Results
from spine_segmentation.results import SpineResult

WRITTEN = (
    SegmentationStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
)
"""The SOP classes that results can have, each written in Explicit VR Little Endian."""


@dataclass(frozen=True)
class Version:
    """Which version of a series' result is made.

    Attributes:
        number: 1 for the first.
        predecessors: Series Instance UIDs of the objects that it supersedes; none for the first.
        study_uid: The study of all.
    """

    number: int
    predecessors: tuple[str, ...]
    study_uid: str


def write_objects(
    result: SpineResult, series: DicomSeries, folder: Path, version: Version, wanted: Results
) -> list[Path]:
    """Write all objects of a result, each in its final form: the report refers to the finished segmentation.

    Args:
        result: The result.
        series: Its source.
        folder: An existing folder.
        version: What the objects say about their predecessors.
        wanted: Which objects there are beside the segmentation.

    Returns:
        The files.

    Raises:
        NoSpineFound: If no structure was found.
        UnusableHeader: If the source's header does not allow a valid object.
        OutputError: If a file cannot be written.
    """
    objects = [folder / SEGMENTATION_FILE]
    write_segmentation(result, series, objects[0])
    supersede(objects[0], version)
    if wanted.report is not None:
        objects.append(folder / REPORT_FILE)
        write_report(result, series, objects[0], objects[-1], wanted.report)
        supersede(objects[-1], version)
    if wanted.capture:
        objects.append(folder / CAPTURE_FILE)
        write_capture(result, series, objects[-1])
        supersede(objects[-1], version)
    return objects


def supersede(path: Path, version: Version) -> None:
    """Mark an object as a later version: in its series description, by related series, with UIDs of its own.

    Args:
        path: A DICOM file; unchanged if the version is the first.
        version: The version.

    Raises:
        OutputError: If it cannot be written.
    """
    if not version.predecessors:
        return
    dataset = pydicom.dcmread(path)
    dataset.RelatedSeriesSequence = [_related(version.study_uid, series_uid) for series_uid in version.predecessors]
    dataset.SeriesDescription = f"{dataset.SeriesDescription}, version {version.number}"
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, derived_uid("version", str(dataset[keyword].value), *version.predecessors))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    with atomic_path(path) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)


def _related(study_uid: str, series_uid: str) -> Dataset:
    related = Dataset()
    related.StudyInstanceUID, related.SeriesInstanceUID = study_uid, series_uid
    related.PurposeOfReferenceCodeSequence = []
    return related

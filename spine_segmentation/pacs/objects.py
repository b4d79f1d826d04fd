"""The DICOM objects that one job yields: a list of files, to which further kinds of object are added here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import Dataset

from spine_segmentation.io.atomic import atomic_path
from spine_segmentation.io.dicom_reader import DicomSeries
from spine_segmentation.io.dicom_seg import write_segmentation
from spine_segmentation.io.outputs import SEGMENTATION_FILE
from spine_segmentation.io.uids import derived_uid
from spine_segmentation.results import SpineResult


@dataclass(frozen=True)
class Version:
    """Which version of a series' result is made.

    Attributes:
        number: 1 for the first.
        predecessor: Series Instance UID of the result that it supersedes; empty for the first.
        study_uid: The study of both.
    """

    number: int
    predecessor: str
    study_uid: str


def write_objects(result: SpineResult, series: DicomSeries, folder: Path, version: Version) -> list[Path]:
    """Write all objects of a result, each in its final form; later ones may refer to earlier ones.

    Args:
        result: The result.
        series: Its source.
        folder: An existing folder.
        version: What the objects say about their predecessor.

    Returns:
        The files.

    Raises:
        NoSpineFound: If no structure was found.
        OutputError: If the source's header does not allow an object, or a file cannot be written.
    """
    segmentation = folder / SEGMENTATION_FILE
    write_segmentation(result, series, segmentation)
    supersede(segmentation, version)
    return [segmentation]


def supersede(path: Path, version: Version) -> None:
    """Mark an object as a later version: in its series description, by a related series, with UIDs of its own.

    Args:
        path: A DICOM file; unchanged if the version is the first.
        version: The version.

    Raises:
        OutputError: If it cannot be written.
    """
    if not version.predecessor:
        return
    dataset = pydicom.dcmread(path)
    related = Dataset()
    related.StudyInstanceUID, related.SeriesInstanceUID = version.study_uid, version.predecessor
    related.PurposeOfReferenceCodeSequence = []
    dataset.RelatedSeriesSequence = [related]
    dataset.SeriesDescription = f"{dataset.SeriesDescription}, version {version.number}"
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, derived_uid("version", str(dataset[keyword].value), version.predecessor))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    with atomic_path(path) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)

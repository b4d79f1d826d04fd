"""From a path to an image: a folder with DICOM series, a DICOM file, or a NIfTI file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spine_segmentation.errors import UsageError
from spine_segmentation.io.dicom_reader import DicomSeries, read_series
from spine_segmentation.io.dicom_series import SeriesSummary, choose_series, list_series
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.io.result_json import InputIdentity
from spine_segmentation.volume import Volume


@dataclass(frozen=True)
class LoadedInput:
    """An image and where it came from.

    Attributes:
        volume: The image on its own grid.
        series: The DICOM series; None for NIfTI.
        identity: What result.json says about the input.
    """

    volume: Volume
    series: DicomSeries | None
    identity: InputIdentity


def load_input(path: str | Path, series_uid: str | None = None) -> LoadedInput:
    """Read the image to process.

    Args:
        path: A folder with DICOM files at any depth, one DICOM file, or a ``.nii`` or ``.nii.gz`` file.
        series_uid: Which DICOM series to take; None for the best suited one.

    Returns:
        The image with its origin.

    Raises:
        UsageError: If there is nothing at the path, or a series is asked for and the input is NIfTI.
        NoSuitableSeries: If there is no sagittal spine MR series.
        InputError: If the input cannot be read or its geometry is not whole.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"no such path: {path}", expected="a folder or a file", remedy="check the spelling")
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return _load_nifti(path, series_uid)
    return load_series(*choose_series(list_series(path), series_uid))


def load_series(summary: SeriesSummary, reason: str) -> LoadedInput:
    """Read one series.

    Args:
        summary: The series.
        reason: Why this one, a sentence.

    Returns:
        The image with its origin; the reason is part of its identity.

    Raises:
        InputError: If it cannot be read or its geometry is not whole.
    """
    series = read_series(summary)
    identity = InputIdentity.of_series(series)
    choice = " ".join(sentence for sentence in (reason, series.choice) if sentence)
    return LoadedInput(series.volume, series, identity.model_copy(update={"choice": choice}))


def _load_nifti(path: Path, series_uid: str | None) -> LoadedInput:
    if series_uid is not None:
        raise UsageError("a series UID with a NIfTI file", expected="a DICOM folder", remedy="leave --series out")
    volume = read_nifti(path)
    return LoadedInput(volume, None, InputIdentity.of_nifti(path, volume))

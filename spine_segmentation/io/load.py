"""From a path to an image: a folder with DICOM series, a DICOM file, or a NIfTI file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spine_segmentation.errors import InputError, MixedPatients, UsageError
from spine_segmentation.io.dicom_choice import choose_series, usable_series
from spine_segmentation.io.dicom_reader import DicomSeries, read_series
from spine_segmentation.io.dicom_series import SeriesSummary, list_series
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.io.result_json import InputIdentity
from spine_segmentation.volume import Volume

logger = logging.getLogger(__name__)


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


def load_input(path: str | Path, series_uid: str | None = None, *, only_best: bool = False) -> LoadedInput:
    """Read the image to process.

    Args:
        path: A folder with DICOM files at any depth, one DICOM file, or a ``.nii`` or ``.nii.gz`` file.
        series_uid: Which DICOM series to take; None for the best suited one, and where that cannot be read the next
            one of its study, which is reported.
        only_best: Take no other series where the best suited one cannot be read.

    Returns:
        The image with its origin.

    Raises:
        UsageError: If there is nothing at the path, or a series is asked for and the input is NIfTI.
        NoSuitableSeries: If there is no sagittal spine MR series.
        InputError: If the input cannot be read or its geometry is not whole; if that is so of several series, why the
            best suited one cannot be used.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"no such path: {path}", expected="a folder or a file", remedy="check the spelling")
    if path.name.lower().endswith((".nii", ".nii.gz")):
        return _load_nifti(path, series_uid)
    series = list_series(path)
    if only_best or series_uid is not None:
        return load_series(*choose_series(series, series_uid))
    return _load_best(series)


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


def _load_best(series: Sequence[SeriesSummary]) -> LoadedInput:
    """Read the best suited series that can be read; none of another study or patient, or where patients are mixed."""
    best, reason = choose_series(series)
    examination = (best.study_uid, best.patient_id)
    others = [one for one in usable_series(series)[1:] if (one.study_uid, one.patient_id) == examination]
    failures: list[InputError] = []
    for one in [best, *(others if best.study_uid else ())]:
        try:
            return load_series(one, _next_best(one, failures) if failures else reason)
        except MixedPatients:
            raise
        except InputError as error:
            failures.append(error)
    raise failures[0]


def _next_best(series: SeriesSummary, failures: Sequence[InputError]) -> str:
    """Why this one, once better suited ones could not be read."""
    logger.warning("the next series is taken, because a better suited one cannot be read: %s", failures[-1])
    why = f"the best suited cannot be read ({', '.join(type(error).__name__ for error in failures)})"
    return f"{series.title}: the next best of its study, because {why}{series.caveat}"


def _load_nifti(path: Path, series_uid: str | None) -> LoadedInput:
    if series_uid is not None:
        raise UsageError("a series UID with a NIfTI file", expected="a DICOM folder", remedy="leave --series out")
    volume = read_nifti(path)
    return LoadedInput(volume, None, InputIdentity.of_nifti(path, volume))

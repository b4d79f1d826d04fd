"""Which series may number another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spine_segmentation.errors import UsageError
from spine_segmentation.io.dicom_series import list_series
from spine_segmentation.io.load import LoadedInput, load_input
from spine_segmentation.io.nifti import write_nifti
from spine_segmentation.io.study_input import load_localizer, load_study, name_localizer, name_series
from tests.dicom_factory import sagittal_volume, write_series

MAIN, OTHER = "1.2.3.1", "1.2.3.2"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two series of one study; the best suited one, to be segmented, has more slices."""
    shared = {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.4"}
    large, small = sagittal_volume((9, 12, 10)), sagittal_volume((5, 12, 10))
    write_series(large, tmp_path / "main", SeriesInstanceUID=MAIN, SeriesNumber=7, **shared)
    write_series(small, tmp_path / "other", SeriesInstanceUID=OTHER, SeriesNumber=3, **shared)
    return tmp_path


def series_uid(loaded: LoadedInput) -> Any:
    assert loaded.series is not None
    return loaded.series.sources[0].SeriesInstanceUID


@pytest.mark.parametrize("localizer", ["study", "other", "uid"])
def test_a_folder_gives_another_series_than_the_main_one(study: Path, localizer: str) -> None:
    main = load_input(study)
    assert series_uid(main) == MAIN
    given = {"study": str(study), "other": str(study / "other"), "uid": OTHER}[localizer]
    found = load_localizer(given, study, main)
    assert series_uid(found) == OTHER
    assert name_localizer(found) == "the localizer (series-003)"


@pytest.mark.parametrize("localizer", ["folder", "file", "uid"])
def test_a_series_is_no_localizer_of_its_own(study: Path, localizer: str) -> None:
    file = next((study / "main").iterdir())
    given = {"folder": str(study / "main"), "file": str(file), "uid": MAIN}[localizer]
    with pytest.raises(UsageError, match="its own localizer"):
        load_localizer(given, study, load_input(study))


def test_a_copy_under_another_uid_is_no_localizer(study: Path) -> None:
    shared = {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.4", "SeriesInstanceUID": "1.2.3.9"}
    write_series(sagittal_volume((9, 12, 10)), study / "copy", **shared)
    with pytest.raises(UsageError, match="its own localizer"):
        load_localizer(str(study / "copy"), study, load_input(study / "main"))


@pytest.mark.parametrize("name", ["scan.nii.gz", "copy.nii.gz", "plain.nii"])
def test_a_nifti_file_is_no_localizer_of_its_own(tmp_path: Path, name: str) -> None:
    for path in ("scan.nii.gz", "copy.nii.gz", "plain.nii"):
        write_nifti(sagittal_volume(), tmp_path / path)
    main = tmp_path / "scan.nii.gz"
    with pytest.raises(UsageError, match="its own localizer"):
        load_localizer(str(tmp_path / name), main, load_input(main))


def test_another_nifti_file_is_named_by_its_hash(tmp_path: Path) -> None:
    write_nifti(sagittal_volume(), tmp_path / "main.nii")
    write_nifti(sagittal_volume((3, 12, 10)), tmp_path / "Doe_Jane.nii")
    found = load_localizer(str(tmp_path / "Doe_Jane.nii"), tmp_path, load_input(tmp_path / "main.nii"))
    assert name_localizer(found) == f"the localizer (file {found.identity.sha256[:8]})"


def test_a_localizer_without_a_number_has_the_name_that_a_study_gives_it(study: Path) -> None:
    shared = {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.4", "SeriesInstanceUID": "1.2.3.9"}
    write_series(sagittal_volume((3, 12, 10)), study / "third", SeriesNumber=None, **shared)
    found = load_localizer("1.2.3.9", study, load_input(study))
    (summary,) = list_series(study / "third")
    assert name_localizer(found) == f"the localizer ({name_series([replace(summary, number=None)])[0]})"


def test_a_study_of_derived_series_is_read_whole(tmp_path: Path) -> None:
    shared = {"StudyInstanceUID": "1.2.3", "FrameOfReferenceUID": "1.2.4"}
    for number in (1, 2):
        derived = {"SeriesNumber": number, "ImageType": ["DERIVED", "PRIMARY"], **shared}
        write_series(sagittal_volume(), tmp_path / f"{number}", **derived)
    (group,) = load_study(tmp_path).groups
    assert set(group) == {"series-001", "series-002"}
    assert all("although it is derived" in one.identity.choice for one in group.values())
    write_series(sagittal_volume(), tmp_path / "3", SeriesNumber=3, **shared)
    (group,) = load_study(tmp_path).groups
    assert set(group) == {"series-003"}

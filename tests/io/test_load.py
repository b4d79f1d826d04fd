"""From a path to an image."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from spine_segmentation.errors import MissingSlice, MixedPatients, UsageError
from spine_segmentation.io.load import load_input
from spine_segmentation.io.nifti import write_nifti
from tests.dicom_factory import sagittal_volume, write_series


def test_a_path_may_be_a_string(tmp_path: Path) -> None:
    volume = sagittal_volume()
    write_nifti(volume, tmp_path / "scan.nii.gz")
    write_series(volume, tmp_path / "series")
    for path in (tmp_path / "scan.nii.gz", tmp_path / "series"):
        np.testing.assert_array_equal(load_input(str(path)).volume.array, load_input(path).volume.array)


def test_nothing_at_the_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such path"):
        load_input(str(tmp_path / "absent"))


def test_a_series_of_a_nifti_file(tmp_path: Path) -> None:
    write_nifti(sagittal_volume(), tmp_path / "scan.nii.gz")
    with pytest.raises(UsageError, match="NIfTI"):
        load_input(tmp_path / "scan.nii.gz", "1.2.3")


def write_with_gap(folder: Path, slices: int = 9, **header: object) -> None:
    write_series(sagittal_volume((slices, 6, 7)), folder, **header)[slices // 2].unlink()


def test_the_next_series_is_read_where_the_best_suited_one_has_a_gap(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_with_gap(tmp_path / "T2", StudyInstanceUID="1.2")
    write_series(sagittal_volume(), tmp_path / "T1", StudyInstanceUID="1.2", SeriesDescription="T1 sag")
    loaded = load_input(tmp_path)
    assert loaded.volume.shape[0] == 5
    assert loaded.identity.choice == (
        "sagittal MR, T1w, 5 slices: the next best of its study, because the best suited cannot be read (MissingSlice)"
    )
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "a better suited one cannot be read: slices 4 and 5 of 8" in caplog.text
    with pytest.raises(MissingSlice):
        load_input(tmp_path, only_best=True)


def test_a_gap_in_the_only_series_is_an_error_and_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_with_gap(tmp_path)
    with pytest.raises(MissingSlice):
        load_input(tmp_path)
    assert not caplog.records


def test_where_no_series_can_be_read_the_error_is_that_of_the_best_suited_one(tmp_path: Path) -> None:
    for slices in (7, 9):
        write_with_gap(tmp_path / str(slices), slices, StudyInstanceUID="1.2")
    with pytest.raises(MissingSlice, match="of 8"):
        load_input(tmp_path)


def test_a_series_that_was_asked_for_is_not_replaced(tmp_path: Path) -> None:
    write_with_gap(tmp_path / "T2", StudyInstanceUID="1.2", SeriesInstanceUID="1.2.3")
    write_series(sagittal_volume(), tmp_path / "T1", StudyInstanceUID="1.2")
    with pytest.raises(MissingSlice):
        load_input(tmp_path, "1.2.3")


@pytest.mark.parametrize(
    ("uids", "patients"), [(("1.2", "1.3"), ("A", "A")), (("1.2", "1.2"), ("A", "B")), ((None, None), ("A", "A"))]
)
def test_a_series_that_may_be_of_another_study_or_patient_is_no_replacement(
    tmp_path: Path, uids: tuple[str, str], patients: tuple[str, str]
) -> None:
    write_with_gap(tmp_path / "T2", StudyInstanceUID=uids[0], PatientID=patients[0])
    write_series(sagittal_volume(), tmp_path / "T1", StudyInstanceUID=uids[1], PatientID=patients[1])
    with pytest.raises(MissingSlice):
        load_input(tmp_path)


def test_where_patients_are_mixed_nothing_else_is_taken(tmp_path: Path) -> None:
    mixed = {"PatientID": lambda k: "A" if k < 3 else "B"}
    write_series(sagittal_volume((9, 6, 7)), tmp_path / "T2", StudyInstanceUID="1.2", **mixed)
    write_series(sagittal_volume(), tmp_path / "T1", StudyInstanceUID="1.2")
    with pytest.raises(MixedPatients):
        load_input(tmp_path)

"""From a path to an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spine_segmentation.errors import UsageError
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

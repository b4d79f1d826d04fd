from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from spine_segmentation.errors import DuplicatePosition, MixedPatients
from spine_segmentation.io.dicom_copies import is_copy
from spine_segmentation.io.dicom_reader import read_series
from spine_segmentation.io.dicom_series import list_series
from tests.dicom_factory import sagittal_volume, save, write_series

VOLUME = sagittal_volume((5, 33, 40))


def export_twice(
    folder: Path, change: Callable[[Dataset], object], transfer_syntax: str = ExplicitVRLittleEndian
) -> None:
    (folder / "2").mkdir(parents=True)
    for path in write_series(VOLUME, folder / "1"):
        dataset = pydicom.dcmread(path)
        change(dataset)
        save(dataset, folder / "2" / path.name, transfer_syntax)


def darken(dataset: Dataset) -> None:
    dataset.PixelData = (dataset.pixel_array // 2).tobytes()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless], ids=lambda uid: uid.keyword)
def test_images_exported_in_two_transfer_syntaxes_count_once(tmp_path: Path, syntax: str) -> None:
    export_twice(tmp_path, lambda dataset: None, syntax)
    (summary,) = list_series(tmp_path)
    assert summary.images == 5
    np.testing.assert_array_equal(read_series(summary).volume.array, VOLUME.array)


def test_images_of_which_a_header_field_was_changed_count_once(tmp_path: Path) -> None:
    export_twice(tmp_path, lambda dataset: setattr(dataset, "StationName", "A"))
    assert list_series(tmp_path)[0].images == 5


def test_other_pixels_under_the_same_uids_are_no_copies(tmp_path: Path) -> None:
    export_twice(tmp_path, darken)
    (summary,) = list_series(tmp_path)
    assert summary.images == 10
    with pytest.raises(DuplicatePosition):
        read_series(summary)


@pytest.mark.parametrize("keyword", ["RescaleSlope", "PixelSpacing", "SliceThickness"])
def test_other_geometry_under_the_same_uids_is_no_copy(tmp_path: Path, keyword: str) -> None:
    export_twice(tmp_path, lambda dataset: setattr(dataset, keyword, [3, 3] if keyword == "PixelSpacing" else 3))
    assert list_series(tmp_path)[0].images == 10


def test_two_versions_of_an_image_that_name_two_patients_are_no_copies(tmp_path: Path) -> None:
    export_twice(tmp_path, lambda dataset: setattr(dataset, "PatientID", "2"))
    with pytest.raises(MixedPatients):
        read_series(list_series(tmp_path)[0])


def test_what_cannot_be_decoded_is_no_copy(tmp_path: Path) -> None:
    first, *_ = write_series(VOLUME, tmp_path)
    dataset = pydicom.dcmread(first)
    dataset.PixelData = dataset.PixelData[:-100]
    save(dataset, tmp_path / "cut")
    assert not is_copy(first, tmp_path / "cut")
    assert not is_copy(first, tmp_path / "nowhere")
    assert is_copy(first, first)

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from spine_segmentation.errors import DuplicatePosition, MissingSlice
from spine_segmentation.io.dicom_reader import DicomSeries, read_series
from spine_segmentation.io.dicom_series import list_series
from spine_segmentation.volume import Volume
from tests.dicom_factory import enhanced_dataset, sagittal_volume, save, write_series

UIDS = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2", "FrameOfReferenceUID": "1.2.4"}
M, P, MPR = ["ORIGINAL", "PRIMARY", "M"], ["ORIGINAL", "PRIMARY", "P"], ["DERIVED", "SECONDARY", "MPR"]


def moved(volume: Volume, left: float, up: float = 0.0) -> Volume:
    """Elsewhere in the patient, and brighter by 1000."""
    affine = np.array(volume.affine)
    affine[:3, 3] += (left, 0.0, up)
    return Volume(volume.array + np.int16(1000), affine)


def write_both(folder: Path, first: Volume, second: Volume, headers: tuple[dict[str, Any], dict[str, Any]]) -> None:
    for name, volume, header in zip("12", (first, second), headers, strict=True):
        write_series(volume, folder / name, **UIDS, **header)


def read(folder: Path) -> DicomSeries:
    (summary,) = list_series(folder)
    return read_series(summary)


def assert_is(found: Volume, expected: Volume) -> None:
    np.testing.assert_array_equal(found.array, expected.array)
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-4)


TURN = np.eye(4)
TURN[:3, :3] = Rotation.from_euler("z", 8, degrees=True).as_matrix()
VOLUME = sagittal_volume()
SMALLER = sagittal_volume((3, 12, 10))


@pytest.mark.parametrize(
    ("second", "headers", "told_by"),
    [
        (moved(VOLUME, 1.3), ({"StackID": "1"}, {"StackID": "2"}), "stack"),
        (moved(VOLUME, 1.3), ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}), "acquisition number"),
        (moved(VOLUME, 1.3, -9), ({}, {"InstanceNumber": 9}), "field of view"),
        (moved(VOLUME, 0, -9), ({}, {"InstanceNumber": 9}), "field of view"),
        (Volume(SMALLER.array, TURN @ SMALLER.affine), ({}, {}), "orientation"),
        (moved(sagittal_volume((1, 20, 20)), 2), ({}, {}), "matrix"),
        (moved(sagittal_volume((1, 12, 10), (4, 1, 1.5)), -4), ({}, {}), "matrix"),
        (moved(sagittal_volume((2, 12, 10), (6, 1, 1)), 0.7), ({"ImageType": M}, {"ImageType": MPR}), "image type"),
        (moved(sagittal_volume((1, 12, 10)), 2), ({"ImageType": M}, {"ImageType": MPR}), "image type"),
        (moved(VOLUME, 0.02), ({"EchoTime": 10}, {"EchoTime": 100}), "echo time"),
        (moved(VOLUME, 0.3), ({"EchoTime": 10}, {"EchoTime": 100}), "echo time"),
        (moved(VOLUME, 0), ({"SequenceName": "*ep_b0"}, {"SequenceName": "*ep_b800"}), "sequence name"),
        (moved(VOLUME, 0), ({"ContentTime": "101112"}, {"ContentTime": "101312"}), "content time"),
        (moved(VOLUME, 0), ({}, {"InstanceNumber": lambda k: 6 + k}), "instance number"),
    ],
)
def test_what_shares_a_series_with_a_volume_is_left_aside(
    tmp_path: Path, second: Volume, headers: tuple[dict[str, Any], dict[str, Any]], told_by: str
) -> None:
    write_both(tmp_path, VOLUME, second, headers)
    series = read(tmp_path)
    assert_is(series.volume, VOLUME)
    assert f"{second.shape[0]} images of the series were left aside" in series.choice
    assert told_by in series.choice


@pytest.mark.parametrize(
    "headers",
    [
        ({"EchoTime": 10, "ImageType": M, "StackID": "1"}, {"EchoTime": 100, "ImageType": P, "StackID": "2"}),
        ({"EchoTime": 10}, {"EchoTime": 100}),
        ({"ImageType": M}, {"ImageType": P}),
    ],
)
def test_two_contrasts_half_a_spacing_apart_are_never_one_volume(
    tmp_path: Path, headers: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    write_both(tmp_path, VOLUME, moved(VOLUME, 2), headers)
    assert_is(read(tmp_path).volume, VOLUME)


@settings(max_examples=15, deadline=None)
@given(offset=st.floats(0, 4), up=st.floats(-12, 12))
def test_an_echo_is_one_volume_wherever_the_other_lies(offset: float, up: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_both(Path(folder), VOLUME, moved(VOLUME, offset, up), ({"EchoTime": 10}, {"EchoTime": 100}))
        assert_is(read(Path(folder)).volume, VOLUME)


def test_two_stacks_of_two_echoes(tmp_path: Path) -> None:
    for stack, offset in (("1", 0.0), ("2", 1.3)):
        for echo in (10, 100):
            volume = moved(VOLUME, offset, offset) if (stack, echo) != ("1", 10) else VOLUME
            write_series(volume, tmp_path / f"{stack}{echo}", **UIDS, StackID=stack, EchoTime=echo)
    series = read(tmp_path)
    assert_is(series.volume, VOLUME)
    assert "one of 4 stacks told apart by echo time, stack" in series.choice


def test_two_parallel_stacks_of_an_enhanced_image(tmp_path: Path) -> None:
    first, second = enhanced_dataset(VOLUME), enhanced_dataset(moved(VOLUME, 1.3, -9))
    for groups in second.PerFrameFunctionalGroupsSequence:
        groups.FrameContentSequence[0].StackID = "2"
    first.PerFrameFunctionalGroupsSequence.extend(second.PerFrameFunctionalGroupsSequence)
    first.NumberOfFrames, first.PixelData = 10, first.PixelData + second.PixelData
    save(first, tmp_path / "enhanced")
    series = read(tmp_path)
    assert_is(series.volume, VOLUME)
    assert series.frame_numbers == (1, 2, 3, 4, 5)


# --- what must stay together


PACKAGES = {
    "AcquisitionNumber": lambda k: 1 + k % 2,
    "AcquisitionDateTime": lambda k: f"202401021011{k % 2:02d}",
    "TriggerTime": lambda k: float(k % 2),
    "ContentTime": lambda k: f"1012{k:02d}",
}


def test_slices_acquired_in_two_packages_are_one_volume(tmp_path: Path) -> None:
    volume = sagittal_volume((8, 12, 10))
    write_series(volume, tmp_path, **PACKAGES)
    series = read(tmp_path)
    assert_is(series.volume, volume)
    assert series.choice == ""


@pytest.mark.parametrize("missing", [1, 4, 7])
@pytest.mark.parametrize(
    "header", [{}, {"SpacingBetweenSlices": None}, {"SpacingBetweenSlices": None, "SliceThickness": None}]
)
def test_a_slice_that_one_of_two_packages_lacks_is_missing(
    tmp_path: Path, missing: int, header: dict[str, None]
) -> None:
    paths = write_series(sagittal_volume((9, 12, 10)), tmp_path, **PACKAGES, **header)
    paths[missing].unlink()
    with pytest.raises(MissingSlice):
        read(tmp_path)


def test_one_image_stored_again_is_no_volume_of_its_own(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_series(VOLUME, tmp_path, **UIDS)[2])
    dataset.SOPInstanceUID, dataset.InstanceNumber, dataset.ContentTime = "1.2.9", 6, "111111"
    save(dataset, tmp_path / "again")
    with pytest.raises(DuplicatePosition):
        read(tmp_path)

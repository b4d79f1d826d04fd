from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from spine_segmentation.errors import (
    InvalidVolume,
    MissingGeometry,
    OutputError,
    TruncatedFile,
    UnreadableFile,
    UsageError,
)
from spine_segmentation.io.nifti import read_nifti, write_nifti
from spine_segmentation.volume import Volume
from tests.dicom_factory import sagittal_volume

REAL_DATA = Path(__file__).parents[3] / "shared" / "data" / "validation"


def save_image(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(array, np.eye(4) if affine is None else affine), path)
    return path


@settings(max_examples=20, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(0.2, 8)] * 3),
    origin=st.tuples(*[st.floats(-500, 500)] * 3),
    mirrored=st.booleans(),
)
def test_round_trip_on_any_grid(
    tmp_path_factory: pytest.TempPathFactory,
    angles: tuple[float, ...],
    spacing: tuple[float, ...],
    origin: tuple[float, ...],
    mirrored: bool,
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * spacing
    affine[:3, 0] *= -1 if mirrored else 1
    affine[:3, 3] = origin
    volume = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), affine)
    path = tmp_path_factory.mktemp("nifti") / "v.nii"
    write_nifti(volume, path)
    found = read_nifti(path)
    np.testing.assert_array_equal(found.array, volume.array)
    np.testing.assert_allclose(found.affine, affine, rtol=1e-6, atol=1e-5)


def test_coordinates_are_turned_from_ras_to_lps(tmp_path: Path) -> None:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (10, 20, 30)
    found = read_nifti(save_image(tmp_path / "v.nii", np.zeros((3, 4, 5), np.uint8), affine))
    np.testing.assert_allclose(found.to_patient([1, 1, 1]), (-12, -23, 34))
    assert found.array.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64, bool])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_the_dtype_is_kept(tmp_path: Path, dtype: Any, suffix: str) -> None:
    array = (np.arange(24).reshape(2, 3, 4) % 2).astype(dtype)
    write_nifti(Volume(array, np.eye(4)), tmp_path / f"v{suffix}")
    stored = nib.load(tmp_path / f"v{suffix}")
    assert stored.get_data_dtype() == (np.uint8 if dtype is bool else dtype)
    np.testing.assert_array_equal(np.asarray(stored.dataobj), array)


def test_both_orientation_codes_are_set(tmp_path: Path) -> None:
    write_nifti(sagittal_volume(), tmp_path / "v.nii")
    stored = nib.load(tmp_path / "v.nii")
    assert (stored.header["sform_code"], stored.header["qform_code"]) == (1, 1)
    np.testing.assert_allclose(stored.get_sform(), stored.get_qform(), atol=1e-5)


@pytest.mark.parametrize(("shift", "qform_code"), [(1.5, 0), (-0.05, 0), (0.0004, 1)])
def test_a_sheared_grid_is_kept_in_the_sform_alone(tmp_path: Path, shift: float, qform_code: int) -> None:
    affine = np.diag([4.0, 1.0, 1.0, 1.0])
    affine[1, 0] = shift
    write_nifti(Volume(np.zeros((2, 3, 4), np.uint8), affine), tmp_path / "v.nii")
    np.testing.assert_allclose(read_nifti(tmp_path / "v.nii").affine, affine, atol=1e-5)
    stored = nib.load(tmp_path / "v.nii")
    assert (stored.header["sform_code"], stored.header["qform_code"]) == (1, qform_code)
    np.testing.assert_allclose(stored.header.get_zooms(), np.linalg.norm(affine[:3, :3], axis=0), rtol=1e-6)


def test_the_same_volume_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(sagittal_volume(), tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a.nii.gz", "b.nii.gz"}


def test_scale_factors_are_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.full((2, 3, 4), 7, np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, 1)
    nib.save(image, tmp_path / "v.nii")
    np.testing.assert_array_equal(read_nifti(tmp_path / "v.nii").array, np.full((2, 3, 4), 4.5))


@pytest.mark.parametrize("shape", [(1, 5, 6), (2, 5, 6)])
def test_few_slices(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    assert read_nifti(save_image(tmp_path / "v.nii", np.zeros(shape, np.uint8))).shape == shape


@pytest.mark.parametrize("shape", [(2, 3, 4, 1), (2, 3, 4, 1, 1)])
def test_trailing_axes_of_length_one_are_dropped(tmp_path: Path, shape: tuple[int, ...]) -> None:
    assert read_nifti(save_image(tmp_path / "v.nii", np.zeros(shape, np.uint8))).shape == (2, 3, 4)


@pytest.mark.parametrize("shape", [(2, 3, 4, 2), (2, 3, 4, 1, 3), (3, 4)])
def test_other_dimensions_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidVolume, match="three-dimensional"):
        read_nifti(save_image(tmp_path / "v.nii", np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    array = np.zeros((2, 3, 4), np.float32)
    array[1, 1, 1] = value
    with pytest.raises(InvalidVolume, match="1 of 24 voxels"):
        read_nifti(save_image(tmp_path / "v.nii", array))


def test_colour_and_complex_are_refused(tmp_path: Path) -> None:
    colour = np.zeros((2, 3, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for array in (colour, np.zeros((2, 3, 4), np.complex64)):
        with pytest.raises(InvalidVolume, match="voxels of type"):
            read_nifti(save_image(tmp_path / "v.nii", array))


def test_a_file_without_orientation_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((2, 3, 4), np.uint8), None)
    nib.save(image, tmp_path / "v.nii")
    with pytest.raises(MissingGeometry, match="neither an sform nor a qform"):
        read_nifti(tmp_path / "v.nii")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_truncated_files(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 99, (20, 30, 40), dtype=np.int16)
    path = save_image(tmp_path / f"v{suffix}", noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(TruncatedFile, match="ends early"):
        read_nifti(path)


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz", "v.txt", "v.dcm"])
@pytest.mark.parametrize("content", [b"", b"no image", bytes(1000)])
def test_files_that_are_not_nifti(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(UnreadableFile):
        read_nifti(tmp_path / name)


def test_another_image_format_is_not_nifti(tmp_path: Path) -> None:
    nib.save(nib.MGHImage(np.zeros((2, 3, 4), np.float32), np.eye(4)), tmp_path / "v.mgz")
    with pytest.raises(UnreadableFile, match="not NIfTI"):
        read_nifti(tmp_path / "v.mgz")


@pytest.mark.parametrize("name", ["nothing.nii", "folder.nii"])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(UnreadableFile):
        read_nifti(tmp_path / name)


@pytest.mark.parametrize("name", ["v.img", "v", "v.gz"])
def test_writing_needs_a_nifti_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="suffix"):
        write_nifti(sagittal_volume(), tmp_path / name)


def test_writing_refuses_types_nifti_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="float16"):
        write_nifti(Volume(np.zeros((2, 3, 4), np.float16), np.eye(4)), tmp_path / "v.nii")


def test_writing_to_a_missing_folder_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_nifti(sagittal_volume(), tmp_path / "missing" / "v.nii")
    assert list(tmp_path.iterdir()) == []


def test_a_real_scan_is_read_with_its_scanner_coordinates() -> None:
    paths = sorted(REAL_DATA.glob("sct_errsm*_img.nii.gz"))
    if not paths:
        pytest.skip("the real scans are not in ../shared/data")
    volume = read_nifti(paths[0])
    stored = nib.load(paths[0])
    np.testing.assert_allclose(volume.affine[:2], -stored.affine[:2])
    np.testing.assert_array_equal(volume.array, stored.get_fdata(dtype=np.float32))


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("mm", 1), ("micron", 0.001), ("unknown", 1)])
def test_lengths_become_millimetres(tmp_path: Path, unit: str, factor: float) -> None:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (10, 20, 30)
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), affine)
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "v.nii")
    found = read_nifti(tmp_path / "v.nii")
    np.testing.assert_allclose(found.to_patient([1, 1, 1]), np.multiply((-12, -23, 34), factor))


def test_an_unknown_code_of_length_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.uint8), np.eye(4))
    image.header["xyzt_units"] = 7
    nib.save(image, tmp_path / "v.nii")
    with pytest.raises(MissingGeometry, match="unit of length"):
        read_nifti(tmp_path / "v.nii")

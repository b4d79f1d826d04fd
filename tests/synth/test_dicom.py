from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from spine_segmentation.anatomy import BY_ID, SACRUM_BELOW_S1, VERSE_NUMBERS
from spine_segmentation.errors import OutputError, UsageError
from spine_segmentation.io.nifti import read_nifti
from spine_segmentation.synth import SyntheticScan, Weighting, generate_volume
from spine_segmentation.synth.dicom import write_study
from spine_segmentation.synth.tissues import Semantic
from spine_segmentation.synth.truth import label_map, write_truth


def test_geometry_is_that_of_the_volume(scan: SyntheticScan, tmp_path: Path) -> None:
    for index, path in enumerate(write_study(scan, tmp_path, seed=1)):
        header = pydicom.dcmread(path)
        position = np.array(header.ImagePositionPatient, dtype=float)
        orientation = np.array(header.ImageOrientationPatient, dtype=float)
        rows, columns = (float(spacing) for spacing in header.PixelSpacing)
        for row, column in ((0, 0), (3, 0), (0, 5), (header.Rows - 1, header.Columns - 1)):
            point = position + column * columns * orientation[:3] + row * rows * orientation[3:]
            np.testing.assert_allclose(point, scan.image.to_patient((index, row, column)), atol=1e-3)


def test_pixels_are_proportional_to_the_image(scan: SyntheticScan, tmp_path: Path) -> None:
    paths = write_study(scan, tmp_path, seed=1)
    stored = np.stack([pydicom.dcmread(path).pixel_array for path in paths])
    assert stored.dtype == np.uint16
    assert stored.max() == 4095
    unsaturated = stored < 4095
    scale = scan.image.array[unsaturated].sum() / stored[unsaturated].sum(dtype=float)
    np.testing.assert_allclose(stored[unsaturated] * scale, scan.image.array[unsaturated], atol=scale)


def test_files_are_a_complete_classic_mr_series(scan: SyntheticScan, tmp_path: Path) -> None:
    headers = [pydicom.dcmread(path) for path in write_study(scan, tmp_path, seed=1)]
    assert len(headers) == scan.image.shape[0]
    assert {header.SOPClassUID for header in headers} == {MRImageStorage}
    assert {header.file_meta.TransferSyntaxUID for header in headers} == {ExplicitVRLittleEndian}
    for shared in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientName"):
        assert len({str(header[shared].value) for header in headers}) == 1
    assert len({header.SOPInstanceUID for header in headers}) == len(headers)
    assert str(headers[0].PatientName) == "Synthetic^Spine"
    assert list(tmp_path.glob(".*")) == []


def test_the_same_scan_gives_the_same_bytes(scan: SyntheticScan, tmp_path: Path) -> None:
    first, again = (write_study(scan, tmp_path / name, seed=1) for name in ("a", "b"))
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_another_weighting_is_another_series_of_the_same_study(scan: SyntheticScan, tmp_path: Path) -> None:
    other = generate_volume(1, slices=5, pixel_size=1.2, weighting=Weighting.STIR)
    t2, stir = (
        pydicom.dcmread(write_study(volume, tmp_path / name, seed=1)[0])
        for name, volume in (("t2", scan), ("stir", other))
    )
    assert (t2.StudyInstanceUID, t2.FrameOfReferenceUID) == (stir.StudyInstanceUID, stir.FrameOfReferenceUID)
    assert t2.SeriesInstanceUID != stir.SeriesInstanceUID
    assert t2.SOPInstanceUID != stir.SOPInstanceUID
    assert (t2.RepetitionTime > 1500, t2.EchoTime > 60, "InversionTime" in t2) == (True, True, False)
    assert stir.InversionTime == 160


def test_another_seed_is_another_patient(scan: SyntheticScan, tmp_path: Path) -> None:
    one, two = (pydicom.dcmread(write_study(scan, tmp_path / str(seed), seed=seed)[0]) for seed in (1, 2))
    for attribute in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        assert one[attribute].value != two[attribute].value


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("weighting", list(Weighting))
def test_dciodvfy_finds_no_fault(weighting: Weighting, tmp_path: Path) -> None:
    scan = generate_volume(3, slices=2, rows=64, columns=48, pixel_size=2.0, weighting=weighting)
    for path in write_study(scan, tmp_path, seed=3):
        check = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
        report = check.stdout + check.stderr
        assert "Error" not in report, report
        assert "MRImage" in report


def test_a_folder_that_cannot_be_made_is_an_output_error(scan: SyntheticScan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        write_study(scan, tmp_path / "file" / "study", seed=1)


def test_truth_names_the_structures_of_the_person(scan: SyntheticScan) -> None:
    labels = label_map(scan)
    names = {BY_ID[int(value)].name for value in np.unique(labels.array) if value}
    assert {"L1", "L1-L2", "L5", "L5-S1", "S1", "S2 and below"} <= names
    assert labels.array.dtype == np.uint8
    np.testing.assert_array_equal(labels.affine, scan.image.affine)
    np.testing.assert_array_equal(labels.array == SACRUM_BELOW_S1, scan.semantic.array == 5)
    np.testing.assert_array_equal(labels.array > 0, np.isin(scan.semantic.array, [1, 2, 5]))


@pytest.mark.parametrize(
    ("vertebrae", "disc"),
    [
        (("L3", "L4", "S1"), "L4-S1"),
        (("L3", "L4", "L5", "S1"), "L4-L5"),
        (("T11", "T12", "T13", "L1"), "T12-T13"),
        (("T10", "T11", "L1", "L2"), "T11-L1"),
    ],
)
def test_a_disc_is_named_after_both_its_neighbours(vertebrae: tuple[str, ...], disc: str, scan: SyntheticScan) -> None:
    upper = disc.split("-", maxsplit=1)[0]
    semantic, level = np.zeros((2, *scan.semantic.shape), np.uint8)
    semantic[0, :2, 0], level[0, :2, 0] = (Semantic.BODY, Semantic.DISC), VERSE_NUMBERS[upper]
    person = replace(
        scan, semantic=scan.semantic.with_array(semantic), level=scan.level.with_array(level), vertebrae=vertebrae
    )
    labels = label_map(person).array
    assert [BY_ID[int(value)].name for value in labels[0, :2, 0]] == [upper, disc]
    assert np.count_nonzero(labels) == 2


def test_truth_survives_the_round_trip_through_nifti(scan: SyntheticScan, tmp_path: Path) -> None:
    write_truth(scan, tmp_path / "truth.nii.gz")
    read = read_nifti(tmp_path / "truth.nii.gz")
    np.testing.assert_array_equal(read.array, label_map(scan).array)
    np.testing.assert_allclose(read.affine, scan.image.affine, atol=1e-4)


def test_truth_refuses_other_formats(scan: SyntheticScan, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write_truth(scan, tmp_path / "truth.png")

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from scipy.spatial.transform import Rotation

from spine_segmentation.errors import (
    InvalidVolume,
)
from spine_segmentation.io.dicom_choice import choose_series
from spine_segmentation.io.dicom_reader import DicomSeries, read_series
from spine_segmentation.io.dicom_series import list_series
from spine_segmentation.io.source_headers import repaired_headers
from spine_segmentation.volume import Volume
from tests.dicom_factory import (
    classic_dataset,
    enhanced_dataset,
    sagittal_volume,
    save,
    write_enhanced,
    write_series,
    write_spread,
)


def read(folder: Path) -> DicomSeries:
    (summary,) = list_series(folder)
    return read_series(summary)


def edit(path: Path, change: Callable[[Dataset], None]) -> None:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)


def assert_same_voxels(found: Volume, expected: Volume, tolerance: float = 1e-4) -> None:
    """The same intensities at the same places in the patient; the slices may run the other way."""
    flipped = float(found.affine[:3, 0] @ expected.affine[:3, 0]) < 0
    np.testing.assert_array_equal(found.array[::-1] if flipped else found.array, expected.array)
    indices = np.stack(np.meshgrid(*map(np.arange, expected.shape), indexing="ij"), axis=-1)
    places = found.to_patient(indices)
    np.testing.assert_allclose(
        places[::-1] if flipped else places, expected.to_patient(indices), rtol=0, atol=tolerance
    )


# --- geometry


@st.composite
def volumes(draw: st.DrawFn) -> Volume:
    """Oblique, anisotropic, optionally sheared sagittal stacks."""
    shape = tuple(draw(st.integers(1, 5)) for _ in range(3))
    spacing = [draw(st.floats(2.0, 8.0)), draw(st.floats(0.3, 2.0)), draw(st.floats(0.3, 2.0))]
    angles = [draw(st.floats(-25, 25)) for _ in range(3)]
    axes = np.array([draw(st.sampled_from([(1.0, 0, 0), (-1.0, 0, 0)])), (0, 0, -1.0), (0, 1.0, 0)]).T
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ axes * spacing
    if shape[0] > 1:
        affine[:3, 0] += affine[:3, 1] * draw(st.floats(-1, 1)) + affine[:3, 2] * draw(st.floats(-1, 1))
    affine[:3, 3] = [draw(st.floats(-300, 300)) for _ in range(3)]
    return Volume(np.arange(int(np.prod(shape)), dtype=np.int16).reshape(shape), affine)


@settings(max_examples=30, deadline=None)
@given(volume=volumes(), seed=st.integers(0, 99))
def test_every_voxel_keeps_its_place_in_the_patient(volume: Volume, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = write_series(volume, Path(folder))
        names = [Path(folder) / f"s{k:02d}.dcm" for k in range(len(paths))]
        random.Random(seed).shuffle(names)  # noqa: S311
        for path, name in zip(paths, names, strict=True):
            path.rename(name)
        assert_same_voxels(read(Path(folder)).volume, volume)


@settings(max_examples=10, deadline=None)
@given(volume=volumes())
def test_every_voxel_of_an_enhanced_series_keeps_its_place(volume: Volume) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_enhanced(volume, Path(folder) / "enhanced.dcm")
        assert_same_voxels(read(Path(folder)).volume, volume)


def test_the_volume_is_float32_and_sources_follow_its_slices(tmp_path: Path) -> None:
    backwards = Volume.from_axes(sagittal_volume().array, "LIP", (4, 1, 1))
    write_series(backwards, tmp_path)
    series = read(tmp_path)
    assert series.volume.array.dtype == np.float32
    assert [source.InstanceNumber for source in series.sources] == [5, 4, 3, 2, 1]
    places = [series.volume.to_patient([k, 0, 0]) for k in range(5)]
    np.testing.assert_allclose([source.ImagePositionPatient for source in series.sources], places)
    assert all("PixelData" not in source for source in series.sources)
    assert (series.is_enhanced, series.frame_numbers, series.choice, series.warnings) == (False, (), "", ())


def test_row_and_column_spacing_are_not_swapped(tmp_path: Path) -> None:
    write_series(sagittal_volume(spacing=(4, 2, 0.5)), tmp_path)
    np.testing.assert_allclose(read(tmp_path).volume.spacing, (4, 2, 0.5))


@pytest.mark.parametrize("count", [1, 2])
def test_few_slices(tmp_path: Path, count: int) -> None:
    volume = sagittal_volume((count, 6, 4))
    write_series(volume, tmp_path)
    assert_same_voxels(read(tmp_path).volume, volume)


@pytest.mark.parametrize(
    ("header", "thickness", "warned"),
    [
        ({"SpacingBetweenSlices": 5.0, "SliceThickness": 3.0}, 5.0, False),
        ({"SpacingBetweenSlices": None, "SliceThickness": 3.0}, 3.0, False),
        ({"SpacingBetweenSlices": 0, "SliceThickness": 3.0}, 3.0, False),
        ({"SpacingBetweenSlices": None, "SliceThickness": None}, 1.0, True),
    ],
)
def test_thickness_of_a_single_slice(
    tmp_path: Path, header: dict[str, float | None], thickness: float, warned: bool
) -> None:
    write_series(sagittal_volume((1, 6, 4)), tmp_path, **header)
    series = read(tmp_path)
    assert series.volume.spacing[0] == pytest.approx(thickness)
    assert any("thickness" in warning for warning in series.warnings) == warned


def test_slices_twice_as_far_apart_as_stated_are_reported(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path, SpacingBetweenSlices=2)
    assert any("may be missing" in warning for warning in read(tmp_path).warnings)


def test_slightly_uneven_positions_are_tolerated(tmp_path: Path) -> None:
    volume = sagittal_volume()
    jitter = [0.0, 0.1, -0.1, 0.05, 0.0]
    write_series(volume, tmp_path, ImagePositionPatient=lambda k: [-4.0 * k + jitter[k], 0, 0])
    assert_same_voxels(read(tmp_path).volume, volume)


# --- intensities


def test_rescale_is_per_image_and_in_float32(tmp_path: Path) -> None:
    volume = sagittal_volume()
    write_series(volume, tmp_path, RescaleSlope=lambda k: 0.5 * k, RescaleIntercept=lambda k: -80 + k)
    k = np.arange(5)[:, None, None]
    np.testing.assert_allclose(read(tmp_path).volume.array, volume.array * 0.5 * k - 80 + k)


def test_rescale_of_an_enhanced_series_is_per_frame(tmp_path: Path) -> None:
    volume = sagittal_volume()
    dataset = enhanced_dataset(volume)
    del dataset.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence
    for k, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        groups.PixelValueTransformationSequence = [Dataset()]
        groups.PixelValueTransformationSequence[0].RescaleSlope = k + 1
        groups.PixelValueTransformationSequence[0].RescaleIntercept = -k
    save(dataset, tmp_path / "enhanced")
    k = np.arange(5)[:, None, None]
    np.testing.assert_allclose(read(tmp_path).volume.array, volume.array * (k + 1.0) - k)


def test_negative_values_survive(tmp_path: Path) -> None:
    volume = sagittal_volume()
    signed = volume.with_array(volume.array - np.int16(300))
    write_series(signed, tmp_path)
    np.testing.assert_array_equal(read(tmp_path).volume.array, signed.array)


def test_monochrome1_is_inverted_so_that_bright_stays_bright(tmp_path: Path) -> None:
    volume = sagittal_volume()
    write_series(volume, tmp_path, PhotometricInterpretation="MONOCHROME1", RescaleIntercept=10, RescaleSlope=2)
    series = read(tmp_path)
    np.testing.assert_array_equal(series.volume.array, 2 * (599 - volume.array) + 10)
    assert any("MONOCHROME1" in warning for warning in series.warnings)


SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_transfer_syntaxes(tmp_path: Path, syntax: str) -> None:
    volume = sagittal_volume((3, 33, 40))
    write_series(volume, tmp_path / "classic", transfer_syntax=syntax)
    write_enhanced(volume, tmp_path / "enhanced", transfer_syntax=syntax)
    for summary in list_series(tmp_path):
        assert_same_voxels(read_series(summary).volume, volume)


@pytest.mark.parametrize(
    ("tool", "option"), [("dcmcjpeg", "+e1"), ("dcmcjpeg", "+el"), ("dcmconv", "+tb")], ids=["SV1", "P14", "big endian"]
)
def test_transfer_syntaxes_of_dcmtk(tmp_path: Path, tool: str, option: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"dcmtk's {tool} is not installed")
    volume = sagittal_volume((3, 33, 40))
    for path in write_series(volume, tmp_path):
        subprocess.run([tool, option, str(path), str(path)], check=True, capture_output=True)
    assert pydicom.dcmread(tmp_path / "image0000").file_meta.TransferSyntaxUID not in SYNTAXES
    assert_same_voxels(read(tmp_path).volume, volume)


# --- several volumes in one series


def write_twice(folder: Path, first: dict[str, Any], second: dict[str, Any]) -> Volume:
    """Two stacks at the same places in one series; the second one is brighter by 1000."""
    volume = sagittal_volume()
    uids = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    write_series(volume, folder / "1", **uids, **first)
    write_series(volume.with_array(volume.array + np.int16(1000)), folder / "2", **uids, **second)
    return volume


@pytest.mark.parametrize(
    ("first", "second", "told_by"),
    [
        ({"EchoTime": 20}, {"EchoTime": 100}, "echo time 20"),
        ({"EchoNumbers": 1}, {"EchoNumbers": 2}, "echo number 1"),
        ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}, "temporal position 1"),
        ({"StackID": "1"}, {"StackID": "2"}, "stack 1"),
        ({"ImageType": ["DERIVED", "PRIMARY", "W"]}, {"ImageType": ["DERIVED", "PRIMARY", "F"]}, "image type"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M"]}, {"ImageType": ["ORIGINAL", "PRIMARY", "P"]}, "image type"),
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, "acquisition number 1"),
        ({"DiffusionBValue": 0.0}, {"DiffusionBValue": 800.0}, "b-value 0"),
    ],
)
@pytest.mark.parametrize("swap", [False, True])
def test_volumes_in_one_series_are_told_apart(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], told_by: str, swap: bool
) -> None:
    expected = write_twice(tmp_path, second, first) if swap else write_twice(tmp_path, first, second)
    series = read(tmp_path)
    assert_same_voxels(series.volume, expected.with_array(expected.array + np.int16(1000)) if swap else expected)
    assert told_by in series.choice
    assert "5 images of the series were left aside" in series.choice
    assert len(series.sources) == 5


def test_repeats_with_a_time_of_their_own_each_are_told_apart_by_order(tmp_path: Path) -> None:
    expected = write_twice(
        tmp_path,
        {"AcquisitionDateTime": None, "AcquisitionTime": lambda k: f"1011{k:02d}"},
        {"AcquisitionDateTime": None, "AcquisitionTime": lambda k: f"1012{k:02d}"},
    )
    series = read(tmp_path)
    assert_same_voxels(series.volume, expected)
    assert "acquisition time" in series.choice


def test_echoes_times_temporal_positions(tmp_path: Path) -> None:
    volume = sagittal_volume()
    for number, (echo, time) in enumerate([(30, 2), (30, 1), (10, 2), (10, 1)]):
        write_series(
            volume.with_array(volume.array + np.int16(1000 * number)), tmp_path / str(number),
            SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2", EchoTime=echo, TemporalPositionIdentifier=time,
        )  # fmt: skip
    series = read(tmp_path)
    assert_same_voxels(series.volume, volume.with_array(volume.array + np.int16(3000)))
    assert "one of 4 stacks" in series.choice
    assert "15 images of the series were left aside" in series.choice


def test_the_larger_stack_wins_over_the_shorter_echo(tmp_path: Path) -> None:
    volume = sagittal_volume()
    uids = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    write_series(volume, tmp_path / "1", **uids, EchoTime=100)
    write_series(sagittal_volume((3, 12, 10)), tmp_path / "2", **uids, EchoTime=10)
    assert read(tmp_path).sources[0].EchoTime == 100


def test_attributes_that_differ_without_need_do_not_split(tmp_path: Path) -> None:
    volume = sagittal_volume()
    write_series(volume, tmp_path, EchoTime=lambda k: 100 + k, AcquisitionNumber=lambda k: k % 2)
    series = read(tmp_path)
    assert_same_voxels(series.volume, volume)
    assert series.choice == ""


def test_of_three_planes_the_sagittal_one_is_used(tmp_path: Path) -> None:
    uids = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    expected = sagittal_volume((3, 12, 10))
    write_series(expected, tmp_path / "1", **uids)
    for axes in ("ILP", "PIL"):
        write_series(Volume.from_axes(sagittal_volume().array, axes, (4, 1, 1)), tmp_path / axes, **uids)
    (summary,) = list_series(tmp_path)
    series = read_series(summary)
    assert (summary.orientation, summary.slices, summary.images) == ("sagittal", 3, 13)
    assert_same_voxels(series.volume, expected)
    assert series.choice == "3 sagittal images were used; 10 images of the series were left aside"


def test_stacks_of_different_orientation_are_told_apart_by_stack_id(tmp_path: Path) -> None:
    uids = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    turned = sagittal_volume()
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", 10, degrees=True).as_matrix()
    write_series(sagittal_volume((3, 12, 10)), tmp_path / "1", **uids, StackID="1")
    write_series(Volume(turned.array, turn @ turned.affine), tmp_path / "2", **uids, StackID="2")
    series = read(tmp_path)
    assert len(series.sources) == 5
    assert "stack 2" in series.choice


CAPTURES = [
    {
        "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"],
        "ImagePositionPatient": None,
        "ImageOrientationPatient": None,
    },
    {"SOPClassUID": SecondaryCaptureImageStorage, "ImagePositionPatient": None, "ImageOrientationPatient": None},
    {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0},
    {"PhotometricInterpretation": "PALETTE COLOR"},
]


@pytest.mark.parametrize("header", CAPTURES)
@pytest.mark.parametrize("rows", [12, 30])
def test_a_picture_beside_the_slices_is_left_out(tmp_path: Path, header: dict[str, Any], rows: int) -> None:
    volume, uids = sagittal_volume(), {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    write_series(sagittal_volume((2, rows, 10)), tmp_path / "captures", **uids, **header)
    write_series(volume, tmp_path / "slices", **uids)
    summary, _ = choose_series(list_series(tmp_path))
    series = read_series(summary)
    assert_same_voxels(series.volume, volume)
    assert series.warnings == ("2 images in colour or without geometry, beside the slices, were left out",)


# --- enhanced


def test_an_enhanced_series_has_one_source_and_frame_numbers(tmp_path: Path) -> None:
    backwards = Volume.from_axes(sagittal_volume().array, "LIP", (4, 1, 1))
    write_enhanced(backwards, tmp_path / "enhanced")
    series = read(tmp_path)
    assert series.is_enhanced
    assert series.frame_numbers == (5, 4, 3, 2, 1)
    assert len(series.sources) == 1
    assert "PixelData" not in series.sources[0]
    assert series.sources[0].PerFrameFunctionalGroupsSequence


@pytest.mark.parametrize(
    ("sequence", "keyword", "values", "told_by"),
    [
        ("FrameContentSequence", "StackID", ("1", "2"), "stack 1"),
        ("FrameContentSequence", "TemporalPositionIndex", (1, 2), "temporal position 1"),
        ("MREchoSequence", "EffectiveEchoTime", (20.0, 100.0), "echo time 20"),
        ("MRImageFrameTypeSequence", "ComplexImageComponent", ("MAGNITUDE", "PHASE"), "signal component MAGNITUDE"),
    ],
)
def test_frames_of_an_enhanced_series_are_told_apart(
    tmp_path: Path, sequence: str, keyword: str, values: tuple[Any, Any], told_by: str
) -> None:
    volume = sagittal_volume()
    double = Volume(np.repeat(volume.array, 2, axis=0), volume.affine)
    dataset = enhanced_dataset(double)
    for k, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        groups.PlanePositionSequence[0].ImagePositionPatient = [-4.0 * (k // 2), 0, 0]
        if sequence not in groups:
            setattr(groups, sequence, [Dataset()])
        setattr(groups[sequence][0], keyword, values[1 - k % 2])
    save(dataset, tmp_path / "enhanced")
    series = read(tmp_path)
    assert_same_voxels(series.volume, volume)
    assert series.frame_numbers == (2, 4, 6, 8, 10)
    assert told_by in series.choice


def test_enhanced_files_of_one_frame_each_are_read_like_classic_ones(tmp_path: Path) -> None:
    volume = sagittal_volume()
    write_spread(volume, tmp_path, 1, PatientName="Łukasz^Żak 山田")
    series = read(tmp_path)
    assert_same_voxels(series.volume, volume)
    assert (series.is_enhanced, series.warnings) == (False, ())
    places = [series.volume.to_patient([k, 0, 0]) for k in range(5)]
    np.testing.assert_allclose([source.ImagePositionPatient for source in series.sources], places)
    assert [source.SOPInstanceUID for source in series.sources] == [f"1.2.4.{k}" for k in range(5)]
    assert not any("PerFrameFunctionalGroupsSequence" in source for source in series.sources)
    assert {str(source.PatientName) for source in series.sources} == {"Łukasz^Żak 山田"}


def test_slices_spread_over_multi_frame_files_are_refused(tmp_path: Path) -> None:
    write_spread(sagittal_volume((6, 12, 10)), tmp_path, 2)
    with pytest.raises(InvalidVolume, match="3 files"):
        read(tmp_path)


# --- poor headers


@pytest.mark.parametrize(
    "missing",
    ["Modality", "SOPClassUID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"],
)
def test_missing_attributes_are_warned_about(tmp_path: Path, missing: str) -> None:
    volume = sagittal_volume()
    write_series(volume, tmp_path, **{missing: None})
    series = read(tmp_path)
    assert_same_voxels(series.volume, volume)
    assert series.warnings == (f"{missing} is missing",)


def test_an_empty_patient_name_is_no_flaw(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path, PatientName="")
    assert read(tmp_path).warnings == ()


def test_different_frames_of_reference_are_warned_about(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path, FrameOfReferenceUID=lambda k: f"1.2.{k}")
    assert any("frames of reference" in warning for warning in read(tmp_path).warnings)


def test_a_uid_that_several_images_share_identifies_none(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path, SOPInstanceUID=lambda k: "1.2.3.4" if k < 4 else "1.2.3.5")
    series = read(tmp_path)
    assert [source.get("SOPInstanceUID") for source in series.sources].count(None) == 4
    assert series.warnings == ("4 images share SOP Instance UIDs, which identify none of them",)
    uids = [header.SOPInstanceUID for header in repaired_headers(series)]
    assert len(set(uids)) == 5
    assert "1.2.3.5" in uids


def test_single_frame_files_that_claim_to_be_enhanced_are_read(tmp_path: Path) -> None:
    volume = sagittal_volume()
    for path in write_series(volume, tmp_path):
        edit(
            path,
            lambda d: (d.pop("SOPClassUID"), setattr(d.file_meta, "MediaStorageSOPClassUID", EnhancedMRImageStorage)),
        )
    series = read(tmp_path)
    assert_same_voxels(series.volume, volume)
    assert not series.is_enhanced
    assert any("functional groups" in warning for warning in series.warnings)


def test_files_without_meta_information_are_read(tmp_path: Path) -> None:
    volume = sagittal_volume()
    for path in write_series(volume, tmp_path, transfer_syntax=ImplicitVRLittleEndian):
        content = path.read_bytes()
        path.write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])
    assert_same_voxels(read(tmp_path).volume, volume)


def test_missing_pixel_description_is_completed(tmp_path: Path) -> None:
    volume = sagittal_volume()
    write_series(volume, tmp_path, PhotometricInterpretation=None, SamplesPerPixel=None)
    assert_same_voxels(read(tmp_path).volume, volume)


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 192", "Łukasz^Żak 山田"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ],
)
def test_names_survive_in_any_character_set(tmp_path: Path, character_set: str | list[str], name: str) -> None:
    write_series(sagittal_volume(), tmp_path, SpecificCharacterSet=character_set, PatientName=name)
    assert {str(source.PatientName) for source in read(tmp_path).sources} == {name}


def test_logs_hold_nothing_about_the_patient(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_twice(tmp_path, {"EchoTime": 20, "Modality": None}, {"EchoTime": 100})
    with caplog.at_level("INFO", logger="spine_segmentation"):
        read(tmp_path)
    assert "left aside" in caplog.text
    assert not any(secret in caplog.text for secret in ("Doe", "1.2.3", "1970", "T2 TSE"))


def test_fixture_is_classic_mr_that_the_validator_accepts(tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dicom3tools' dciodvfy is not installed")
    path = save(classic_dataset(sagittal_volume(), 0), tmp_path / "image")
    report = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False).stderr
    assert "Error" not in report

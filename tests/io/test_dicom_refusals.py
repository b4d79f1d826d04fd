from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from spine_segmentation.errors import (
    DuplicatePosition,
    InconsistentGeometry,
    InvalidVolume,
    MissingGeometry,
    MissingSlice,
    MixedOrientation,
    MixedPatients,
    MixedPixelSpacing,
    SpineError,
    TruncatedFile,
    UndecodablePixels,
    UnreadableFile,
)
from spine_segmentation.io.dicom_choice import choose_series
from spine_segmentation.io.dicom_reader import DicomSeries, read_series
from spine_segmentation.io.dicom_series import list_series
from spine_segmentation.volume import Volume
from tests.dicom_factory import enhanced_dataset, sagittal_volume, save, write_enhanced, write_series


def read(folder: Path) -> DicomSeries:
    (summary,) = list_series(folder)
    return read_series(summary)


def outcome(folder: Path) -> Volume | SpineError:
    """A whole image, or an error of ours; any other error is a failure."""
    try:
        volume = read_series(choose_series(list_series(folder))[0]).volume
    except SpineError as error:
        return error
    assert np.isfinite(volume.array).all()
    return volume


def edit(path: Path, change: Callable[[Dataset], None]) -> None:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)


SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
]


def spoil(folder: Path, **header: Any) -> Path:
    write_series(sagittal_volume(), folder, **header)
    return folder


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"])
def test_missing_geometry_in_one_image(tmp_path: Path, keyword: str) -> None:
    path = write_series(sagittal_volume(), tmp_path)[1]
    edit(path, lambda d: d.pop(keyword))
    with pytest.raises(MissingGeometry, match="in 1"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImagePositionPatient", [1, 2]),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("ImageOrientationPatient", [0, 0, 0, 0, 0, 0]),
        ("PixelSpacing", [0, 1]),
        ("PixelSpacing", [-1, 1]),
    ],
)
def test_malformed_geometry(tmp_path: Path, keyword: str, value: list[float]) -> None:
    with pytest.raises(MissingGeometry, match="malformed"):
        read(spoil(tmp_path, **{keyword: value}))


def test_multi_frame_without_functional_groups_has_no_geometry(tmp_path: Path) -> None:
    dataset = enhanced_dataset(
        sagittal_volume(), SharedFunctionalGroupsSequence=None, PerFrameFunctionalGroupsSequence=None
    )
    save(dataset, tmp_path / "multi-frame")
    with pytest.raises(MissingGeometry, match="without functional groups"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("enhanced", "flaw"),
    [(False, "without functional groups"), (True, "differs from that of its per-frame functional groups")],
    ids=["classic", "enhanced"],
)
def test_a_wrong_number_of_frames_is_refused_at_once(tmp_path: Path, enhanced: bool, flaw: str) -> None:
    volume = sagittal_volume()
    if enhanced:
        write_enhanced(volume, tmp_path / "enhanced", NumberOfFrames=2147483647)
    else:
        write_series(volume, tmp_path, NumberOfFrames=2147483647)
    (summary,) = list_series(tmp_path)
    assert summary.images == 5
    assert flaw in str(summary.unsuitable)
    with pytest.raises(MissingGeometry, match="functional groups"):
        read_series(summary)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("keyword", "value", "kind"),
    [
        ("NumberOfFrames", b"1e400 ", SpineError),
        ("NumberOfFrames", b"1e300 ", SpineError),
        ("SamplesPerPixel", b"1e400 ", SpineError),
        ("SamplesPerPixel", b"1e300 ", SpineError),
        ("RescaleSlope", b"1e400 ", Volume),
        ("RescaleSlope", b"1e300 ", InvalidVolume),
        ("SeriesNumber", b"1e400 ", Volume),
        ("SeriesNumber", b"1e300 ", Volume),
    ],
)
def test_numbers_beyond_all_bounds_do_no_harm_or_are_refused(
    tmp_path: Path, keyword: str, value: bytes, kind: type[Volume | SpineError]
) -> None:
    for path in write_series(sagittal_volume(), tmp_path, **{keyword: 9} if keyword != "RescaleSlope" else {}):
        dataset = pydicom.dcmread(path)
        tag = pydicom.tag.Tag(keyword)
        vr = pydicom.datadict.dictionary_VR(tag)
        dataset[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(value), value, 0, False, True)
        dataset.save_as(path)
    assert isinstance(outcome(tmp_path), kind)


def test_mixed_orientation(tmp_path: Path) -> None:
    def orientation(k: int) -> list[float]:
        return [0.0, 1, 0, 0, 0, -1] if k < 4 else [0.0, np.cos(0.1), np.sin(0.1), 0, np.sin(0.1), -np.cos(0.1)]

    with pytest.raises(MixedOrientation, match="2 orientations"):
        read(spoil(tmp_path, ImageOrientationPatient=lambda k: [round(value, 8) for value in orientation(k)]))


def test_a_correction_that_reached_half_of_the_images(tmp_path: Path) -> None:
    with pytest.raises(MixedPatients, match="2 Patient IDs"):
        read(spoil(tmp_path, PatientID=lambda k: "A1" if k < 4 else "B2"))


def test_a_patient_id_that_some_images_lack_is_no_other_patient(tmp_path: Path) -> None:
    assert read(spoil(tmp_path, PatientID=lambda k: "A1" if k < 4 else "")).volume.array.ndim == 3


@pytest.mark.parametrize("identifier", ["", None])
def test_two_names_without_an_id(tmp_path: Path, identifier: str | None) -> None:
    with pytest.raises(MixedPatients, match="2 patients' names"):
        read(spoil(tmp_path, PatientID=identifier, PatientName=lambda k: "Doe^Jane" if k < 4 else "Roe^Jane"))


@pytest.mark.parametrize("identifier", ["", "A1"])
def test_a_name_in_another_spelling_is_no_other_patient(tmp_path: Path, identifier: str) -> None:
    read(spoil(tmp_path, PatientID=identifier, PatientName=lambda k: ["Doe^Jane", "DOE^JANE^^^", ""][k % 3]))


def test_mixed_pixel_spacing(tmp_path: Path) -> None:
    with pytest.raises(MixedPixelSpacing, match=r"1\.1"):
        read(spoil(tmp_path, PixelSpacing=lambda k: [1, 1.1] if k == 2 else [1, 1]))


def test_mixed_image_size(tmp_path: Path) -> None:
    uids = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    write_series(sagittal_volume(), tmp_path / "1", **uids)
    larger = sagittal_volume((5, 14, 10))
    shifted = np.array(larger.affine)
    shifted[0, 3] = -20
    write_series(Volume(larger.array, shifted), tmp_path / "2", **uids)
    with pytest.raises(MixedPixelSpacing, match="14"):
        read(tmp_path)


def test_a_missing_slice(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path)[3].unlink()
    with pytest.raises(MissingSlice, match=r"slices 3 and 4 of 4.*8\.00 mm apart.*4\.00 mm"):
        read(tmp_path)


def test_duplicate_positions(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write_series(sagittal_volume(), tmp_path / name, SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2")
    with pytest.raises(DuplicatePosition, match="no attribute"):
        read(tmp_path)


def test_slices_off_the_line(tmp_path: Path) -> None:
    with pytest.raises(InconsistentGeometry, match="regular grid"):
        read(spoil(tmp_path, ImagePositionPatient=lambda k: [-4.0 * k, 5.0 * (k == 2), 0]))


@pytest.mark.parametrize("header", [{"SamplesPerPixel": 3}, {"PhotometricInterpretation": "PALETTE COLOR"}])
def test_colour_images(tmp_path: Path, header: dict[str, object]) -> None:
    with pytest.raises(InvalidVolume, match="colour"):
        read(spoil(tmp_path, **header))


def test_a_slice_that_lost_its_geometry_is_no_capture(tmp_path: Path) -> None:
    path = write_series(sagittal_volume(), tmp_path)[4]
    edit(path, lambda d: (d.pop("ImagePositionPatient"), d.pop("ImageOrientationPatient")))
    with pytest.raises(MissingGeometry, match="in 1"):
        read(tmp_path)


def test_captures_that_are_not_fewer_than_the_slices(tmp_path: Path) -> None:
    header = {"ImageType": ["DERIVED", "SECONDARY"], "ImagePositionPatient": None, "ImageOrientationPatient": None}
    write_series(sagittal_volume(), tmp_path / "1", SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2")
    write_series(sagittal_volume(), tmp_path / "2", SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2", **header)
    with pytest.raises(MissingGeometry, match="in 5"):
        read(tmp_path)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLSLossless], ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize(("stored", "high"), [(12, 15), (16, 11)])
def test_pixels_that_are_not_aligned_to_the_right(tmp_path: Path, syntax: str, stored: int, high: int) -> None:
    for path in write_series(sagittal_volume(), tmp_path, transfer_syntax=syntax):
        edit(path, lambda d: (setattr(d, "BitsStored", stored), setattr(d, "HighBit", high)))
    with pytest.raises(UndecodablePixels, match=f"{stored} bits stored and the high bit {high}"):
        read(tmp_path)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_truncated_files(tmp_path: Path, syntax: str, kept: float) -> None:
    rng = np.random.default_rng(0)
    volume = sagittal_volume((3, 64, 64))
    noisy = volume.with_array(rng.integers(0, 4000, volume.shape, dtype=np.int16))
    path = write_series(noisy, tmp_path, transfer_syntax=syntax)[1]
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    expected = UnreadableFile if syntax == DeflatedExplicitVRLittleEndian else TruncatedFile
    with pytest.raises(expected, match="image0001"):
        read(tmp_path)


def test_a_file_cut_off_inside_its_header(tmp_path: Path) -> None:
    path = write_series(sagittal_volume(), tmp_path)[4]
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x28\x00\x10\x00US")])
    with pytest.raises(TruncatedFile, match="header"):
        read(tmp_path)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda syntax: syntax.keyword)
def test_undecodable_pixels(tmp_path: Path, syntax: str) -> None:
    for path in write_series(sagittal_volume((2, 40, 40)), tmp_path, transfer_syntax=syntax):
        edit(path, lambda d: setattr(d, "PixelData", d.PixelData[:18] + b"\x07" * (len(d.PixelData) - 18)))
    with pytest.raises(UndecodablePixels, match=r"cannot be decoded \(\w+\)\."):
        read(tmp_path)


def test_pixels_of_an_unknown_transfer_syntax(tmp_path: Path) -> None:
    for path in write_series(sagittal_volume(), tmp_path, transfer_syntax=RLELossless):
        edit(path, lambda d: setattr(d.file_meta, "TransferSyntaxUID", "1.2.840.10008.1.2.4.100"))
    with pytest.raises(UndecodablePixels, match="MPEG2"):
        read(tmp_path)


def test_pixels_without_a_bit_depth(tmp_path: Path) -> None:
    with pytest.raises(UndecodablePixels):
        read(spoil(tmp_path, BitsAllocated=None))


def test_a_file_that_has_vanished(tmp_path: Path) -> None:
    paths = write_series(sagittal_volume(), tmp_path)
    (summary,) = list_series(tmp_path)
    paths[0].unlink()
    with pytest.raises(UnreadableFile, match="image0000"):
        read_series(summary)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("enhanced", [False, True], ids=["classic", "enhanced"])
def test_damaged_headers_never_give_an_error_that_is_not_ours(tmp_path: Path, enhanced: bool) -> None:
    volume = sagittal_volume((2, 8, 8))
    path = write_enhanced(volume, tmp_path / "e") if enhanced else write_series(volume, tmp_path)[0]
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = []
    for _ in range(150):
        damaged = bytearray(content[: rng.integers(200, len(content))] if rng.random() < 0.2 else content)
        for place in rng.integers(132, len(damaged), size=3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        refused.append(isinstance(outcome(tmp_path), SpineError))
    assert 0 < sum(refused) < len(refused)

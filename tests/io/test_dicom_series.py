from __future__ import annotations

import filecmp
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.fileset import FileSet
from pydicom.uid import CTImageStorage, SegmentationStorage

from spine_segmentation.errors import (
    NoDicomFound,
    TruncatedFile,
    UnreadableFile,
)
from spine_segmentation.io.dicom_choice import choose_series
from spine_segmentation.io.dicom_reader import read_series
from spine_segmentation.io.dicom_series import SeriesSummary, list_series
from spine_segmentation.volume import Volume
from tests.dicom_factory import classic_dataset, sagittal_volume, save, volume_along, write_enhanced, write_series
from tests.io.unprivileged import unprivileged_in


def test_a_series_is_described(tmp_path: Path) -> None:
    files = write_series(
        sagittal_volume(spacing=(4.4, 0.6, 0.7)),
        tmp_path,
        SeriesDescription="T2 TSE SAG",
        SeriesInstanceUID="1.2.3",
        StudyInstanceUID="1.2",
    )
    (found,) = list_series(tmp_path)
    assert found.slice_spacing == pytest.approx(4.4)
    assert found.files == tuple(files)
    assert replace(found, slice_spacing=None, files=()) == SeriesSummary(
        study_uid="1.2",
        series_uid="1.2.3",
        modality="MR",
        description="T2 TSE SAG",
        orientation="sagittal",
        images=5,
        pixel_spacing=(0.6, 0.7),
        slice_spacing=None,
        weighting="T2w",
        unsuitable=None,
        files=(),
        slices=5,
        number=3,
        patient_id="1",
    )


def test_an_enhanced_series_is_described_by_its_frames(tmp_path: Path) -> None:
    write_enhanced(sagittal_volume(), tmp_path / "enhanced")
    (found,) = list_series(tmp_path)
    assert (found.images, found.slices, found.orientation, found.slice_spacing) == (5, 5, "sagittal", 4.0)


def test_one_file_is_enough(tmp_path: Path) -> None:
    path = write_series(sagittal_volume(), tmp_path)[0]
    (found,) = list_series(path)
    assert found.files == (path,)


@pytest.mark.parametrize("name", ["DICOMDIR", "dicomdir"])
def test_a_directory_of_a_medium_stands_for_its_folder(tmp_path: Path, name: str) -> None:
    medium = FileSet()
    for path in write_series(sagittal_volume(), tmp_path / "exported"):
        medium.add(path)
    medium.write(tmp_path / "medium")
    directory = (tmp_path / "medium" / "DICOMDIR").rename(tmp_path / "medium" / name)
    (found,) = list_series(directory)
    assert found.images == 5
    assert [found] == list_series(tmp_path / "medium")


def test_series_at_any_depth_among_other_files_are_told_apart(tmp_path: Path) -> None:
    for folder, count in (("a/b/c", 3), ("a/b", 4), (".", 5)):
        write_series(sagittal_volume((count, 4, 4)), tmp_path / folder)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "a" / "empty.dcm").touch()
    (tmp_path / "a" / "noise.dcm").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert sorted(found.images for found in list_series(tmp_path)) == [3, 4, 5]


def test_two_studies_with_the_same_series_uid_stay_apart(tmp_path: Path) -> None:
    for study in ("1.1", "1.2"):
        write_series(sagittal_volume(), tmp_path / study, StudyInstanceUID=study, SeriesInstanceUID="1.9")
    assert sorted(found.study_uid for found in list_series(tmp_path)) == ["1.1", "1.2"]


def test_series_are_listed_by_number(tmp_path: Path) -> None:
    for number in (10, 2, 7):
        write_series(sagittal_volume((number, 4, 4)), tmp_path / str(number), SeriesNumber=number)
    assert [found.images for found in list_series(tmp_path)] == [2, 7, 10]


def test_segmentations_and_reports_are_passed_over(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path / "mr")
    write_series(sagittal_volume(), tmp_path / "seg", Modality="SEG", SOPClassUID=SegmentationStorage)
    write_series(
        sagittal_volume(),
        tmp_path / "sr",
        **{"Modality": "SR", "Rows": None, "Columns": None, "PixelData": None},
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33",
    )
    assert [found.modality for found in list_series(tmp_path)] == ["MR"]


@pytest.mark.parametrize("first_group", ["meta information", "data set"])
def test_a_file_without_preamble_is_read(tmp_path: Path, first_group: str) -> None:
    path = write_series(sagittal_volume((1, 4, 4)), tmp_path)[0]
    content = path.read_bytes()[132:]
    meta_length = 12 + int.from_bytes(content[8:12], "little")
    path.write_bytes(content if first_group == "meta information" else content[meta_length:])
    assert [found.images for found in list_series(tmp_path)] == [1]


def test_copies_of_a_file_count_once(tmp_path: Path) -> None:
    path = write_series(sagittal_volume(), tmp_path)[2]
    shutil.copy(path, tmp_path / "zz_copy")
    assert [found.images for found in list_series(tmp_path)] == [5]


def test_files_without_instance_uid_are_compared_at_one_place_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    monkeypatch.setattr(filecmp, "cmp", lambda one, other, shallow: compared.append((one, other)))
    write_series(sagittal_volume((30, 4, 4)), tmp_path, SOPInstanceUID=None)
    shutil.copy(tmp_path / "image0003", tmp_path / "zz_copy")
    list_series(tmp_path)
    assert [(one.name, other.name) for one, other in compared] == [("zz_copy", "image0003")]


def test_different_images_with_one_instance_uid_are_all_kept(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path, SOPInstanceUID="1.2.3.4")
    assert [found.images for found in list_series(tmp_path)] == [5]


@pytest.mark.parametrize(
    ("axes", "orientation"), [("LIP", "sagittal"), ("RSA", "sagittal"), ("ILP", "axial"), ("PIL", "coronal")]
)
def test_orientation(tmp_path: Path, axes: str, orientation: str) -> None:
    write_series(volume_along(axes), tmp_path)
    (found,) = list_series(tmp_path)
    assert found.orientation == orientation
    assert (found.unsuitable is None) == (orientation == "sagittal")


@pytest.mark.parametrize(("degrees", "orientation"), [(44, "sagittal"), (46, "coronal")])
def test_sagittal_reaches_to_45_degrees(tmp_path: Path, degrees: float, orientation: str) -> None:
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    volume = sagittal_volume()
    write_series(Volume(volume.array, turn @ volume.affine), tmp_path)
    assert list_series(tmp_path)[0].orientation == orientation


@pytest.mark.parametrize(
    ("header", "weighting"),
    [
        ({"SeriesDescription": "sT2W_TSE_sag"}, "T2w"),
        ({"SeriesDescription": "t1_tse_sag"}, "T1w"),
        ({"SeriesDescription": "T2 STIR sag"}, "STIR"),
        ({"SeriesDescription": "t2_tirm"}, "STIR"),
        ({"SeriesDescription": "Sag T2*"}, "T2*w"),
        ({"SeriesDescription": "PD sag"}, "PDw"),
        ({"SeriesDescription": "spine"}, "T2w"),
        ({"SeriesDescription": None, "RepetitionTime": 500, "EchoTime": 10}, "T1w"),
        ({"SeriesDescription": None, "RepetitionTime": 4000, "EchoTime": 60, "InversionTime": 150}, "STIR"),
        ({"SeriesDescription": None, "RepetitionTime": 3000, "EchoTime": 20}, "PDw"),
        ({"SeriesDescription": None, "RepetitionTime": 5, "EchoTime": 2, "ScanningSequence": "GR"}, None),
        ({"SeriesDescription": None, "RepetitionTime": None}, None),
    ],
)
def test_weighting(tmp_path: Path, header: dict[str, object], weighting: str | None) -> None:
    write_series(sagittal_volume((1, 4, 4)), tmp_path, **header)
    assert list_series(tmp_path)[0].weighting == weighting


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 192", "Łukasz^Żak 山田"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
    ],
)
def test_descriptions_survive_in_any_character_set(tmp_path: Path, character_set: str | list[str], name: str) -> None:
    write_series(
        sagittal_volume(),
        tmp_path,
        SpecificCharacterSet=character_set,
        PatientName=name,
        SeriesDescription=f"T2 {name}",
    )
    assert list_series(tmp_path)[0].description == f"T2 {name}"


# --- what makes a series unsuitable


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY"]}, "derived"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer"),
        ({"SeriesDescription": "LOC sag"}, "localizer"),
        ({"SeriesDescription": "3-plane scout"}, "localizer"),
        ({"SeriesDescription": None, "ProtocolName": "AAHScout"}, "localizer"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "SUBTRACT"]}, "subtracted"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "PROJECTION IMAGE"]}, "projection"),
        ({"Modality": "CT"}, "CT"),
        ({"Modality": None, "SOPClassUID": CTImageStorage}, "CT"),
        ({"SamplesPerPixel": 3}, "colour"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour"),
        ({"ImagePositionPatient": None}, "position"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "orientation"),
        ({"PixelSpacing": None}, "spacing"),
    ],
)
def test_unsuitable_series_say_why(tmp_path: Path, header: dict[str, object], reason: str) -> None:
    write_series(sagittal_volume(), tmp_path, **header)
    unsuitable = list_series(tmp_path)[0].unsuitable
    assert unsuitable
    assert reason in unsuitable


@pytest.mark.parametrize(
    "description", ["T2 sag lumbosacral", "allocated", "sub-001 T2 sag", "T2 sub01", "subject 5 T2"]
)
def test_harmless_descriptions_do_not_exclude(tmp_path: Path, description: str) -> None:
    write_series(sagittal_volume((1, 4, 4)), tmp_path, SeriesDescription=description)
    assert list_series(tmp_path)[0].unsuitable is None


def test_a_series_that_is_only_partly_derived_is_suitable(tmp_path: Path) -> None:
    kinds = [["ORIGINAL", "PRIMARY"], ["DERIVED", "PRIMARY"]]
    write_series(sagittal_volume(), tmp_path, ImageType=lambda k: kinds[k % 2])
    assert list_series(tmp_path)[0].unsuitable is None


# --- poor headers


@pytest.mark.parametrize(
    "header",
    [
        {"Modality": None},
        {"SOPClassUID": None},
        {"PatientName": None},
        {"StudyInstanceUID": None},
        {"Modality": None, "SOPClassUID": None},
        {"Modality": "", "SOPClassUID": None, "PatientName": None, "StudyInstanceUID": None, "ImageType": None},
    ],
)
def test_poor_headers_of_an_mr_series_do_not_exclude_it(tmp_path: Path, header: dict[str, None]) -> None:
    write_series(sagittal_volume(), tmp_path, **header)
    (found,) = list_series(tmp_path)
    assert (found.modality, found.unsuitable) == ("MR", None)


MR_HINTS = dict.fromkeys(["MagneticFieldStrength", "RepetitionTime", "EchoTime", "SOPClassUID", "Modality"])


def write_without_hints(folder: Path, **header: object) -> None:
    for index, volume in enumerate([sagittal_volume()] * 5):
        dataset = classic_dataset(
            volume, index, **{**MR_HINTS, **header}, SeriesInstanceUID="1.2.3", StudyInstanceUID="1.2"
        )
        save(dataset, folder / f"{index}")
        content = (folder / f"{index}").read_bytes()
        (folder / f"{index}").write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])


def test_an_unknown_modality_is_accepted_with_whole_geometry(tmp_path: Path) -> None:
    write_without_hints(tmp_path)
    (found,) = list_series(tmp_path)
    assert (found.modality, found.unsuitable, found.images) == ("", None, 5)


def test_an_unknown_modality_is_not_accepted_where_another_one_is_implied(tmp_path: Path) -> None:
    write_without_hints(tmp_path, KVP=120)
    assert list_series(tmp_path)[0].unsuitable == "its modality is CT, not MR"


def test_images_without_series_uid_are_grouped_by_folder_and_description(tmp_path: Path) -> None:
    for folder, description in (("a", "T2"), ("b", "T2"), ("b/../b", "T1")):
        files = write_series(
            sagittal_volume((2, 4, 4)), tmp_path / "new", SeriesInstanceUID=None, SeriesDescription=description,
            StudyInstanceUID="1.2",
        )  # fmt: skip
        (tmp_path / folder).mkdir(exist_ok=True)
        for path in files:
            path.rename(tmp_path / folder / f"{description}{path.name}")
    found = list_series(tmp_path)
    assert sorted((s.files[0].parent.name, s.description, s.images) for s in found) == [
        ("a", "T2", 2),
        ("b", "T1", 2),
        ("b", "T2", 2),
    ]
    assert {s.series_uid for s in found} == {""}


# --- refusals


def test_no_dicom(tmp_path: Path) -> None:
    (tmp_path / "readme").write_text("nothing here")
    with pytest.raises(NoDicomFound, match="no DICOM image"):
        list_series(tmp_path)


def test_a_missing_folder_is_an_unreadable_input(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        list_series(tmp_path / "nowhere")


@pytest.mark.parametrize("mode", [0o000, 0o444], ids=["closed", "listed alone"])
def test_slices_in_a_folder_that_cannot_be_read_are_missed(tmp_path: Path, mode: int) -> None:
    paths = write_series(sagittal_volume((6, 12, 10)), tmp_path / "series")
    folder = tmp_path / "series" / "more"
    folder.mkdir()
    for path in paths[4:]:
        path.rename(folder / path.name)
    folder.chmod(mode)
    with unprivileged_in(tmp_path), pytest.raises(UnreadableFile, match=r"series/more.*Permission denied"):
        list_series(Path("series"))
    folder.chmod(0o755)
    with unprivileged_in(tmp_path):
        assert [found.images for found in list_series(Path("series"))] == [6]


def test_a_file_cut_off_before_its_series_uid_is_reported(tmp_path: Path) -> None:
    paths = write_series(sagittal_volume(), tmp_path)
    paths[4].write_bytes(paths[4].read_bytes()[:700])
    (found,) = list_series(tmp_path)
    with pytest.raises(UnreadableFile, match="image0004"):
        read_series(found)
    for path in paths[:4]:
        path.unlink()
    with pytest.raises(TruncatedFile, match="image0004"):
        list_series(tmp_path)


def test_damage_elsewhere_does_not_refuse_a_sound_series(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_series(sagittal_volume(), tmp_path / "sound")
    (damaged,) = write_series(sagittal_volume((1, 4, 4)), tmp_path / "other")
    damaged.write_bytes(damaged.read_bytes()[:700])
    chosen, _ = choose_series(list_series(tmp_path))
    assert read_series(chosen).volume.shape == (5, 12, 10)
    assert chosen.damaged == (damaged,)
    assert "1 files are damaged" in caplog.text


def test_damage_is_the_error_where_no_series_is_suitable(tmp_path: Path) -> None:
    write_series(volume_along("ILP"), tmp_path / "axial")
    (damaged,) = write_series(sagittal_volume((1, 4, 4)), tmp_path / "other")
    damaged.write_bytes(damaged.read_bytes()[:700])
    with pytest.raises(UnreadableFile, match="1 damaged files.*image0000.*axial"):
        choose_series(list_series(tmp_path))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", [b"\x02\x00", b"\x08\x00", b"\x00\x08"])
def test_a_binary_file_that_begins_like_dicom_is_none(tmp_path: Path, start: bytes) -> None:
    write_series(sagittal_volume(), tmp_path)
    for seed in range(30):
        noise = np.random.default_rng(seed).bytes(3000)
        (tmp_path / f"thumbnail{seed}").write_bytes(start + noise)
    (found,) = list_series(tmp_path)
    assert (len(found.files), found.damaged) == (5, ())


def test_a_missing_series_uid_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_series(sagittal_volume(), tmp_path, SeriesInstanceUID=None, StudyInstanceUID="1.2")
    list_series(tmp_path)
    assert len(caplog.records) == 1


def test_a_sagittal_image_that_shows_where_the_axial_ones_lie_makes_no_sagittal_series(tmp_path: Path) -> None:
    uids = {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2"}
    write_series(volume_along("ILP", slices=12), tmp_path / "axial", **uids)
    write_series(volume_along("LIP", slices=1), tmp_path / "reference", **uids)
    (found,) = list_series(tmp_path)
    assert (found.orientation, found.slices, found.images) == ("axial", 12, 13)
    assert "axial" in str(found.unsuitable)

from __future__ import annotations

import logging
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.sr.codedict import codes
from scipy.spatial.transform import Rotation

from spine_segmentation.anatomy import BY_NAME, SACRUM_BELOW_S1
from spine_segmentation.errors import NoSpineFound, OutputError, UnusableHeader, UsageError
from spine_segmentation.io.dicom_reader import DicomSeries
from spine_segmentation.io.dicom_seg import SERIES_DESCRIPTION, write_segmentation
from spine_segmentation.results import ModelIdentity, SpineResult
from spine_segmentation.volume import Volume

MakeResult = Callable[..., SpineResult]
MakeSeries = Callable[..., DicomSeries]


def written(result: SpineResult, series: DicomSeries, folder: Path, seg_type: str = "binary") -> hd.seg.Segmentation:
    write_segmentation(result, series, folder / "segmentation.dcm", seg_type)  # type: ignore[arg-type]
    assert [path.name for path in folder.iterdir()] == ["segmentation.dcm"]
    return hd.seg.segread(folder / "segmentation.dcm")


def labels_in(segmentation: hd.seg.Segmentation, grid: Volume) -> np.ndarray:
    """The structure names, laid on a grid by the patient coordinates of every voxel alone."""
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    row_step, column_step = np.array(shared.PixelMeasuresSequence[0].PixelSpacing, dtype=float)
    titles = {item.SegmentNumber: item.SegmentLabel for item in segmentation.SegmentSequence}
    names = np.full(grid.shape, "", dtype=object)
    pixels = segmentation.pixel_array.reshape(-1, segmentation.Rows, segmentation.Columns)
    for frame, group in zip(pixels, segmentation.PerFrameFunctionalGroupsSequence, strict=True):
        rows, columns = np.nonzero(frame)
        corner = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        points = corner + rows[:, None] * row_step * cosines[1] + columns[:, None] * column_step * cosines[0]
        exact = (points - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T
        indices = np.rint(exact).astype(int)
        assert np.abs(exact - indices).max() < 1e-3
        assert all(names[tuple(index)] == "" for index in indices)
        for index, value in zip(indices, frame[rows, columns], strict=True):
            names[tuple(index)] = titles[_segment_number(segmentation, group, int(value))]
    return names


def _segment_number(segmentation: hd.seg.Segmentation, group: pydicom.Dataset, value: int) -> int:
    if segmentation.SegmentationType == "LABELMAP":
        return value
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    holder = group if "SegmentIdentificationSequence" in group else shared
    return int(holder.SegmentIdentificationSequence[0].ReferencedSegmentNumber)


def expected_labels(result: SpineResult) -> np.ndarray:
    assert result.labeling is not None
    titles = {structure.id: structure.title for structure in result.labeling.structures}
    return np.vectorize(lambda value: titles.get(value, ""), otypes=[object])(result.labeling.labels.array)


def validator_errors(path: Path) -> list[str]:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    report = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    return [line for line in (report.stdout + report.stderr).splitlines() if line.startswith("Error")]


@st.composite
def grids(draw: st.DrawFn) -> Volume:
    """Oblique, anisotropic, reversed and sheared stacks of one slice and more."""
    rotation = Rotation.from_rotvec([draw(st.floats(-3, 3)) for _ in range(3)]).as_matrix()
    spacing = [draw(st.floats(0.3, 5.0)) for _ in range(3)]
    if draw(st.booleans()):
        rotation[:, 0] *= -1
    shear = np.eye(3)
    shear[1, 0], shear[2, 0] = draw(st.sampled_from([(0.0, 0.0), (0.2, -0.1), (-0.5, 0.3)]))
    affine = np.eye(4)
    affine[:3, :3] = rotation @ shear @ np.diag(spacing)
    affine[:3, 3] = [draw(st.floats(-400, 400)) for _ in range(3)]
    shape = draw(st.sampled_from([(1, 17, 12), (2, 16, 9), (4, 18, 11)]))
    return Volume(np.zeros(shape, dtype=np.float32), affine)


@pytest.mark.parametrize("seg_type", ["binary", "labelmap"])
@settings(max_examples=20, deadline=None)
@given(grid=grids(), enhanced=st.booleans(), names=st.sampled_from([("L4",), ("L4", "L4-L5", "L5")]))
def test_every_voxel_keeps_its_place_in_the_patient(
    seg_type: str,
    grid: Volume,
    enhanced: bool,
    names: tuple[str, ...],
    make_result: MakeResult,
    make_series: MakeSeries,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    numbers = tuple(range(grid.shape[0], 0, -1)) if enhanced else ()
    result, series = make_result(grid, names), make_series(grid, frame_numbers=numbers)
    segmentation = written(result, series, tmp_path_factory.mktemp("seg"), seg_type)
    assert (labels_in(segmentation, grid) == expected_labels(result)).all()


def test_highdicom_reads_the_same_volume_back(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result = make_result(volume)
    segmentation = written(result, make_series(volume), tmp_path)
    geometry = segmentation.get_volume(combine_segments=True)
    names = [item.SegmentLabel for item in segmentation.SegmentSequence]
    found = np.vectorize(lambda number: names[number - 1] if number else "", otypes=[object])(geometry.array)
    expected = expected_labels(result)
    first, *_ = np.rint(np.linalg.inv(volume.affine) @ geometry.affine @ [0, 0, 0, 1]).astype(int)
    step = int(np.rint((np.linalg.inv(volume.affine) @ geometry.affine)[0, 0]))
    slices = first + step * np.arange(len(found))
    assert (found == expected[slices]).all()


def test_the_good_source_validates_without_errors(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    written(make_result(volume), make_series(volume), tmp_path)
    assert validator_errors(tmp_path / "segmentation.dcm") == []


@pytest.mark.parametrize("names", [("L4",), ("T13", "T13-L1", "L1"), ("L6", "L6-S1", "S1")])
def test_single_and_uncoded_structures_validate(
    names: tuple[str, ...], volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    segmentation = written(make_result(volume, names), make_series(volume), tmp_path)
    assert [item.SegmentLabel for item in segmentation.SegmentSequence] == list(names)
    assert validator_errors(tmp_path / "segmentation.dcm") == []


def test_enhanced_source_is_referred_to_by_its_own_frame_numbers(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    numbers = (9, 7, 5, 3, 1)
    segmentation = written(make_result(volume), make_series(volume, frame_numbers=numbers), tmp_path)
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        index = int(np.rint((np.linalg.inv(volume.affine) @ [*position, 1])[0]))
        (reference,) = group.DerivationImageSequence[0].SourceImageSequence
        assert reference.ReferencedFrameNumber == numbers[index]
    assert validator_errors(tmp_path / "segmentation.dcm") == []


def test_segments_are_coded_coloured_tracked_and_described(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result = make_result(volume)
    segmentation = written(result, make_series(volume), tmp_path)
    labels = [item.SegmentLabel for item in segmentation.SegmentSequence]
    assert labels == ["L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1"]
    for item in segmentation.SegmentSequence:
        structure = BY_NAME[item.SegmentLabel]
        assert item.segmented_property_type == pydicom.sr.coding.Code(structure.code.value, "SCT", "")
        assert item.segmented_property_category == codes.SCT.AnatomicalStructure
        assert item.TrackingID == structure.name
        assert item.RecommendedDisplayCIELabValue == list(hd.color.CIELabColor.from_rgb(*structure.color).value)
        algorithm = item.SegmentationAlgorithmIdentificationSequence[0]
        assert algorithm.AlgorithmName == "spine-segmentation"
        assert algorithm.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"
        assert "a" * 64 in algorithm.AlgorithmParameters
    assert len({item.TrackingUID for item in segmentation.SegmentSequence}) == len(labels)
    assert segmentation.SegmentSequence[0].SegmentDescription == (
        "confidence 0.98; runner-up L2 0.01; cut by the field of view"
    )
    assert segmentation.SegmentSequence[1].SegmentDescription == "confidence 0.98"


def test_source_series_is_referenced_and_its_identity_copied(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    series = make_series(volume)
    segmentation = written(make_result(volume), series, tmp_path)
    (referenced,) = segmentation.ReferencedSeriesSequence
    assert referenced.SeriesInstanceUID == series.sources[0].SeriesInstanceUID
    assert [item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence] == [
        source.SOPInstanceUID for source in series.sources
    ]
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "FrameOfReferenceUID", "StudyDate"):
        assert segmentation[keyword].value == series.sources[0][keyword].value
    assert segmentation.SeriesDescription == SERIES_DESCRIPTION
    assert segmentation.SeriesNumber == 9003
    assert segmentation.ContentLabel == "SPINE"
    assert segmentation.ContentCreatorName == ""
    assert segmentation.Manufacturer == segmentation.ManufacturerModelName == "spine-segmentation"


def test_empty_frames_and_the_lower_sacrum_are_left_out(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result = make_result(volume)
    assert result.labeling is not None
    assert (result.labeling.labels.array == SACRUM_BELOW_S1).any()
    segmentation = written(result, make_series(volume), tmp_path)
    assert segmentation.NumberOfFrames == 7 * 3
    assert segmentation.pixel_array.any(axis=(1, 2)).all()


def test_structures_without_voxels_get_no_segment(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result = make_result(volume)
    labeling = result.labeling
    assert labeling is not None
    labels = np.where(labeling.labels.array == BY_NAME["L4"].id, 0, labeling.labels.array)
    result = replace(result, labeling=replace(labeling, labels=volume.with_array(labels)))
    segmentation = written(result, make_series(volume), tmp_path)
    assert [item.SegmentLabel for item in segmentation.SegmentSequence] == ["L3", "L3-L4", "L4-L5", "L5", "L5-S1", "S1"]
    assert (labels_in(segmentation, volume) == expected_labels(result)).all()


def test_undetermined_structures_never_wear_a_level(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    segmentation = written(make_result(volume, determined=False), make_series(volume), tmp_path)
    first, second, *_ = segmentation.SegmentSequence
    assert first.SegmentLabel == "Vertebra 1 (level undetermined)"
    assert second.SegmentLabel == "Disc 1 (level undetermined)"
    assert first.segmented_property_type.value == "51282000"
    assert second.segmented_property_type.value == "360499006"
    assert first.SegmentDescription.startswith("level undetermined; most likely L3 0.62; runner-up L2 0.01")
    assert validator_errors(tmp_path / "segmentation.dcm") == []


MISSING = [
    "Modality", "SOPClassUID", "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
    "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName", "SliceThickness", "SeriesNumber", "Manufacturer",
    "SpecificCharacterSet", "Rows", "Columns", "PositionReferenceIndicator",
]  # fmt: skip


@pytest.mark.parametrize("keyword", MISSING)
def test_a_missing_attribute_does_no_harm(
    keyword: str, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result = make_result(volume)
    segmentation = written(result, make_series(volume, **{keyword: None}), tmp_path)
    assert (labels_in(segmentation, volume) == expected_labels(result)).all()
    assert validator_errors(tmp_path / "segmentation.dcm") == []


def test_everything_missing_at_once(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    series = make_series(volume, **dict.fromkeys(MISSING))
    first = written(make_result(volume), series, tmp_path)
    again = written(make_result(volume), series, tmp_path)
    assert len({item.ReferencedSOPInstanceUID for item in first.SourceImageSequence}) == volume.shape[0]
    assert (first.StudyInstanceUID, first.SOPInstanceUID) == (again.StudyInstanceUID, again.SOPInstanceUID)
    assert "the source has no usable StudyInstanceUID" in caplog.text
    assert validator_errors(tmp_path / "segmentation.dcm") == []
    assert "StudyInstanceUID" not in series.sources[0]


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID", "SOPClassUID", "PatientName", "SOPInstanceUID"])
def test_enhanced_sources_may_be_poor_too(
    keyword: str, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume, frame_numbers=(5, 4, 3, 2, 1), **{keyword: None})
    assert (labels_in(written(result, series, tmp_path), volume) == expected_labels(result)).all()


def test_single_frame_files_that_claim_to_be_enhanced(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    series = make_series(volume, SOPClassUID="1.2.840.10008.5.1.4.1.1.4.1")
    segmentation = written(make_result(volume), series, tmp_path)
    assert {item.ReferencedSOPClassUID for item in segmentation.SourceImageSequence} == {"1.2.840.10008.5.1.4.1.1.4"}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientSex", "X"),
        ("StudyDate", "20249999"),
        ("StudyDate", "20200101-20200202"),
        ("StudyTime", "noon"),
        ("StudyTime", "1000-1100"),
        ("PatientBirthDate", "31.01.1970"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*alue.*:UserWarning")
def test_invalid_values_are_left_empty(
    keyword: str, value: str, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    segmentation = written(make_result(volume), make_series(volume, **{keyword: value}), tmp_path)
    assert not segmentation[keyword].value


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("ISO_IR 100", "Müller^Jörg"),
        ("ISO_IR 192", "Žižková^Žofie"),
        (None, "Doe^Jane"),
    ],
)
def test_character_sets_become_utf8(
    charset: str | list[str] | None,
    name: str,
    volume: Volume,
    make_result: MakeResult,
    make_series: MakeSeries,
    tmp_path: Path,
) -> None:
    description = name.rpartition("=")[2]
    series = make_series(volume, SpecificCharacterSet=charset, PatientName=name, StudyDescription=description)
    reread = tuple(_through_file(source, tmp_path / "source.dcm") for source in series.sources)
    segmentation = written(make_result(volume), replace(series, sources=reread), tmp_path)
    assert segmentation.SpecificCharacterSet == "ISO_IR 192"
    assert str(segmentation.PatientName) == name
    assert segmentation.StudyDescription == description


def _through_file(source: pydicom.Dataset, path: Path) -> pydicom.Dataset:
    source.file_meta = pydicom.dataset.FileMetaDataset()
    source.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    source.save_as(path, enforce_file_format=True)
    header = pydicom.dcmread(path)
    path.unlink()
    return header


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("SeriesNumber", b"four"),
        ("SliceThickness", b"thin"),
        ("SpacingBetweenSlices", b"wide"),
        ("SamplesPerPixel", b"1"),
        ("PatientWeight", b"M\xfcller"),
        ("PatientSize", b"1e400"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*alue.*:UserWarning")
def test_malformed_attributes_do_no_harm(
    keyword: str, value: bytes, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    tag = pydicom.tag.Tag(keyword)
    for source in series.sources:
        vr = pydicom.datadict.dictionary_VR(tag)
        source[tag] = pydicom.dataelem.RawDataElement(tag, vr, len(value), value, 0, False, True)
    assert (labels_in(written(result, series, tmp_path), volume) == expected_labels(result)).all()
    assert validator_errors(tmp_path / "segmentation.dcm") == []


@pytest.mark.parametrize(
    "header",
    [
        {"SOPClassUID": "garbage"},
        {"SOPClassUID": ["1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2"]},
        {"SOPInstanceUID": "abc"},
        {"SOPInstanceUID": ["1.2.3", "1.2.4"]},
        {"StudyInstanceUID": "abc"},
        {"SeriesInstanceUID": ["1.2.3", "1.2.4"]},
        {"SliceThickness": float("nan")},
        {"PatientAge": "old"},
        {"ClinicalTrialSubjectID": "7"},
        {"ClinicalTrialSponsorName": "S", "ClinicalTrialTimePointID": "1"},
    ],
    ids="-".join,
)
@pytest.mark.filterwarnings("ignore:.*alue.*:UserWarning")
def test_values_that_break_the_rules_count_as_missing(
    header: dict[str, object], volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume, **header)
    assert (labels_in(written(result, series, tmp_path), volume) == expected_labels(result)).all()
    assert validator_errors(tmp_path / "segmentation.dcm") == []


@pytest.mark.parametrize(
    "root", ["1.2.840.113619.2.0155.010", "1.2.840." + "113619." * 12 + "9"], ids=["zeros", "long"]
)
@pytest.mark.parametrize("enhanced", [False, True], ids=["classic", "enhanced"])
@pytest.mark.filterwarnings("ignore:.*alue.*:UserWarning")
def test_uids_that_break_the_rules_are_still_those_of_the_source(
    root: str, enhanced: bool, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    shared = {f"{name}InstanceUID": f"{root}.{k}" for k, name in enumerate(("Study", "Series"))}
    shared |= {"FrameOfReferenceUID": f"{root}.2", "SOPInstanceUID": lambda index: f"{root}.3.0{index}"}
    series = make_series(volume, frame_numbers=(5, 4, 3, 2, 1) if enhanced else (), **shared)
    segmentation = written(make_result(volume), series, tmp_path)
    (referenced,) = segmentation.ReferencedSeriesSequence
    assert segmentation.StudyInstanceUID == shared["StudyInstanceUID"]
    assert segmentation.FrameOfReferenceUID == shared["FrameOfReferenceUID"]
    assert referenced.SeriesInstanceUID == shared["SeriesInstanceUID"]
    assert [item.ReferencedSOPInstanceUID for item in referenced.ReferencedInstanceSequence] == [
        source.SOPInstanceUID for source in series.sources
    ]


def test_a_complete_clinical_trial_is_kept(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    names = ("SponsorName", "ProtocolID", "ProtocolName", "SiteID", "SiteName", "SubjectID")
    series = make_series(volume, **{f"ClinicalTrial{name}": name for name in names})
    segmentation = written(make_result(volume), series, tmp_path)
    assert segmentation.ClinicalTrialSubjectID == "SubjectID"
    assert validator_errors(tmp_path / "segmentation.dcm") == []


def test_two_patients_without_uids_never_share_one(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    poor = dict.fromkeys(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"))
    brighter = volume.with_array(volume.array + 1)
    headers = [{}, {"PatientID": "2"}, {"PatientName": "Roe^Jane"}, {"SeriesDescription": "T1"}, {"EchoTime": 9}]
    all_series = [make_series(volume, **poor, **header) for header in headers] + [make_series(brighter, **poor)]
    found = [written(make_result(volume), series, tmp_path) for series in all_series]
    assert len({segmentation.StudyInstanceUID for segmentation in found}) == len(found)
    references = [item.ReferencedSOPInstanceUID for segmentation in found for item in segmentation.SourceImageSequence]
    assert len(set(references)) == len(references)


def test_a_flaw_of_every_slice_is_reported_once(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(make_result(volume), make_series(volume, SOPInstanceUID=None, PatientSex="X"), tmp_path)
    messages = [record.getMessage() for record in caplog.records if "source" in record.getMessage()]
    assert len(messages) == len(set(messages)) == 2


def test_private_attributes_stay_behind(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    series = make_series(volume)
    series.sources[0].private_block(0x0011, "SECRET", create=True).add_new(1, "LO", "Jane")
    segmentation = written(make_result(volume), series, tmp_path)
    assert not [element for element in segmentation if element.tag.is_private]


def test_patient_names_reach_neither_log_nor_warnings(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        segmentation = written(make_result(volume), make_series(volume, PatientName="SINGLENAME"), tmp_path)
    assert segmentation.PatientName == "SINGLENAME"
    assert "SINGLENAME" not in caplog.text + "".join(str(warning.message) for warning in caught)


def test_any_other_run_gets_other_uids(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    other_model = replace(result, models=(ModelIdentity("segmentation", "1.0", "c" * 64),))
    runs = [
        written(result, series, tmp_path),
        written(result, series, tmp_path, "labelmap"),
        written(other_model, series, tmp_path),
        written(make_result(volume, determined=False), series, tmp_path),
        written(make_result(volume, ("L4", "L4-L5", "L5")), series, tmp_path),
        written(result, make_series(volume, SOPInstanceUID=None), tmp_path),
    ]
    assert len({run.SOPInstanceUID for run in runs}) == len(runs)
    assert len({run.SeriesInstanceUID for run in runs}) == len(runs)


def test_labelmap_is_one_frame_per_slice(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    segmentation = written(make_result(volume), make_series(volume), tmp_path, "labelmap")
    assert segmentation.SegmentationType == "LABELMAP"
    assert segmentation.NumberOfFrames == 3
    assert [item.SegmentLabel for item in segmentation.SegmentSequence][:3] == ["Background", "L3", "L3-L4"]


def test_nothing_to_write_is_an_error(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series, path = make_result(volume), make_series(volume), tmp_path / "segmentation.dcm"
    assert result.labeling is not None
    nothing = replace(result.labeling, labels=volume.with_array(np.zeros(volume.shape, np.uint8)))
    with pytest.raises(NoSpineFound):
        write_segmentation(replace(result, labeling=nothing), series, path)
    with pytest.raises(UsageError, match="without named structures"):
        write_segmentation(replace(result, labeling=None), series, path)
    with pytest.raises(UsageError, match="another grid"):
        write_segmentation(result, make_series(Volume(volume.array, np.diag([4.0, 1, 1, 1]))), path)
    assert list(tmp_path.iterdir()) == []


def test_a_header_beyond_repair_is_an_input_error(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    with pytest.raises(UnusableHeader, match="header of the source"):
        write_segmentation(make_result(volume), make_series(volume, PixelSpacing=None), tmp_path / "segmentation.dcm")
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_an_output_error(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="the folder does not exist"):
        write_segmentation(make_result(volume), make_series(volume), tmp_path / "absent" / "segmentation.dcm")


def test_a_clinical_series_is_written_within_a_second(
    make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    grid = Volume.from_axes(np.zeros((20, 512, 512), np.float32), "LIP", (4.0, 0.6, 0.6))
    names = ("T11", "T11-T12", "T12", "T12-L1", "L1", "L1-L2", "L2", "L2-L3", "L3", "L3-L4", "L4", "L4-L5", "L5", "L5-S1", "S1")  # noqa: E501 # fmt: skip
    result, series = make_result(grid, names), make_series(grid)
    start = time.process_time()
    write_segmentation(result, series, tmp_path / "segmentation.dcm")
    assert time.process_time() - start < 1.0

"""Structured reports, read back by highdicom and checked by dciodvfy and dcmtk."""

from __future__ import annotations

import logging
import shutil
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import JPEGLSLossless, RLELossless

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.errors import OutputError, UsageError
from spine_segmentation.io.dicom_choice import choose_series
from spine_segmentation.io.dicom_reader import DicomSeries, read_series
from spine_segmentation.io.dicom_seg import write_segmentation
from spine_segmentation.io.dicom_series import list_series
from spine_segmentation.io.dicom_sr import SERIES_DESCRIPTION, SrType, write_report
from spine_segmentation.io.report_codes import (
    ANCHORS,
    BASIS,
    DESIGNATOR,
    ENUMERATION,
    LEVEL_STATUS,
    LEVELS,
    OTHER_SERIES,
    STATEMENTS,
    VISIBILITY,
)
from spine_segmentation.labeling.enumeration import ENUMERATIONS
from spine_segmentation.labeling.variant import Statement, describe_variant
from spine_segmentation.measurements import Length, measure
from spine_segmentation.results import Candidate, ModelIdentity, SpineResult, Status
from spine_segmentation.volume import Volume
from tests.dicom_factory import write_series
from tests.io.test_dicom_seg import MISSING, validator_errors

MakeResult = Callable[..., SpineResult]
MakeSeries = Callable[..., DicomSeries]
Group = hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations

TYPES: tuple[SrType, ...] = ("comprehensive3d", "comprehensive", "enhanced")


def written(
    result: SpineResult, series: DicomSeries, folder: Path, sr_type: SrType = "comprehensive3d"
) -> hd.sr.Comprehensive3DSR:
    write_segmentation(result, series, folder / "segmentation.dcm")
    write_report(result, series, folder / "segmentation.dcm", folder / "report.dcm", sr_type)
    assert {path.name for path in folder.iterdir()} == {"segmentation.dcm", "report.dcm"}
    return hd.sr.srread(folder / "report.dcm")


def groups(report: hd.sr.Comprehensive3DSR) -> dict[str, Group]:
    found = report.content.get_volumetric_roi_measurement_groups()
    return {group.tracking_identifier: group for group in found}


def about_the_labelling(report: hd.sr.Comprehensive3DSR) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    (group,) = report.content.get_image_measurement_groups()
    return group


def answers(group: Group, question: str) -> list[str]:
    return [item.value.value for item in group.get_qualitative_evaluations() if item.name.value == question]


def heights(group: Group) -> dict[str, float]:
    """Heights by the part of the structure that they are taken at."""
    found = group.get_measurements(name=codes.DCM.Height)
    parts = [item.finding_sites[0].topographical_modifier.meaning if item.finding_sites else "" for item in found]
    return {part: item.value for part, item in zip(parts, found, strict=True)}


@pytest.mark.parametrize("sr_type", TYPES)
@pytest.mark.parametrize("frames", [(), (9, 7, 5, 3, 1)], ids=["classic", "enhanced"])
@pytest.mark.parametrize("determined", [True, False])
def test_every_type_validates_and_can_be_read(
    sr_type: SrType,
    frames: tuple[int, ...],
    determined: bool,
    volume: Volume,
    make_result: MakeResult,
    make_series: MakeSeries,
    tmp_path: Path,
) -> None:
    result = make_result(volume, determined=determined)
    report = written(result, make_series(volume, frame_numbers=frames), tmp_path, sr_type)
    assert len(groups(report)) == 7
    assert validator_errors(tmp_path / "report.dcm") == []
    if shutil.which("dsrdump"):
        subprocess.run(["dsrdump", "-q", tmp_path / "report.dcm"], check=True, capture_output=True)


def test_all_types_say_the_same(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    reports = []
    for sr_type in TYPES:
        (tmp_path / sr_type).mkdir()
        reports.append(written(result, series, tmp_path / sr_type, sr_type))
    first, *others = [str(report.ContentSequence) for report in reports]
    assert all(other == first for other in others)
    assert len({report.SOPClassUID for report in reports}) == len({report.SOPInstanceUID for report in reports}) == 3


def test_each_group_refers_to_its_segment_and_names_its_level(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    report = written(result, series, tmp_path)
    segmentation = hd.seg.segread(tmp_path / "segmentation.dcm")
    assert list(groups(report)) == [segment.SegmentLabel for segment in segmentation.SegmentSequence]
    for name, group in groups(report).items():
        (reference,) = group.referenced_segment[0].ReferencedSOPSequence
        segment = segmentation.get_segment_description(reference.ReferencedSegmentNumber)
        assert reference.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        assert reference.ReferencedSOPClassUID == segmentation.SOPClassUID
        assert (segment.SegmentLabel, segment.TrackingUID) == (name, group.tracking_uid)
        generic = "51282000" if BY_NAME[name].kind is Kind.VERTEBRA else "360499006"
        assert group.finding_type.value == generic
        assert [site.value.value for site in group.finding_sites] == [BY_NAME[name].code.value]
        assert group.finding_sites[0].value == segment.segmented_property_type
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    referenced = {s.SeriesInstanceUID: len(s.ReferencedSOPSequence) for s in evidence.ReferencedSeriesSequence}
    assert referenced == {series.sources[0].SeriesInstanceUID: volume.shape[0], segmentation.SeriesInstanceUID: 1}


def test_volume_certainty_and_lengths_are_those_of_the_result(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result = make_result(volume)
    assert result.labeling is not None
    found = groups(written(result, make_series(volume), tmp_path))
    lengths = measure(result.labeling)
    for structure in result.labeling.structures:
        group, expected = found[structure.title], lengths.get(structure.id, {})
        (size,) = group.get_measurements(name=codes.SCT.Volume)
        (certainty,) = group.get_measurements(name=codes.DCM.CertaintyOfFinding)
        assert (size.unit.value, certainty.unit.value) == ("mm3", "%")
        assert size.value == pytest.approx(structure.instance.volume, abs=0.5)
        assert certainty.value == 98.0
        parts = {
            "Anterior": Length.ANTERIOR_HEIGHT,
            "Central": Length.MIDDLE_HEIGHT,
            "Posterior": Length.POSTERIOR_HEIGHT,
        }
        own = {
            part: expected[length] for part, length in {**parts, "": Length.DISC_HEIGHT}.items() if length in expected
        }
        assert heights(group) == pytest.approx(own, abs=0.05)
        depths = [item.value for item in group.get_measurements(name=codes.SCT.Depth)]
        assert depths == pytest.approx([expected[Length.DEPTH]] if Length.DEPTH in expected else [], abs=0.05)
    assert answers(found["L3"], VISIBILITY.value) == ["CUT"]
    assert answers(found["L4"], VISIBILITY.value) == []
    assert heights(found["L3"]) == heights(found["S1"]) == {}


def test_a_structure_that_reaches_an_outer_slice_is_not_called_whole(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result = make_result(volume)
    assert result.labeling is not None
    reaching = tuple(
        replace(structure, instance=replace(structure.instance, reaches_outer_slice=True))
        for structure in result.labeling.structures
    )
    result = replace(result, labeling=replace(result.labeling, structures=reaching))
    found = groups(written(result, make_series(volume), tmp_path))
    assert answers(found["L3"], VISIBILITY.value) == ["CUT", "OUTER_SLICE"]
    assert answers(found["L4"], VISIBILITY.value) == ["OUTER_SLICE"]


def test_status_and_enumeration_are_statements_of_their_own(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    group = about_the_labelling(written(result, series, tmp_path))
    assert answers(group, LEVELS.value) == ["DETERMINED"]
    assert answers(group, ENUMERATION.value) == ["NORMAL"]
    (probability,) = group.get_measurements()
    assert (probability.value, probability.unit.value) == (97.0, "%")
    assert result.labeling is not None
    variant = replace(result.labeling, variant=Statement.THORACIC_13_L6, status="undetermined")
    group = about_the_labelling(written(replace(result, labeling=variant), series, tmp_path))
    assert answers(group, LEVELS.value) == ["UNDETERMINED"]
    assert answers(group, ENUMERATION.value) == ["13_THORACIC", "L6_PRESENT"]


def comments(group: hd.sr.MeasurementsAndQualitativeEvaluations) -> list[str]:
    items = group[0].ContentSequence
    return [item.TextValue for item in items if item.ConceptNameCodeSequence[0].CodeValue == codes.DCM.Comment.value]


@pytest.mark.parametrize("sr_type", TYPES)
def test_what_the_levels_rest_on_is_said(
    sr_type: SrType, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    assert result.labeling is not None
    alone = written(result, series, tmp_path, sr_type)
    assert answers(about_the_labelling(alone), BASIS.value) == comments(about_the_labelling(alone)) == []
    remarks = ("Named together with series-004, the localizer.", "Alone this series would be named L1 L2.")
    labeling = replace(result.labeling, remarks=remarks, companions=("series-004", "the localizer"))
    together = written(replace(result, labeling=labeling), series, tmp_path, sr_type)
    assert answers(about_the_labelling(together), BASIS.value) == ["OTHER_SERIES"]
    assert comments(about_the_labelling(together)) == [*remarks]
    labeling = replace(labeling, anchors=("L5=lowest",))
    anchored = written(replace(result, labeling=labeling), series, tmp_path, sr_type)
    assert answers(about_the_labelling(anchored), BASIS.value) == ["OTHER_SERIES", "ANCHORS"]
    assert comments(about_the_labelling(anchored)) == ["Known beforehand: L5=lowest.", *remarks]
    assert validator_errors(tmp_path / "report.dcm") == []
    assert len({report.SOPInstanceUID for report in (alone, together, anchored)}) == 3


def test_the_possible_sequences_are_listed_where_none_is_determined(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    assert result.labeling is not None
    candidates = (Candidate(("L1", "L1-L2", "L2"), 0.62), Candidate(("T12", "T12-L1", "L1"), 0.31))
    labeling = replace(result.labeling, status="ambiguous", candidates=candidates)
    report = written(replace(result, labeling=labeling), series, tmp_path)
    assert comments(about_the_labelling(report)) == ["Possible: L1 L2 (62 %).", "Possible: T12 L1 (31 %)."]


def test_every_status_has_a_code() -> None:
    assert set(LEVEL_STATUS) == set(get_args(Status))


def test_undetermined_structures_have_generic_sites_and_no_certainty(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    found = groups(written(make_result(volume, determined=False), make_series(volume), tmp_path))
    assert list(found)[:2] == ["Vertebra 1 (level undetermined)", "Disc 1 (level undetermined)"]
    for group in found.values():
        assert group.finding_sites[0].value.value == group.finding_type.value
        assert group.get_measurements(name=codes.DCM.CertaintyOfFinding) == []


@pytest.mark.parametrize("names", [("L4",), ("T13", "T13-L1", "L1"), ("L6", "L6-S1", "S1")])
def test_single_and_uncoded_structures_are_reported(
    names: tuple[str, ...], volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    found = groups(written(make_result(volume, names), make_series(volume), tmp_path))
    assert tuple(found) == names
    assert [group.finding_sites[0].value.value for group in found.values()] == [BY_NAME[n].code.value for n in names]
    assert validator_errors(tmp_path / "report.dcm") == []


def test_the_private_scheme_is_declared_and_fits_its_attributes(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    (scheme,) = written(make_result(volume), make_series(volume), tmp_path).CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == DESIGNATOR
    own = (*STATEMENTS.values(), BASIS, OTHER_SERIES, ANCHORS)
    assert all(len(code.value) <= 16 and len(code.meaning) <= 64 for code in own)


def test_every_statement_on_the_enumeration_has_a_code() -> None:
    said = {describe_variant(one.structures, {one: 0.9, ENUMERATIONS[0]: 0.1}).statement for one in ENUMERATIONS}
    assert {part for statement in said for part in statement.split(", ")} <= set(STATEMENTS)


def test_equipment_identity_and_marking_are_those_of_the_segmentation(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    series = make_series(volume)
    report = written(make_result(volume), series, tmp_path)
    segmentation = pydicom.dcmread(tmp_path / "segmentation.dcm")
    same = (
        "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions", "PatientName", "PatientID",
        "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "AccessionNumber", "SpecificCharacterSet",
    )  # fmt: skip
    assert {keyword: report[keyword].value for keyword in same} == {k: segmentation[k].value for k in same}
    assert (report.Modality, report.SeriesNumber, report.SeriesDescription) == ("SR", 10003, SERIES_DESCRIPTION)
    assert "research use" in SERIES_DESCRIPTION
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    device = report.content.get_observer_contexts(codes.DCM.Device)[0].observer_identifying_attributes
    assert device.name.startswith("spine-segmentation ")
    assert device.serial_number == segmentation.DeviceSerialNumber
    assert not [element for element in report if element.tag.is_private]


@pytest.mark.parametrize("keyword", [*MISSING, "everything"])
def test_missing_attributes_do_no_harm(
    keyword: str, volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    header = dict.fromkeys(MISSING if keyword == "everything" else [keyword])
    assert len(groups(written(make_result(volume), make_series(volume, **header), tmp_path))) == 7
    assert validator_errors(tmp_path / "report.dcm") == []


@pytest.mark.parametrize(
    "header",
    [
        {"StudyInstanceUID": "abc"},
        {"StudyDate": "20200101-20200202", "StudyTime": "1000-1100"},
        {"SOPInstanceUID": ["1.2.3", "1.2.4"]},
        {"PatientSex": "X", "StudyDate": "20249999", "StudyTime": "noon", "PatientAge": "old"},
        {"ClinicalTrialSubjectID": "7"},
        {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller^Jörg"},
    ],
    ids="-".join,
)
@pytest.mark.filterwarnings("ignore:.*alue.*:UserWarning")
def test_odd_headers_do_no_harm(
    header: dict[str, object], volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    report = written(make_result(volume), make_series(volume, **header), tmp_path)
    assert report.SpecificCharacterSet == "ISO_IR 192"
    assert str(report.PatientName) == header.get("PatientName", "Doe^Jane")
    assert validator_errors(tmp_path / "report.dcm") == []


@pytest.mark.parametrize("transfer_syntax", [RLELossless, JPEGLSLossless])
def test_compressed_files_are_reported(transfer_syntax: str, make_result: MakeResult, tmp_path: Path) -> None:
    array = (np.arange(5 * 40 * 24) % 900).reshape(5, 40, 24).astype("int16")
    grid = Volume.from_axes(array, "RIP", (4.0, 0.8, 0.9))
    write_series(grid, tmp_path / "in", transfer_syntax=transfer_syntax)
    chosen, _ = choose_series(list_series(tmp_path / "in"))
    series = read_series(chosen)
    (tmp_path / "out").mkdir()
    assert len(groups(written(make_result(series.volume), series, tmp_path / "out"))) == 7
    assert validator_errors(tmp_path / "out" / "report.dcm") == []


def test_patient_names_reach_neither_log_nor_warnings(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = written(make_result(volume), make_series(volume, PatientName="SINGLENAME"), tmp_path)
    assert report.PatientName == "SINGLENAME"
    assert "SINGLENAME" not in caplog.text + "".join(str(warning.message) for warning in caught)


def test_any_other_run_gets_other_uids(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    other_model = replace(result, models=(ModelIdentity("segmentation", "1.0", "c" * 64),))
    cases = product([result, other_model, make_result(volume, determined=False)], TYPES)
    runs = [written(case, series, tmp_path, sr_type) for case, sr_type in cases]
    assert len({run.SOPInstanceUID for run in runs}) == len({run.SeriesInstanceUID for run in runs}) == len(runs)


def test_what_does_not_belong_together_is_refused(
    volume: Volume, make_result: MakeResult, make_series: MakeSeries, tmp_path: Path
) -> None:
    result, series = make_result(volume), make_series(volume)
    segmentation, report = tmp_path / "segmentation.dcm", tmp_path / "report.dcm"
    write_segmentation(result, series, segmentation)
    cases = [
        (replace(result, labeling=None), series),
        (make_result(volume, ("T5", "T5-T6", "T6")), series),
        (result, make_series(volume, SeriesInstanceUID="1.2.3.4")),
    ]
    for other_result, other_series in cases:
        with pytest.raises(UsageError, match="do not belong together"):
            write_report(other_result, other_series, segmentation, report)
    with pytest.raises(OutputError):
        write_report(result, series, segmentation, tmp_path / "absent" / "report.dcm")
    assert [path.name for path in tmp_path.iterdir()] == ["segmentation.dcm"]

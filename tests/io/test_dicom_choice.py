"""Which series is used, and why."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import generate_uid

from spine_segmentation.errors import (
    MissingGeometry,
    NoSuitableSeries,
    UnsupportedOrientation,
)
from spine_segmentation.io.dicom_choice import choose_series
from spine_segmentation.io.dicom_series import SeriesSummary, list_series
from spine_segmentation.volume import Volume
from tests.dicom_factory import sagittal_volume, volume_along, write_series


def summary(**changes: object) -> SeriesSummary:
    plain = SeriesSummary("1.2", "1.2.3", "MR", "", "sagittal", 15, (1.0, 1.0), 4.0, "T2w", None, (), 15)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_the_sagittal_series_is_chosen_among_all_planes(tmp_path: Path) -> None:
    for axes, slices in (("ILP", 30), ("PIL", 20), ("LIP", 9)):
        write_series(volume_along(axes, slices=slices), tmp_path / axes, StudyInstanceUID="1.2")
    chosen, reason = choose_series(list_series(tmp_path))
    assert chosen.orientation == "sagittal"
    assert reason == "sagittal MR, T2w, 9 slices: the only suitable series of 3 series found"


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        ({"slices": 15, "plain": False}, {"slices": 40, "other_region": "brain"}, "no other body part"),
        ({"slices": 15, "weighting": "T1w"}, {"slices": 40, "plain": False}, "neither phase nor fat"),
        ({"slices": 17, "weighting": "T1w"}, {"slices": 15}, "most slices"),
        ({"slices": 17}, {"slices": 15, "images": 60}, "most slices"),
        ({}, {"weighting": "T1w"}, "preferred contrast"),
        ({}, {"weighting": None}, "preferred contrast"),
        ({"weighting": "T1w"}, {"weighting": "STIR"}, "preferred contrast"),
        ({"weighting": None}, {"weighting": "DWI"}, "preferred contrast"),
        ({"pixel_spacing": (0.5, 0.5)}, {}, "finest pixels"),
        ({"series_uid": "1.2.2"}, {}, "lowest UID"),
    ],
)
def test_the_rules_of_choice_in_order(better: dict[str, object], worse: dict[str, object], reason: str) -> None:
    series = [summary(series_uid="1.2.3", **worse), summary(**{"series_uid": "1.2.4", **better})]
    for order in (series, series[::-1]):
        chosen, why = choose_series(order)
        assert chosen == series[1]
        assert reason in why
        assert "2 suitable series" in why


def test_a_head_in_finer_slices_is_not_chosen_before_the_spine(tmp_path: Path) -> None:
    head = {"SeriesDescription": "T2 space FLAIR sag brain", "BodyPartExamined": "BRAIN"}
    spine = {"SeriesDescription": "T2 tse sag cervical", "BodyPartExamined": "CSPINE"}
    write_series(volume_along("LIP", slices=12), tmp_path / "head", **head)
    write_series(volume_along("LIP", slices=5), tmp_path / "spine", **spine)
    assert choose_series(list_series(tmp_path))[0].slices == 5
    shutil.rmtree(tmp_path / "spine")
    assert choose_series(list_series(tmp_path))[0].slices == 12


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ("DIXON\\FAT", "DIXON\\WATER"),
        ("P\\ND", "M\\ND"),
        ("DIXON\\OPP_PHASE", "DIXON\\IN_PHASE"),
        ("DIXON\\OUT_OF_PHASE", "DIXON\\IN_PHASE"),
        ("M\\OPPOSED", "M\\IP"),
        ("DIXON\\FAT_FRACTION", "DIXON\\WATER"),
    ],
)
def test_plain_images_are_chosen_across_series(tmp_path: Path, worse: str, better: str) -> None:
    for number, value in ((1, worse), (2, better)):
        uids = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": f"1.2.{number}"}
        types = ["ORIGINAL", "PRIMARY", *value.split("\\")]
        write_series(sagittal_volume(), tmp_path / uids["SeriesInstanceUID"], ImageType=types, **uids)
    assert choose_series(list_series(tmp_path))[0].series_uid == "1.2.2"


def test_slices_are_counted_in_one_stack(tmp_path: Path) -> None:
    """Two echoes, the second of which begins one slice further on, are no series of one slice more."""
    uids = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1"}
    volume = sagittal_volume()
    shift = np.eye(4)
    shift[0, 3] = 4.0
    write_series(volume, tmp_path / "first", EchoTime=10, **uids)
    write_series(Volume(volume.array, shift @ volume.affine), tmp_path / "second", EchoTime=100, **uids)
    (found,) = list_series(tmp_path)
    assert (found.images, found.slices) == (10, 5)


SUBSTITUTES = [
    ["DERIVED", "PRIMARY", "DIXON", "WATER"],
    ["DERIVED", "PRIMARY", "MPR", "COMPOSED"],
    ["DERIVED", "PRIMARY"],
]
NO_SUBSTITUTES = [
    ["DERIVED", "SECONDARY", "REFORMATTED"],
    ["DERIVED", "PRIMARY", "MPR"],
    ["DERIVED", "PRIMARY", "MIP"],
    ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"],
    ["DERIVED", "PRIMARY", "T2 MAP"],
    ["DERIVED", "PRIMARY", "DIXON", "FAT_FRACTION"],
    ["DERIVED", "PRIMARY", "M", "SUB"],
]


@pytest.mark.parametrize("image_type", SUBSTITUTES)
def test_derived_images_are_chosen_where_there_is_no_original(
    tmp_path: Path, image_type: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    write_series(sagittal_volume((9, 12, 10)), tmp_path / "derived", ImageType=image_type, StudyInstanceUID="1.2")
    chosen, reason = choose_series(list_series(tmp_path))
    assert chosen.slices == 9
    assert reason.endswith("the only usable series, although it is derived from other images")
    assert "no original series of the spine is suitable" in caplog.text
    write_series(sagittal_volume(), tmp_path / "original", StudyInstanceUID="1.2")
    chosen, reason = choose_series(list_series(tmp_path))
    assert chosen.slices == 5
    assert reason.endswith("the only suitable series of 2 series found")


def test_derived_images_of_the_spine_are_chosen_before_an_original_head(tmp_path: Path) -> None:
    write_series(sagittal_volume((9, 12, 10)), tmp_path / "head", BodyPartExamined="HEAD")
    write_series(sagittal_volume(), tmp_path / "spine", ImageType=SUBSTITUTES[0], BodyPartExamined="CSPINE")
    chosen, reason = choose_series(list_series(tmp_path))
    assert chosen.slices == 5
    assert "no other body part in its header among 2 usable series" in reason


@pytest.mark.parametrize("image_type", NO_SUBSTITUTES)
def test_reformatted_images_and_maps_stand_in_for_nothing(tmp_path: Path, image_type: list[str]) -> None:
    write_series(sagittal_volume(), tmp_path, ImageType=image_type)
    with pytest.raises(NoSuitableSeries, match="derived"):
        choose_series(list_series(tmp_path))


def test_a_derived_localizer_stands_in_for_nothing(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path, ImageType=["DERIVED", "PRIMARY"], SeriesDescription="AAHScout")
    with pytest.raises(NoSuitableSeries):
        choose_series(list_series(tmp_path))


@pytest.mark.parametrize(
    ("studies", "patients", "mixture"),
    [
        (("1.1", "1.2"), ("A", "B"), "2 studies of 2 patients"),
        (("1.1", "1.2"), ("A", "A"), "2 studies of 1 patient"),
        (("1.1", "1.1"), ("A", "B"), "1 study of 2 patients"),
        (("1.1", "1.1"), ("A", ""), ""),
    ],
)
def test_several_studies_and_patients_are_reported(
    studies: tuple[str, str], patients: tuple[str, str], mixture: str, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = zip(studies, patients, strict=True)
    _, reason = choose_series([summary(study_uid=study, patient_id=patient) for study, patient in pairs])
    assert reason.endswith(f"of 2 series found in {mixture}" if mixture else "of 2 series found")
    assert (mixture in caplog.text) if mixture else not caplog.records


def test_a_series_can_be_named() -> None:
    series = [summary(), summary(series_uid="1.9", slices=3, unsuitable="it is a localizer")]
    chosen, reason = choose_series(series, "1.9")
    assert chosen == series[1]
    assert "given by its UID, although it is a localizer" in reason


def test_an_unknown_uid_is_refused_with_the_list() -> None:
    with pytest.raises(NoSuitableSeries, match=r"none of 1 series.*series 7 \(sagittal, 15 images\): suitable"):
        choose_series([summary(number=7)], "9.9")


def test_a_named_series_of_another_modality_is_refused() -> None:
    with pytest.raises(NoSuitableSeries, match="not MR"):
        choose_series([summary(modality="CT", unsuitable="its modality is CT, not MR")], "1.2.3")


def test_a_named_thick_axial_series_is_refused(tmp_path: Path) -> None:
    uid = generate_uid()
    write_series(volume_along("ILP"), tmp_path, SeriesInstanceUID=uid)
    with pytest.raises(UnsupportedOrientation, match="axial"):
        choose_series(list_series(tmp_path), uid)


def test_a_named_thin_axial_series_is_accepted(tmp_path: Path) -> None:
    uid = generate_uid()
    write_series(volume_along("ILP", (1, 1, 1)), tmp_path, SeriesInstanceUID=uid)
    assert choose_series(list_series(tmp_path), uid)[0].orientation == "axial"


def test_without_a_suitable_series_every_one_is_listed_with_its_flaw(tmp_path: Path) -> None:
    write_series(volume_along("ILP"), tmp_path / "a", SeriesDescription="T2 AX")
    write_series(volume_along("LIP"), tmp_path / "b", SeriesDescription="LOC")
    with pytest.raises(NoSuitableSeries) as caught:
        choose_series(list_series(tmp_path))
    assert "series 3 (axial, 5 images): its slices are axial" in str(caught.value)
    assert "T2 AX" not in str(caught.value)
    assert not re.search(r"(\d+\.){3}", str(caught.value))
    assert "its slices are axial, not sagittal" in str(caught.value)
    assert "it is a localizer" in str(caught.value)


def test_missing_geometry_as_the_only_flaw_has_its_own_error(tmp_path: Path) -> None:
    write_series(sagittal_volume(), tmp_path / "a", ImageOrientationPatient=None)
    with pytest.raises(MissingGeometry):
        choose_series(list_series(tmp_path))

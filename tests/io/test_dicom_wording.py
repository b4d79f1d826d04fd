"""What the words of a header say about a series."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from spine_segmentation.io.dicom_wording import is_localizer, other_region


def header(**attributes: str) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    "description",
    [
        *("localizer", "Localizers", "3 Pl Localizers", "localiser sag", "Lokalizer", "localisateur", "Localizador"),
        *("LOC", "Loc2", "T2_LOC", "LOC_SAG", "LOCSAG", "LocSag", "CSpineLoc", "COR LOC L-SPINE", "3pl loc"),
        *("Locator", "LOCATOR 3AXIS", "scout", "AAHScout", "AAHead_Scout_64ch-head-coil", "AASpineScout"),
        *("survey", "Survey_SmartSpine", "SmartSpine", "CoilSurvey", "PILOT", "tri-pilot", "plan scan", "PlanScan"),
        *("3-pl T2* FGRE S", "3-plane", "three plane", "Triplanar", "Scano", "SCANOGRAM", "Topogramm"),
        *("repérage", "Reperage", "Übersicht", "Uebersicht sag", "Ubersicht"),
    ],
)
def test_localizers_of_all_vendors_are_known(description: str) -> None:
    assert is_localizer(description)


@pytest.mark.parametrize(
    "description",
    [
        *("T2 sag local shim", "T2 block vertebra", "velocity encoded", "allocated", "localized shim", "T2 locked"),
        *("T2 TSE sag plane 3", "C3 plane", "T2 tse sag C3 PL", "13 pl", "3D T2 space sag", "T2 planned"),
        *(
            "explan scan",
            "autopilot",
            "surveyed",
            "dislocation L4",
            "spine",
            "T2W_TSE_SAG",
            "smart T2 spine",
            "scanography",
            "",
        ),
    ],
)
def test_words_that_merely_look_alike_are_no_localizers(description: str) -> None:
    assert not is_localizer(description)


@pytest.mark.parametrize(
    ("attributes", "region"),
    [
        ({"SeriesDescription": "T2 space FLAIR sag brain", "BodyPartExamined": "BRAIN"}, "brain"),
        ({"SeriesDescription": "T2 FLAIR sag", "BodyPartExamined": "HEAD"}, "head"),
        ({"ProtocolName": "PD knee sag"}, "knee"),
        ({"SeriesDescription": "t2_tse_sag_Knie"}, "knie"),
        ({"SeriesDescription": "T1 Schädel sag"}, "schädel"),
        ({"SeriesDescription": "sag FLAIR brain", "BodyPartExamined": "CSPINE"}, "brain"),
        ({"SeriesDescription": "T2 sag cervical", "BodyPartExamined": "HEAD"}, ""),
        ({"SeriesDescription": "T2 sag HWS", "BodyPartExamined": "HEAD"}, ""),
        ({"SeriesDescription": "T2 sag LSpine", "BodyPartExamined": "ABDOMEN"}, ""),
        ({"SeriesDescription": "T2 sag brain and spine", "BodyPartExamined": "BRAIN"}, ""),
        ({"SeriesDescription": "T2 tse sag", "BodyPartExamined": "LSPINE"}, ""),
        ({"SeriesDescription": "T2 facet joints", "BodyPartExamined": "NECK"}, ""),
        ({"SeriesDescription": "T2 ship handed"}, ""),
        ({}, ""),
    ],
)
def test_another_region_than_the_spine_is_named(attributes: dict[str, str], region: str) -> None:
    assert other_region(header(**attributes)) == region

from __future__ import annotations

from spine_segmentation.pacs.conformance import BEGIN, END, WRITTEN, tables
from spine_segmentation.pacs.statuses import MEANINGS, StoreStatus
from tests.pacs.lab import ROOT


def test_the_statement_says_what_the_code_does() -> None:
    statement = (ROOT / "docs" / "dicom-conformance.md").read_text()
    written = statement.partition(BEGIN)[2].partition(END)[0].strip()
    assert written == tables()


def test_every_status_has_a_meaning() -> None:
    assert set(MEANINGS) == set(StoreStatus)


def test_the_classes_are_those_that_are_written() -> None:
    assert {sop_class.name for sop_class in WRITTEN} == {
        "Segmentation Storage",
        "Comprehensive 3D SR Storage",
        "Comprehensive SR Storage",
        "Enhanced SR Storage",
        "Secondary Capture Image Storage",
    }

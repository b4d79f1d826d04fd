"""The codes of reports that no standard has: a private scheme of few concepts, declared in every report."""

from __future__ import annotations

from highdicom.coding_schemes import CodingSchemeIdentificationItem

from spine_segmentation.anatomy import Code
from spine_segmentation.io.product import PRODUCT_NAME
from spine_segmentation.labeling.variant import Statement

DESIGNATOR = "99SPINESEG"
"""Coding scheme designator; 99 marks a private scheme (DICOM PS3.16, 8.2)."""


def _code(value: str, meaning: str) -> Code:
    return Code(value, meaning, DESIGNATOR)


LEVELS = _code("LEVELS", "Levels of the vertebrae")
LEVEL_STATUS = {
    "determined": _code("DETERMINED", "Determined"),
    "ambiguous": _code("AMBIGUOUS", "One of a few possible sequences"),
    "undetermined": _code("UNDETERMINED", "Undetermined"),
}
"""Value of ``LEVELS`` by status of the labelling."""

SEQUENCE_PROBABILITY = _code("SEQUENCE_PROB", "Probability of the most likely sequence of levels")

ENUMERATION = _code("ENUMERATION", "Enumeration of the vertebrae")
STATEMENTS = {
    Statement.NORMAL: _code("NORMAL", "Usual number of vertebrae"),
    Statement.L6: _code("L6_PRESENT", "L6 present"),
    Statement.L5_SACRALISED: _code("L5_SACRALISED", "L5 sacralised"),
    Statement.THORACIC_13: _code("13_THORACIC", "13 thoracic vertebrae"),
    Statement.THORACIC_11: _code("11_THORACIC", "11 thoracic vertebrae"),
    Statement.UNTOLD: _code("CANNOT_TELL", "Cannot tell from this field of view"),
}
"""Values of ``ENUMERATION`` by what the labelling says of one region."""

BASIS = _code("BASIS", "What the levels rest on beside this series")
OTHER_SERIES = _code("OTHER_SERIES", "Other series of the study, named together with it")
ANCHORS = _code("ANCHORS", "What was known about the levels beforehand")

VISIBILITY = _code("VISIBILITY", "Visibility of the structure")
CUT = _code("CUT", "Cut by the field of view")
OUTER_SLICE = _code("OUTER_SLICE", "Reaches the first or last slice")


def coding_scheme() -> CodingSchemeIdentificationItem:
    """Declare the private scheme.

    Returns:
        An item of the Coding Scheme Identification Sequence.
    """
    return CodingSchemeIdentificationItem(
        DESIGNATOR, name="Codes of spine-segmentation", responsible_organization=PRODUCT_NAME
    )

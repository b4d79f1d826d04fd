"""What can be said of the number of vertebrae."""

from __future__ import annotations

import pytest

from spine_segmentation.labeling.enumeration import ENUMERATIONS, Enumeration
from spine_segmentation.labeling.variant import Statement, describe_variant, implied_variant
from tests.phantoms import structures

PRIORS = {enumeration: enumeration.prior for enumeration in ENUMERATIONS}


@pytest.mark.parametrize("enumeration", ENUMERATIONS)
def test_what_is_said_of_a_whole_column_has_a_part_for_every_unusual_number(enumeration: Enumeration) -> None:
    parts = implied_variant(enumeration.structures).parts
    assert len(parts) == max(1, (enumeration.thoracic != 12) + (enumeration.lumbar != 5))
    assert all(part.parts == (part,) for part in parts)


@pytest.mark.parametrize(
    ("first", "last", "thoracic", "lumbar", "statement"),
    [
        ("C2", "S1", 12, 5, "normal"),
        ("T10", "S1", 12, 5, "normal"),
        ("T10", "S1", 12, 6, "L6 present"),
        ("T10", "S1", 12, 4, "L5 sacralised"),
        ("C2", "L3", 13, 5, "13 thoracic vertebrae"),
        ("C2", "S1", 11, 5, "11 thoracic vertebrae"),
        ("C2", "S1", 11, 6, "11 thoracic vertebrae, L6 present"),
        ("C2", "L3", 12, 5, "cannot tell from this field of view"),
        ("L2", "S1", 12, 5, "cannot tell from this field of view"),
        ("L2", "S1", 12, 6, "cannot tell from this field of view"),
        ("T10", "S1", 13, 5, "cannot tell from this field of view"),
        ("C2", "T5", 12, 5, "cannot tell from this field of view"),
    ],
)
def test_variant(first: str, last: str, thoracic: int, lumbar: int, statement: str) -> None:
    names = structures(first, last, thoracic, lumbar)
    assert implied_variant(names) == statement
    variant = describe_variant(names, {Enumeration(thoracic, lumbar): 0.9, ENUMERATIONS[0]: 0.1})
    assert (variant.statement, variant.odds is None) == (statement, statement == Statement.UNTOLD)


def test_odds_are_those_of_what_can_be_counted() -> None:
    assert describe_variant(structures("T10", "S1"), PRIORS).odds == pytest.approx(0.91 / 0.09)
    assert describe_variant(structures("C2", "S1"), PRIORS).odds == pytest.approx(0.8827 / 0.1173)


def test_a_missed_l5_is_not_a_sacralised_one() -> None:
    names = [name for name in structures("T10", "S1") if name != "L5"]
    assert describe_variant(names, PRIORS).statement == "normal"


@pytest.mark.parametrize("first", ["C2", "T10"])
def test_a_number_that_is_not_more_likely_than_all_others_is_not_stated(first: str) -> None:
    """L5 was missed with its discs: the names alone look like four lumbar vertebrae."""
    names = [name for name in structures(first, "S1") if "L5" not in name]
    assert implied_variant(names) == "L5 sacralised"
    assert describe_variant(names, PRIORS).statement == Statement.UNTOLD

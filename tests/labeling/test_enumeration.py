"""Possible columns, their priors, and what can be said about variants."""

from __future__ import annotations

import numpy as np
import pytest

from spine_segmentation.anatomy import BY_NAME, Kind
from spine_segmentation.labeling.enumeration import (
    ENUMERATIONS,
    UNTOLD,
    Enumeration,
    build_anatomy,
    describe_variant,
    implied_variant,
)
from tests.phantoms import structures

PRIORS = {enumeration: enumeration.prior for enumeration in ENUMERATIONS}


def test_priors_are_probabilities() -> None:
    assert sum(PRIORS.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("enumeration", ENUMERATIONS)
def test_columns_alternate_and_every_name_is_in_the_table(enumeration: Enumeration) -> None:
    names = enumeration.structures
    assert names[0] == "C2"
    assert names[-1] == "S1"
    assert [BY_NAME[name].kind for name in names[:2]] == [Kind.VERTEBRA, Kind.IVD]
    assert len([name for name in names if "-" not in name]) == 6 + enumeration.thoracic + enumeration.lumbar + 1
    assert len(names) == len(set(names)) == 2 * (6 + enumeration.thoracic + enumeration.lumbar) + 1


def test_every_structure_but_the_sacrum_occurs_somewhere() -> None:
    seen = {name for enumeration in ENUMERATIONS for name in enumeration.structures}
    assert seen == {structure.name for structure in BY_NAME.values() if structure.kind is not Kind.SACRUM}


def test_a_walk_through_the_graph_has_the_probability_of_its_enumeration() -> None:
    anatomy = build_anatomy()
    for enumeration in ENUMERATIONS:
        path = [anatomy.names.index(name) for name in enumeration.structures]
        assert np.prod(anatomy.successors[path[:-1], path[1:]]) == pytest.approx(enumeration.prior)


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
    assert (variant.statement, variant.odds is None) == (statement, statement == UNTOLD)


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
    assert describe_variant(names, PRIORS).statement == UNTOLD

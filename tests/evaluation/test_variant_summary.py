"""Statements on the number of vertebrae against the truth."""

from __future__ import annotations

import pytest

from spine_segmentation.evaluation.observation import WindowIdentity
from spine_segmentation.evaluation.variant_summary import VariantSummary, summarise_variants
from spine_segmentation.evaluation.window_score import WindowScore
from spine_segmentation.labeling.variant import Statement
from tests.phantoms import structures


def score(
    thoracic: int, lumbar: int, said: str, *, determined: bool = True, first: str = "C7", last: str = "S1"
) -> WindowScore:
    """A window of a person with so many vertebrae."""
    vertebrae = tuple(name for name in structures(first, last, thoracic, lumbar) if "-" not in name)
    identity = WindowIdentity(
        scan="a", patient=f"{thoracic} {lumbar}", contrast=None, vertebrae=vertebrae, rows=(0, 9), reaches_sacrum=True
    )
    return WindowScore(
        window=identity,
        structures=(),
        false_structures=0,
        confidence=0.9,
        least_vertebra=0.9,
        determined=determined,
        variant=Statement(said),
        error=None,
    )


def summary(scores: list[WindowScore], statement: str) -> VariantSummary:
    return next(variant for variant in summarise_variants(scores) if variant.statement == statement)


@pytest.mark.parametrize(
    ("thoracic", "lumbar", "statement"),
    [
        (12, 6, "L6 present"),
        (12, 4, "L5 sacralised"),
        (13, 5, "13 thoracic vertebrae"),
        (11, 5, "11 thoracic vertebrae"),
    ],
)
def test_the_truth_follows_from_the_names(thoracic: int, lumbar: int, statement: str) -> None:
    assert summary([score(thoracic, lumbar, "normal")], statement).sensitivity.n == 1


def test_sensitivity_and_specificity() -> None:
    scores = [
        score(12, 6, "L6 present"),
        score(12, 6, "13 thoracic vertebrae, L6 present"),
        score(12, 6, "normal"),
        score(12, 5, "normal"),
        score(12, 5, "L6 present", determined=False),
    ]
    found = summary(scores, "L6 present")
    assert (found.sensitivity.count, found.sensitivity.n) == (2, 3)
    assert (found.specificity.count, found.specificity.n) == (1, 2)
    assert (found.specificity_where_determined.count, found.specificity_where_determined.n) == (1, 1)
    assert summary(scores, "13 thoracic vertebrae").specificity.count == 4


def test_a_window_that_cannot_be_counted_is_left_out() -> None:
    untold = score(12, 5, "L6 present", first="L2")
    assert summarise_variants([untold]) == ()
    assert summary([untold, score(12, 5, "normal")], "L6 present").specificity.n == 1


@pytest.mark.parametrize(
    ("first", "last", "lumbar", "thoracic"),
    [("T11", "S1", 1, 0), ("C7", "L3", 0, 1), ("C7", "S1", 1, 1), ("T1", "L5", 0, 0), ("L1", "S1", 0, 0)],
)
def test_a_window_counts_for_the_regions_of_which_both_ends_are_in_view(
    first: str, last: str, lumbar: int, thoracic: int
) -> None:
    scores = [score(12, 5, "normal"), score(12, 5, "normal", first=first, last=last)]
    assert summary(scores, "L6 present").specificity.n == 1 + lumbar
    assert summary(scores, "11 thoracic vertebrae").specificity.n == 1 + thoracic


def test_an_unusual_number_counts_where_the_other_region_cannot_be_told() -> None:
    """Without S1 nothing is said of a spine with L6, though all thoracic vertebrae are in view."""
    untold = score(13, 6, "cannot tell from this field of view", last="L6")
    assert summary([untold], "13 thoracic vertebrae").sensitivity.n == 1

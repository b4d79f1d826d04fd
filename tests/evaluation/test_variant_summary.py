"""Statements on the number of vertebrae against the truth."""

from __future__ import annotations

import pytest

from spine_segmentation.evaluation.observation import WindowIdentity
from spine_segmentation.evaluation.variant_summary import VariantSummary, summarise_variants
from spine_segmentation.evaluation.window_score import WindowScore
from spine_segmentation.labeling.variant import Statement
from tests.phantoms import structures


def score(thoracic: int, lumbar: int, said: str, *, determined: bool = True, first: str = "C7") -> WindowScore:
    """A window down to the sacrum of a person with so many vertebrae."""
    vertebrae = tuple(name for name in structures(first, "S1", thoracic, lumbar) if "-" not in name)
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
    assert score(thoracic, lumbar, "normal").true_variant == statement
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
    assert untold.true_variant == Statement.UNTOLD
    assert summarise_variants([untold]) == ()
    assert summary([untold, score(12, 5, "normal")], "L6 present").specificity.n == 1

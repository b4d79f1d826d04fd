"""How often an enumeration variant is stated where it is, and not stated where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from spine_segmentation.evaluation.record import Record
from spine_segmentation.evaluation.share import Share
from spine_segmentation.evaluation.window_score import WindowScore
from spine_segmentation.labeling.variant import LUMBAR_STATEMENTS, THORACIC_STATEMENTS, Statement


class VariantSummary(Record):
    """One variant over all windows in which the truth can be counted, whether the levels are determined or not."""

    statement: Statement
    """Of one region, e.g. ``"L6 present"``."""
    sensitivity: Share
    """Of the windows that show the variant, those in which it is stated."""
    specificity: Share
    """Of the windows that do not, those in which it is not stated."""
    sensitivity_where_determined: Share
    """Of the windows that show it and whose levels are determined, those in which it is stated."""
    specificity_where_determined: Share
    """Of the windows that do not and whose levels are determined, those in which it is not stated."""

    @classmethod
    def of(cls, statement: Statement, scores: Sequence[WindowScore]) -> Self:
        """Summarise one variant.

        Args:
            statement: The variant.
            scores: Of windows in which the truth can be counted.

        Returns:
            How often the variant is stated where it is shown, and where it is not.
        """
        showing = [score for score in scores if statement in score.true_variant.parts]
        others = [score for score in scores if statement not in score.true_variant.parts]
        return cls(
            statement=statement,
            sensitivity=_right(showing, statement, stated=True),
            specificity=_right(others, statement, stated=False),
            sensitivity_where_determined=_right(_determined(showing), statement, stated=True),
            specificity_where_determined=_right(_determined(others), statement, stated=False),
        )


def summarise_variants(scores: Sequence[WindowScore]) -> tuple[VariantSummary, ...]:
    """Compare what is said of the number of vertebrae with the truth.

    Args:
        scores: Of all windows; those in which the truth cannot be counted are left out.

    Returns:
        One summary for each variant; none if no window can be counted.
    """
    told = [score for score in scores if score.true_variant != Statement.UNTOLD]
    statements = (*LUMBAR_STATEMENTS.values(), *THORACIC_STATEMENTS.values()) if told else ()
    return tuple(VariantSummary.of(statement, told) for statement in statements)


def _determined(scores: Sequence[WindowScore]) -> list[WindowScore]:
    return [score for score in scores if score.determined]


def _right(scores: Sequence[WindowScore], statement: Statement, *, stated: bool) -> Share:
    return Share.of((score.window.patient, int((statement in score.variant.parts) == stated), 1) for score in scores)

"""How often an enumeration variant is stated where it is, and not stated where it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from spine_segmentation.evaluation.record import Record
from spine_segmentation.evaluation.share import Share
from spine_segmentation.evaluation.window_score import WindowScore
from spine_segmentation.labeling.variant import LUMBAR_STATEMENTS, THORACIC_STATEMENTS, Statement


@dataclass(frozen=True)
class _Region:
    """Vertebrae that can be counted in windows from a vertebra above the region to one below it.

    Attributes:
        letter: What their names begin with.
        above: What the names of the vertebrae above them begin with.
        below: What those of the vertebrae below them begin with.
        statements: What is said of an unusual number of them.
    """

    letter: str
    above: str
    below: str
    statements: Mapping[int, Statement]

    def told(self, score: WindowScore) -> bool:
        vertebrae = score.window.vertebrae
        return vertebrae[0][0] in self.above and vertebrae[-1][0] in self.below

    def truth(self, score: WindowScore) -> Statement | None:
        count = sum(name.startswith(self.letter) for name in score.window.vertebrae)
        return self.statements.get(count)


_REGIONS = (_Region("L", "CT", "S", LUMBAR_STATEMENTS), _Region("T", "C", "LS", THORACIC_STATEMENTS))


class VariantSummary(Record):
    """One variant over all windows in which the vertebrae of its region can be counted."""

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
    def of(cls, statement: Statement, showing: Sequence[WindowScore], others: Sequence[WindowScore]) -> Self:
        """Summarise one variant.

        Args:
            statement: The variant.
            showing: Scores of the windows that show it.
            others: Scores of the windows in which its region can be counted and that do not.

        Returns:
            How often the variant is stated where it is shown, and where it is not.
        """
        return cls(
            statement=statement,
            sensitivity=_right(showing, statement, stated=True),
            specificity=_right(others, statement, stated=False),
            sensitivity_where_determined=_right(_determined(showing), statement, stated=True),
            specificity_where_determined=_right(_determined(others), statement, stated=False),
        )


def summarise_variants(scores: Sequence[WindowScore]) -> tuple[VariantSummary, ...]:
    """Compare what is said of the number of vertebrae with the truth.

    Lumbar vertebrae are counted in windows from a cervical or thoracic vertebra to S1, thoracic ones in windows from a
    cervical vertebra to a lumbar one or S1.

    Args:
        scores: Of all windows.

    Returns:
        One summary for each variant of a region that can be counted in any window.
    """
    return tuple(summary for region in _REGIONS for summary in _summarise_region(region, scores))


def _summarise_region(region: _Region, scores: Sequence[WindowScore]) -> list[VariantSummary]:
    told = [score for score in scores if region.told(score)]
    return [
        VariantSummary.of(
            statement,
            [score for score in told if region.truth(score) == statement],
            [score for score in told if region.truth(score) != statement],
        )
        for statement in (region.statements.values() if told else ())
    ]


def _determined(scores: Sequence[WindowScore]) -> list[WindowScore]:
    return [score for score in scores if score.determined]


def _right(scores: Sequence[WindowScore], statement: Statement, *, stated: bool) -> Share:
    return Share.of((score.window.patient, int((statement in score.variant.parts) == stated), 1) for score in scores)

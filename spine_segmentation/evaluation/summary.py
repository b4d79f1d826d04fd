"""From scores of scans to scores of sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from spine_segmentation.anatomy import LEVELS
from spine_segmentation.evaluation.evaluate import Evaluation, ScanEvaluation
from spine_segmentation.evaluation.metrics import KindScore, StructureScore


class _Summary(BaseModel):
    model_config = ConfigDict(frozen=True)


class Statistic(_Summary):
    """Mean and spread of one figure over scans or structures."""

    n: int
    """Number of values."""
    mean: float | None
    """Their mean; None without values."""
    sd: float | None
    """Their sample standard deviation; None with fewer than two values."""

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Summarise values.

        Args:
            values: Any number of them.
        """
        numbers = list(values)
        mean = float(np.mean(numbers)) if numbers else None
        return cls(n=len(numbers), mean=mean, sd=float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None)


class Names(_Summary):
    """How often labelled structures were named correctly."""

    labelled: int
    """Number of labelled structures."""
    correct: int
    """Named correctly."""
    wrong: int
    """Given another name."""
    undetermined: int
    """Found, with the level left undetermined."""
    missed: int
    """Not found."""
    best_name_correct: int
    """Whose most likely name is right, determined or not."""

    @classmethod
    def of(cls, structures: Sequence[StructureScore]) -> Self:
        """Count outcomes.

        Args:
            structures: Scores of labelled structures.
        """
        outcomes = [structure.outcome for structure in structures]
        return cls(
            labelled=len(structures),
            correct=outcomes.count("correct"),
            wrong=outcomes.count("wrong"),
            undetermined=outcomes.count("undetermined"),
            missed=outcomes.count("missed"),
            best_name_correct=sum(structure.best_name_correct for structure in structures),
        )


class KindSummary(_Summary):
    """Vertebrae, or discs, of the scans that label any, names aside."""

    dice: Statistic
    """Over scans, of all structures of this kind taken together."""
    labelled: int
    """Number of labelled structures in all scans."""
    found: int
    """Number of predicted structures in all scans, without those of which the truth says nothing."""
    equal: int
    """Number of scans in which as many were found as are labelled."""

    @classmethod
    def of(cls, scores: Sequence[KindScore]) -> Self:
        """Summarise scans.

        Args:
            scores: One per scan that labels this kind.
        """
        return cls(
            dice=Statistic.of(score.dice for score in scores),
            labelled=sum(score.labelled for score in scores),
            found=sum(score.found for score in scores),
            equal=sum(score.found == score.labelled for score in scores),
        )


class StructureSummary(_Summary):
    """One named structure over all scans of a set that label it."""

    name: str
    """Name of the structure."""
    dice: Statistic
    """Dice by name."""
    names: Names
    """Outcomes."""


class SetSummary(_Summary):
    """One set of scans. Scans without a result count as wrong in all accuracies, and with Dice 0."""

    name: str
    """Name of the set."""
    scans: int
    """Number of scans, failed ones included."""
    failed: int
    """Number of scans without a result."""
    vertebrae: KindSummary
    """The vertebrae."""
    discs: KindSummary
    """The discs."""
    complete: int
    """Scans in which every labelled structure is named correctly; their share is the subset accuracy."""
    complete_best_names: int
    """The same by most likely names, determined or not."""
    complete_strict: int
    """Scans that are complete and show no false structure."""
    names: Names
    """Outcomes of all labelled structures."""
    surface_distance_95_mm: Statistic
    """95th percentile of the distances between the vertebrae's surfaces, over scans that have both."""
    surface_bias_mm: Statistic
    """Mean signed distance between the vertebrae's surfaces over the same scans; positive if predicted too large."""
    seconds: Statistic
    """Wall seconds of the pipeline."""
    structures: tuple[StructureSummary, ...]
    """Every labelled structure, vertebrae first, top to bottom."""


def summarise_sets(evaluation: Evaluation) -> tuple[SetSummary, ...]:
    """Summarise each set of an evaluation.

    Args:
        evaluation: Scores of scans.

    Returns:
        By name of the set.
    """
    names = sorted({scan.set_name for scan in evaluation.scans})
    return tuple(_summarise(name, [s for s in evaluation.scans if s.set_name == name]) for name in names)


def _summarise(name: str, scans: Sequence[ScanEvaluation]) -> SetSummary:
    scores = [scan.score for scan in scans if scan.score is not None]
    surfaces = [score.surface for score in scores if score.surface is not None]
    structures = [structure for score in scores for structure in score.structures]
    return SetSummary(
        name=name,
        scans=len(scans),
        failed=sum(scan.error is not None for scan in scans),
        vertebrae=KindSummary.of([score.vertebrae for score in scores if score.vertebrae is not None]),
        discs=KindSummary.of([score.discs for score in scores if score.discs is not None]),
        complete=sum(score.complete for score in scores),
        complete_best_names=sum(score.complete_best_names for score in scores),
        complete_strict=sum(score.complete_strict for score in scores),
        names=Names.of(structures),
        surface_distance_95_mm=Statistic.of(surface.distance_95_mm for surface in surfaces),
        surface_bias_mm=Statistic.of(surface.bias_mm for surface in surfaces),
        seconds=Statistic.of(scan.seconds for scan in scans if scan.seconds is not None),
        structures=_by_structure(structures),
    )


def _by_structure(scores: Sequence[StructureScore]) -> tuple[StructureSummary, ...]:
    names = sorted({score.name for score in scores}, key=_position)
    groups = [[score for score in scores if score.name == name] for name in names]
    return tuple(
        StructureSummary(name=name, dice=Statistic.of(score.dice for score in group), names=Names.of(group))
        for name, group in zip(names, groups, strict=True)
    )


def _position(name: str) -> tuple[bool, int]:
    """Vertebrae before discs, each top to bottom."""
    return "-" in name, LEVELS.index(name.split("-", maxsplit=1)[0])

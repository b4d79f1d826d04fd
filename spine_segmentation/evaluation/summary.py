"""From scores of scans to scores of sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np

from spine_segmentation.anatomy import sort_by_kind
from spine_segmentation.evaluation.agreement import Agreement
from spine_segmentation.evaluation.evaluate import Evaluation, ScanEvaluation
from spine_segmentation.evaluation.metrics import KindScore, StructureScore
from spine_segmentation.evaluation.record import Record


class Statistic(Record):
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

        Returns:
            Number, mean and standard deviation; None where there are too few values.
        """
        numbers = list(values)
        mean = float(np.mean(numbers)) if numbers else None
        return cls(n=len(numbers), mean=mean, sd=float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None)


class Names(Record):
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

        Returns:
            The number of structures with each outcome.
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


class AgreementSummary(Record):
    """How well masks fit over several scans."""

    dice: Statistic
    """Over scans in which anything is labelled."""
    surface_distance_95_mm: Statistic
    """95th percentile of the distances between the surfaces, over scans that have both."""
    surface_bias_mm: Statistic
    """Mean signed distance between the surfaces over the same scans; positive if predicted too large."""

    @classmethod
    def of(cls, agreements: Sequence[Agreement]) -> Self:
        """Summarise scans.

        Args:
            agreements: One per scan in which anything is labelled.

        Returns:
            Statistics over the scans; those of the surfaces over scans in which there are two to compare.
        """
        surfaces = [agreement.surface for agreement in agreements if agreement.surface is not None]
        return cls(
            dice=Statistic.of(agreement.dice for agreement in agreements),
            surface_distance_95_mm=Statistic.of(surface.distance_95_mm for surface in surfaces),
            surface_bias_mm=Statistic.of(surface.bias_mm for surface in surfaces),
        )


class KindSummary(AgreementSummary):
    """Vertebrae, or discs, of the scans that label any, names aside: all of a scan taken together."""

    mid_sagittal: AgreementSummary
    """The same near the column's midline."""
    lateral: AgreementSummary
    """The same far to the sides of it."""
    labelled: int
    """Number of labelled structures in all scans."""
    found: int
    """Number of predicted structures in all scans, without those of which the truth says nothing."""
    equal: int
    """Number of scans in which as many were found as are labelled."""


class StructureSummary(Record):
    """One named structure over all scans of a set that label it."""

    name: str
    """Name of the structure."""
    dice: Statistic
    """Dice by name."""
    names: Names
    """Outcomes."""


class SetSummary(Record):
    """One set of scans.

    Scans without a result count as wrong in all accuracies, and with Dice 0 where image and mask can be used.
    """

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
    counts_right: int
    """Scans in which as many vertebrae, and as many discs, are found as are labelled."""
    none_outside: int
    """Scans with a result that shows no vertebra and no disc outside the column."""
    false_volume_mm3: Statistic
    """Volume of vertebrae and discs outside the column, over scans with a result."""
    s1_dice: Statistic
    """Dice by name of S1, over scans that label it."""
    names: Names
    """Outcomes of all labelled structures."""
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
    false_volumes = [scan.score.false_volume_mm3 for scan in scans if scan.score is not None and scan.error is None]
    structures = [structure for score in scores for structure in score.structures]
    return SetSummary(
        name=name,
        scans=len(scans),
        failed=sum(scan.error is not None for scan in scans),
        vertebrae=_summarise_kind([score.vertebrae for score in scores if score.vertebrae is not None]),
        discs=_summarise_kind([score.discs for score in scores if score.discs is not None]),
        complete=sum(score.complete for score in scores),
        complete_best_names=sum(score.complete_best_names for score in scores),
        complete_strict=sum(score.complete_strict for score in scores),
        counts_right=sum(score.counts_right for score in scores),
        none_outside=false_volumes.count(0.0),
        false_volume_mm3=Statistic.of(false_volumes),
        s1_dice=Statistic.of(structure.dice for structure in structures if structure.name == "S1"),
        names=Names.of(structures),
        seconds=Statistic.of(scan.seconds for scan in scans if scan.seconds is not None),
        structures=_by_structure(structures),
    )


def _summarise_kind(scores: Sequence[KindScore]) -> KindSummary:
    overall = AgreementSummary.of(scores)
    return KindSummary(
        dice=overall.dice,
        surface_distance_95_mm=overall.surface_distance_95_mm,
        surface_bias_mm=overall.surface_bias_mm,
        mid_sagittal=AgreementSummary.of([score.mid_sagittal for score in scores if score.mid_sagittal is not None]),
        lateral=AgreementSummary.of([score.lateral for score in scores if score.lateral is not None]),
        labelled=sum(score.labelled for score in scores),
        found=sum(score.found for score in scores),
        equal=sum(score.found == score.labelled for score in scores),
    )


def _by_structure(scores: Sequence[StructureScore]) -> tuple[StructureSummary, ...]:
    names = sort_by_kind({score.name for score in scores})
    groups = [[score for score in scores if score.name == name] for name in names]
    return tuple(
        StructureSummary(name=name, dice=Statistic.of(score.dice for score in group), names=Names.of(group))
        for name, group in zip(names, groups, strict=True)
    )

"""From scores of windows to accuracies by number of vertebrae, region, landmark and contrast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from spine_segmentation.anatomy import sort_by_kind
from spine_segmentation.evaluation.record import Record
from spine_segmentation.evaluation.reliability import CoveragePoint, Reliability, coverage_curve
from spine_segmentation.evaluation.share import Share
from spine_segmentation.evaluation.window_score import StructureName, WindowScore

FAR_OFF = 3
"""Windows that are named so many levels off, or more, are counted together."""

OFFSETS: tuple[str, ...] = (*(f"{step:+d}" if step else "0" for step in range(-FAR_OFF, FAR_OFF + 1)), "none")
"""How many levels too low the vertebrae of a window are named; the outer ones stand for what lies beyond, too."""


class GroupSummary(Record):
    """Some windows taken together. Names are the most likely ones, determined or not."""

    group: str
    """What they have in common."""
    patients: int
    """Number of patients."""
    correct: Share
    """Windows in which every required structure has the right name: the subset accuracy."""
    strict: Share
    """And there is no false structure."""
    structures: Share
    """Required structures with the right name."""
    determined: Share
    """Windows whose levels are determined: the coverage."""
    correct_where_determined: Share
    """Of these, the windows in which every required structure has the right name."""
    offsets: dict[str, int]
    """Number of windows by ``OFFSETS``; "none" where no vertebra was found."""

    @classmethod
    def of(cls, group: str, scores: Sequence[WindowScore]) -> Self:
        """Summarise windows.

        Args:
            group: What they have in common.
            scores: Any number of them.

        Returns:
            Shares of the windows, with intervals over patients.
        """
        sure = [score for score in scores if score.determined]
        offsets = [_offset(score.offset) for score in scores]
        return cls(
            group=group,
            patients=len({score.window.patient for score in scores}),
            correct=_share(scores, lambda score: score.correct),
            strict=_share(scores, lambda score: score.strict),
            structures=Share.of((score.window.patient, *_named(score.structures)) for score in scores),
            determined=_share(scores, lambda score: score.determined),
            correct_where_determined=_share(sure, lambda score: score.correct),
            offsets={offset: offsets.count(offset) for offset in OFFSETS},
        )


class StructureAccuracy(Record):
    """One structure over all windows that require it."""

    name: str
    """Its name."""
    correct: Share
    """How often it is named correctly."""


class SystemSummary(Record):
    """The accuracies of one way of naming."""

    name: str
    """What it is."""
    overall: GroupSummary
    """All windows; their mixture is that of the draw, so that this tells less than the groups."""
    by_visible: tuple[GroupSummary, ...]
    """By number of vertebrae that are whole in view."""
    by_landmarks: tuple[GroupSummary, ...]
    """By the ends of the column that are whole in view."""
    by_region: tuple[GroupSummary, ...]
    """By region of the spine."""
    by_contrast: tuple[GroupSummary, ...]
    """By weighting, as far as the names of the scans tell it."""
    by_structure: tuple[StructureAccuracy, ...]
    """Vertebrae and then discs, each top to bottom."""

    @classmethod
    def of(cls, name: str, scores: Sequence[WindowScore]) -> Self:
        """Summarise windows.

        Args:
            name: Of the way of naming.
            scores: Of all windows.

        Returns:
            Summaries of all windows, and by what tells them apart.
        """
        ordered = sorted(scores, key=lambda score: score.window.visible)
        return cls(
            name=name,
            overall=GroupSummary.of("all", ordered),
            by_visible=_grouped(ordered, lambda score: str(score.window.visible)),
            by_landmarks=_grouped(ordered, lambda score: score.window.landmarks),
            by_region=_grouped(ordered, lambda score: score.window.region),
            by_contrast=_grouped(ordered, lambda score: score.window.contrast or "not stated"),
            by_structure=_by_structure(ordered),
        )


class Calibration(Record):
    """Whether the confidences of one way of naming mean what they say."""

    sequences: Reliability
    """Posterior of the whole sequence of a window, against all its names being right."""
    structures: Reliability
    """Posterior of each found structure's name, against that name being right."""
    least_vertebrae: Reliability
    """Least posterior among the whole vertebrae of a window, against all its names being right."""
    coverage: tuple[CoveragePoint, ...]
    """Windows whose whole sequence is at least so probable."""
    coverage_by_vertebrae: tuple[CoveragePoint, ...]
    """Windows whose whole vertebrae are each at least so probable."""

    @classmethod
    def of(cls, scores: Sequence[WindowScore]) -> Self:
        """Compare confidences with what is right.

        Args:
            scores: Of all windows.

        Returns:
            Reliability and coverage of the confidences.
        """
        confidences, correct = [score.confidence for score in scores], [score.correct for score in scores]
        least = [score.least_vertebra for score in scores]
        found = [name for score in scores for name in score.structures if name.predicted is not None]
        return cls(
            sequences=Reliability.of(confidences, correct),
            structures=Reliability.of([name.confidence for name in found], [name.correct for name in found]),
            least_vertebrae=Reliability.of(least, correct),
            coverage=coverage_curve(confidences, correct),
            coverage_by_vertebrae=coverage_curve(least, correct),
        )


def _share(scores: Sequence[WindowScore], has: Callable[[WindowScore], bool]) -> Share:
    return Share.of((score.window.patient, int(has(score)), 1) for score in scores)


def _named(structures: Sequence[StructureName]) -> tuple[int, int]:
    return sum(structure.correct for structure in structures), len(structures)


def _offset(offset: int | None) -> str:
    return "none" if offset is None else OFFSETS[min(max(offset, -FAR_OFF), FAR_OFF) + FAR_OFF]


def _grouped(scores: Sequence[WindowScore], key: Callable[[WindowScore], str]) -> tuple[GroupSummary, ...]:
    """One summary per key, in the order in which the keys occur."""
    keys = dict.fromkeys(key(score) for score in scores)
    return tuple(GroupSummary.of(value, [score for score in scores if key(score) == value]) for value in keys)


def _by_structure(scores: Sequence[WindowScore]) -> tuple[StructureAccuracy, ...]:
    counts: dict[str, list[tuple[str, int, int]]] = {}
    for score in scores:
        for structure in score.structures:
            counts.setdefault(structure.name, []).append((score.window.patient, int(structure.correct), 1))
    return tuple(StructureAccuracy(name=name, correct=Share.of(counts[name])) for name in sort_by_kind(counts))

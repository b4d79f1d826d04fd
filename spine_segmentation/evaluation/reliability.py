"""Whether confidences mean what they say: reliability, expected calibration error, coverage against accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spine_segmentation.arrays import Floats
from spine_segmentation.evaluation.record import Record

BINS = 10
"""Confidences from 0 to 1 fall into bins of equal width."""

Booleans = npt.NDArray[np.bool_]


class Bin(Record):
    """The answers whose confidence lies in one bin."""

    n: int
    """Number of answers."""
    confidence: float
    """Their mean confidence."""
    accuracy: float
    """Share of them that is right."""


class CoveragePoint(Record):
    """The answers that are at least so confident."""

    threshold: float
    """Least confidence."""
    coverage: float
    """Share of the answers."""
    n: int
    """Number of the answers."""
    accuracy: float
    """Share of them that is right."""


class Reliability(Record):
    """How confidences and accuracy compare."""

    n: int
    """Number of answers."""
    expected_calibration_error: float | None
    """Mean distance of confidence and accuracy over the bins, weighted by their answers (Naeini et al., AAAI 2015);
    None without answers."""
    bins: tuple[Bin, ...]
    """Those that hold any answer, by ascending confidence."""

    @classmethod
    def of(cls, confidences: Sequence[float], correct: Sequence[bool]) -> Reliability:
        """Compare confidences with what is right.

        Args:
            confidences: 0 to 1.
            correct: Of the same length.

        Returns:
            The comparison, in bins of equal width.
        """
        values, right = np.asarray(confidences, np.float64), np.asarray(correct, bool)
        place = np.minimum((values * BINS).astype(np.intp), BINS - 1)
        bins = tuple(_bin(values[place == k], right[place == k]) for k in np.unique(place))
        error = sum(entry.n * abs(entry.confidence - entry.accuracy) for entry in bins) / max(len(values), 1)
        return cls(n=len(values), expected_calibration_error=error if len(values) else None, bins=bins)


def coverage_curve(confidences: Sequence[float], correct: Sequence[bool]) -> tuple[CoveragePoint, ...]:
    """Trade coverage for accuracy.

    Args:
        confidences: 0 to 1.
        correct: Of the same length.

    Returns:
        One point per confidence that occurs, by descending threshold.
    """
    values, right = np.asarray(confidences, np.float64), np.asarray(correct, bool)
    order = np.argsort(-values, kind="stable")
    thresholds, kept = values[order], np.cumsum(right[order])
    last = np.flatnonzero(np.diff(thresholds, append=-1.0))
    return tuple(
        CoveragePoint(
            threshold=float(thresholds[k]),
            coverage=float((k + 1) / len(values)),
            n=int(k + 1),
            accuracy=float(kept[k] / (k + 1)),
        )
        for k in last
    )


def least_threshold(curve: Sequence[CoveragePoint], accuracy: float) -> float:
    """Choose the threshold with the largest coverage that is accurate enough.

    Args:
        curve: From :func:`coverage_curve`.
        accuracy: Wanted share of right answers, 0 to 1.

    Returns:
        Least confidence; above 1 if no threshold is good enough.
    """
    good = [point.threshold for point in curve if point.accuracy >= accuracy]
    return min(good, default=float(np.nextafter(1.0, 2.0)))


def _bin(confidences: Floats, correct: Booleans) -> Bin:
    return Bin(n=len(confidences), confidence=float(confidences.mean()), accuracy=float(correct.mean()))

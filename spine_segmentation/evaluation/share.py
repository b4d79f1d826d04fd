"""Shares with confidence intervals: a patient's windows are not independent, so whole patients are drawn again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

from spine_segmentation.evaluation.record import Record

CONFIDENCE_LEVEL = 0.95
RESAMPLES = 1000
"""Percentile bootstrap of Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13."""

_SEED = 0


class Share(Record):
    """How many of some windows or structures have a property."""

    count: int
    """Those that have it."""
    n: int
    """All of them."""
    value: float | None
    """``count / n``; None where there are none."""
    interval: tuple[float, float] | None
    """95 % bootstrap interval over patients; None with fewer than two of them."""

    @classmethod
    def of(cls, counts: Iterable[tuple[str, int, int]]) -> Self:
        """Sum up what was counted.

        Args:
            counts: Patient, those that have the property, and all of them; any number of times for each patient.

        Returns:
            The share over all counts, with its interval over patients.
        """
        patients: defaultdict[str, npt.NDArray[np.int64]] = defaultdict(lambda: np.zeros(2, np.int64))
        for patient, *pair in counts:
            patients[patient] += pair
        table = np.array([row for row in patients.values() if row[1]], np.int64).reshape(-1, 2)
        count, n = (int(total) for total in table.sum(axis=0))
        return cls(count=count, n=n, value=count / n if n else None, interval=_interval(table))


def _interval(table: npt.NDArray[np.int64]) -> tuple[float, float] | None:
    if len(table) < 2:
        return None
    drawn = bootstrap(
        (table[:, 0], table[:, 1]),
        _pooled,
        paired=True,
        vectorized=True,
        method="percentile",
        confidence_level=CONFIDENCE_LEVEL,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(_SEED),
    )
    low, high = drawn.confidence_interval
    return float(low), float(high)


def _pooled(count: npt.NDArray[Any], n: npt.NDArray[Any], axis: int = -1) -> npt.NDArray[np.float64]:
    ratio: npt.NDArray[np.float64] = count.sum(axis=axis) / n.sum(axis=axis)
    return ratio

"""Evidence of the levels from geometry: how far neighbouring bodies are apart, and how the column is tilted there.

The deviations of all pairs of neighbours from their means are jointly normal. They are correlated, because a large
person has large vertebrae everywhere and because the column is smooth; conditioning every pair on those above it takes
that into account exactly, so that a person's size and posture need not be known.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import cholesky, solve_triangular
from scipy.special import logsumexp

from spine_segmentation.anatomy import LEVELS, Kind
from spine_segmentation.results import Instance

Floats = npt.NDArray[np.float64]

PAIRS: tuple[tuple[str, str], ...] = tuple(pairwise(level for level in LEVELS if level not in ("T13", "L6")))
"""Neighbours of the usual column, C2-C3 to L5-S1."""

TABLE = Path(__file__).with_name("geometry_table.json")
"""Means, deviations and correlations; ``scripts/fit_geometry.py`` makes it."""

WEIGHT = 0.3
"""Power to which the likelihood is raised, chosen with ``levels.EVIDENCE_WEIGHT``."""

_OUTLIERS = 0.02
_OUTLIER_DEVIATIONS = (0.5, 1.0)
"""Share and deviations (of log spacing and tilt) of measurements that follow no table, such as over a missed body."""

_LEAST_SPACING = 1.0
"""Centres of two instances may coincide where one is false, mm."""

_FEATURES = ("log_spacing", "tilt")
_PAIR_ABOVE = {lower: k for k, (_, lower) in enumerate(PAIRS)} | {
    "T13": PAIRS.index(("T12", "L1")),
    "L6": PAIRS.index(("L5", "S1")),
}
"""Which pair a level forms with the one above it; variants take the nearest one."""


@dataclass(frozen=True)
class GeometryTable:
    """What is known of neighbouring bodies.

    Attributes:
        mean: Log spacing (mm) and tilt (radian), shape (pairs, 2).
        deviation: Their standard deviations between people, same shape.
        correlation: Between the deviations of two pairs of one person, for each of the two, shape (2, pairs, pairs).
    """

    mean: Floats
    deviation: Floats
    correlation: Floats

    @classmethod
    @cache
    def read(cls) -> Self:
        """Read the table of the package."""
        content = json.loads(TABLE.read_text())
        rows = np.array([[content["pairs"][f"{a}-{b}"][name] for name in _FEATURES] for a, b in PAIRS])
        correlation = np.stack([correlate(**content["correlation"][name]) for name in _FEATURES])
        return cls(mean=rows[..., 0], deviation=rows[..., 1], correlation=correlation)


def correlate(constant: float, amplitude: float, length: float) -> Floats:
    """Correlation of a person's deviations: one part common to the column, one that fades with distance, and noise.

    Args:
        constant: Share of variance that all pairs have in common.
        amplitude: Share that neighbours have in common (Matern kernel of order 3/2).
        length: Its range, in pairs.

    Returns:
        Shape (pairs, pairs), positive definite, 1 on the diagonal.
    """
    place = np.arange(len(PAIRS))
    reach = np.sqrt(3) * abs(place[:, None] - place) / length
    matrix: Floats = constant + amplitude * (1 + reach) * np.exp(-reach)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def measure(step: npt.ArrayLike) -> Floats:
    """Measure a pair of neighbours.

    Args:
        step: From the centre of the upper body to that of the lower one, LPS, mm, shape (3,).

    Returns:
        Log of the spacing (mm) and tilt in the sagittal plane (radian, positive if the lower body lies further back).
    """
    _, posterior, superior = np.asarray(step, dtype=np.float64)
    spacing = max(float(np.linalg.norm(np.asarray(step))), _LEAST_SPACING)
    return np.array([np.log(spacing), np.arctan2(posterior, -superior)])


def geometry_evidence(instances: Sequence[Instance]) -> Floats:
    """Log-likelihood of each instance's position relative to the body above it, for each level.

    Args:
        instances: Top to bottom.

    Returns:
        Shape (n, len(LEVELS)), relative to the mean likelihood of all levels; zeros for discs, for the topmost body,
        and next to a body that the field of view cuts.
    """
    bodies = [k for k, instance in enumerate(instances) if instance.kind is Kind.VERTEBRA]
    evidence = np.zeros((len(instances), len(LEVELS)))
    if len(bodies) < 2:
        return evidence
    features = np.array([_measure_whole(instances[a], instances[b]) for a, b in pairwise(bodies)])
    scores = _pair_scores(features, GeometryTable.read())
    for column, level in enumerate(LEVELS):
        if level in _PAIR_ABOVE:
            evidence[bodies[1:], column] = scores[:, _PAIR_ABOVE[level]]
    evidence[bodies[1:], LEVELS.index("C2")] = scores.min(axis=1)
    relative: Floats = evidence - (logsumexp(evidence, axis=1, keepdims=True) - np.log(len(LEVELS)))
    return relative


def placement_scores(features: Floats, table: GeometryTable) -> Floats:
    """Log-likelihood of every placement of a row of neighbours in the usual column.

    Args:
        features: From :func:`measure`, shape (m, 2), top to bottom.
        table: What is known of neighbouring bodies.

    Returns:
        Shape (pairs - m + 1,); entry k is for the first pair being ``PAIRS[k]``.
    """
    scores = _pair_scores(features, table)
    rows = np.arange(len(features))
    return np.array([scores[rows, rows + first].sum() for first in range(len(PAIRS) - len(features) + 1)])


def _measure_whole(upper: Instance, lower: Instance) -> Floats:
    """Measure two bodies of which the whole is seen, NaN for others: their centres are not known."""
    if not (upper.fully_visible and lower.fully_visible):
        return np.full(2, np.nan)
    return measure(np.subtract(lower.centroid, upper.centroid))


def _pair_scores(features: Floats, table: GeometryTable) -> Floats:
    """Log-likelihood of each measurement for each pair, given those above it; (m, pairs)."""
    scores = np.zeros((len(features), len(PAIRS)))
    for first in range(1 - len(features), len(PAIRS)):
        rows = np.arange(max(0, -first), min(len(features), len(PAIRS) - first))
        rows = rows[np.isfinite(features[rows, 0])]
        if len(rows):
            scores[rows, rows + first] = WEIGHT * _chain_rule(features[rows], rows + first, table)
    return scores


def _chain_rule(features: Floats, pairs: npt.NDArray[np.intp], table: GeometryTable) -> Floats:
    """Log density of each measurement given the ones before it, if they belong to these pairs; (m,)."""
    total = np.zeros(len(pairs))
    for f in range(len(_FEATURES)):
        deviation = table.deviation[pairs, f]
        standard = (features[:, f] - table.mean[pairs, f]) / deviation
        root = cholesky(table.correlation[f][np.ix_(pairs, pairs)], lower=True)
        innovation = solve_triangular(root, standard, lower=True)
        expected = _log_normal(innovation, np.diag(root) * deviation)
        unexpected = _log_normal(standard * deviation / _OUTLIER_DEVIATIONS[f], _OUTLIER_DEVIATIONS[f])
        total += np.logaddexp(np.log1p(-_OUTLIERS) + expected, np.log(_OUTLIERS) + unexpected)
    return total


def _log_normal(standard: Floats, deviation: float | Floats) -> Floats:
    logs: Floats = -0.5 * standard**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
    return logs

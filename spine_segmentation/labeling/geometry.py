"""Evidence of the levels from geometry: how far neighbouring bodies are apart, and how the disc between them is tilted.

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
from scipy.special import logsumexp

from spine_segmentation.anatomy import LEVELS, Kind
from spine_segmentation.arrays import Floats
from spine_segmentation.results import Instance

PAIRS: tuple[tuple[str, str], ...] = tuple(pairwise(level for level in LEVELS if level not in ("T13", "L6")))
"""Neighbours of the usual column, C2-C3 to L5-S1."""

TABLE = Path(__file__).with_name("geometry_table.json")
"""Means, deviations and correlations; ``scripts/fit_geometry.py`` makes it."""

WEIGHT = 0.5
"""Power to which the likelihood is raised, chosen with ``levels.EVIDENCE_WEIGHT``."""

_OUTLIERS = 0.02
_OUTLIER_DEVIATIONS = (0.5, 1.0, 1.0)
"""Share and deviations (of log spacing and the tilts) of measurements that follow no table, such as over a missed
body."""

_LEAST_SPACING = 1.0
"""Centres of two instances may coincide where one is false, mm."""

_FEATURES = ("log_spacing", "tilt", "disc_tilt")
_VARIANTS = {"T13": PAIRS.index(("T12", "L1")), "L6": PAIRS.index(("L5", "S1"))}
_PAIR_ABOVE = {lower: k for k, (_, lower) in enumerate(PAIRS)} | _VARIANTS
_PAIR_BELOW = {upper: k for k, (upper, _) in enumerate(PAIRS)} | _VARIANTS
"""Which pair a level forms with the one above or below it; variants take the nearest one."""


@dataclass(frozen=True)
class GeometryTable:
    """What is known of neighbouring bodies.

    Attributes:
        mean: Log spacing (mm), tilt of the line between the bodies' centres and that of the disc (radian), shape
            (pairs, 3).
        deviation: Their standard deviations between people, same shape.
        correlation: Between the deviations of two pairs of one person, for each of the three, (3, pairs, pairs).
    """

    mean: Floats
    deviation: Floats
    correlation: Floats

    @classmethod
    @cache
    def read(cls) -> Self:
        """Read the table of the package.

        Returns:
            The table, read once and shared by all callers.
        """
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


def geometry_evidence(instances: Sequence[Instance], weight: float = WEIGHT) -> Floats:
    """Log-likelihood of what was measured between two neighbouring bodies, for each level.

    It is evidence of the lower body, or of the disc where no body was found below it. The tilt is the disc's; that of
    the line between the bodies' centres stands in where there is no disc.

    Args:
        instances: Top to bottom.
        weight: Power to which the likelihood is raised.

    Returns:
        Shape (n, len(LEVELS)), relative to the mean likelihood of all levels; zeros where nothing was measured, since
        the field of view cuts a body or a disc.
    """
    evidence = np.zeros((len(instances), len(LEVELS)))
    joints = _joints(instances)
    if joints:
        features = np.array([_measure_joint(instances, joint) for joint in joints])
        for joint, scores in zip(joints, _pair_scores(features, GeometryTable.read()), strict=True):
            evidence[joint.owner] = weight * _by_level(scores, instances[joint.owner].kind)
    relative: Floats = evidence - (logsumexp(evidence, axis=1, keepdims=True) - np.log(len(LEVELS)))
    return relative


def placement_scores(features: Floats, table: GeometryTable) -> Floats:
    """Log-likelihood of every placement of a row of neighbours in the usual column.

    Args:
        features: Shape (m, 3), top to bottom, NaN where unknown: those of :func:`measure`, and the tilt of the disc.
        table: What is known of neighbouring bodies.

    Returns:
        Shape (pairs - m + 1,); entry k is for the first pair being ``PAIRS[k]``.
    """
    scores = _pair_scores(features, table)
    rows = np.arange(len(features))
    return np.array([scores[rows, rows + first].sum() for first in range(len(PAIRS) - len(features) + 1)])


@dataclass(frozen=True)
class _Joint:
    """The place between two neighbouring bodies; numbers of the instances there, None where none was found."""

    upper: int | None
    disc: int | None
    lower: int | None

    @property
    def owner(self) -> int:
        """Whose level the measurements tell."""
        return next(k for k in (self.lower, self.disc) if k is not None)


def _joints(instances: Sequence[Instance]) -> list[_Joint]:
    """One for each disc, and one between two bodies without a disc."""
    bodies = [k if item.kind is Kind.VERTEBRA else None for k, item in enumerate(instances)]
    bodies.append(None)  # neither above the first nor below the last
    return [
        _Joint(bodies[k - 1], None, k) if item.kind is Kind.VERTEBRA else _Joint(bodies[k - 1], k, bodies[k + 1])
        for k, item in enumerate(instances)
        if item.kind is Kind.IVD or bodies[k - 1] is not None
    ]


def _measure_joint(instances: Sequence[Instance], joint: _Joint) -> Floats:
    """Features of a joint, NaN where they are unknown, as are the centres of bodies that the field of view cuts."""
    log_spacing = tilt = np.nan
    upper, lower = (instances[k] if k is not None else None for k in (joint.upper, joint.lower))
    if upper and lower and upper.fully_visible and lower.fully_visible:
        log_spacing, tilt = measure(np.subtract(lower.centroid, upper.centroid))
    disc_tilt = None if joint.disc is None else instances[joint.disc].tilt
    return np.array([log_spacing, tilt, np.nan] if disc_tilt is None else [log_spacing, np.nan, disc_tilt])


def _by_level(scores: Floats, kind: Kind) -> Floats:
    """Likelihoods of pairs as those of the levels of a body below or a disc; a level without a pair has the least."""
    pairs = _PAIR_ABOVE if kind is Kind.VERTEBRA else _PAIR_BELOW
    return np.array([scores[pairs[level]] if level in pairs else scores.min() for level in LEVELS])


def _pair_scores(features: Floats, table: GeometryTable) -> Floats:
    """Log-likelihood of each measurement for each pair, given those above it; (m, pairs)."""
    scores = np.zeros((len(features), len(PAIRS)))
    for first in range(1 - len(features), len(PAIRS)):
        rows = np.arange(max(0, -first), min(len(features), len(PAIRS) - first))
        for f in range(len(_FEATURES)):
            known = rows[np.isfinite(features[rows, f])]
            if len(known):
                scores[known, known + first] += _chain_rule(features[known, f], known + first, table, f)
    return scores


def _chain_rule(measured: Floats, pairs: npt.NDArray[np.intp], table: GeometryTable, feature: int) -> Floats:
    """Log density of each measurement of a feature given the ones before it, if they belong to these pairs; (m,)."""
    deviation = table.deviation[pairs, feature]
    standard = (measured - table.mean[pairs, feature]) / deviation
    root = np.linalg.cholesky(table.correlation[feature][np.ix_(pairs, pairs)])
    innovation = np.linalg.solve(root, standard)
    expected = _log_normal(innovation, np.diag(root) * deviation)
    broad = _OUTLIER_DEVIATIONS[feature]
    unexpected = _log_normal(standard * deviation / broad, broad)
    logs: Floats = np.logaddexp(np.log1p(-_OUTLIERS) + expected, np.log(_OUTLIERS) + unexpected)
    return logs


def _log_normal(standard: Floats, deviation: float | Floats) -> Floats:
    logs: Floats = -0.5 * standard**2 - np.log(deviation) - 0.5 * np.log(2 * np.pi)
    return logs

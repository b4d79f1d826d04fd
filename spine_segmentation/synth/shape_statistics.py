"""How the levels of real spines follow one another: the packaged table, measured by ``scripts/measure_shapes.py``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Self

import numpy as np

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.morphometry import Levels, is_cervical, is_lumbar, is_presacral, is_thoracic

_CERVICAL, _THORACIC, _LUMBAR = (0, 5), (6, 17), (18, 22)
"""First and last row of the table by region of the upper vertebra; the last one also stands for L5-S1."""


@dataclass(frozen=True)
class JointDistribution:
    """A quantity of all segments of a column, normally distributed and correlated from level to level.

    Attributes:
        mean: One value per segment, top to bottom, shape (n,).
        sd: Standard deviations, shape (n,).
        factor: Cholesky factor of the correlation matrix, shape (n, n).
    """

    mean: Floats
    sd: Floats
    factor: Floats

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Self:
        """Read one quantity of the packaged table.

        Args:
            table: ``mean`` and ``sd``, n numbers each, and ``correlation``, n rows of n.

        Returns:
            The distribution, with the correlation factorised.
        """
        mean, sd, correlation = (np.array(table[name], dtype=np.float64) for name in ("mean", "sd", "correlation"))
        return cls(mean, sd, np.linalg.cholesky(correlation).astype(np.float64))

    def draw(self, rng: np.random.Generator) -> Floats:
        """Draw one person's values.

        Args:
            rng: Source of all chance.

        Returns:
            Shape (n,), in the unit of the mean.
        """
        deviation: Floats = self.factor @ rng.standard_normal(len(self.mean))
        return self.mean + self.sd * deviation


@dataclass(frozen=True)
class ShapeStatistics:
    """What was measured on people; a segment leads from a body's centre to the next one's, from C2-C3 to L5-L6.

    Attributes:
        segments: Their names, top to bottom.
        spacing: Mean length of the segments, mm, shape (n,).
        relative_spacing: Logarithm of a person's spacing relative to size and mean spacing; its mean is 0.
        sagittal: Angle of the segments against the vertical, degrees; positive leads backwards on the way down.
        coronal: The same, positive leads to the left.
        size_sd: Standard deviation of the logarithm of a person's size.
        rotation: Axial rotation toward the side to which the column deviates, degrees per mm of deviation.
    """

    segments: tuple[str, ...]
    spacing: Floats
    relative_spacing: JointDistribution
    sagittal: JointDistribution
    coronal: JointDistribution
    size_sd: float
    rotation: float


@cache
def shape_statistics() -> ShapeStatistics:
    """Read the packaged table.

    Returns:
        Spacing and angles of the segments; the same object on every call.
    """
    table: dict[str, Any] = json.loads(files(__package__).joinpath("shape_statistics.json").read_text())
    return ShapeStatistics(
        segments=tuple(table["segments"]),
        spacing=np.array(table["spacing_mm"]["mean"], dtype=np.float64),
        relative_spacing=JointDistribution.from_table(table["relative_spacing"]),
        sagittal=JointDistribution.from_table(table["sagittal_degrees"]),
        coronal=JointDistribution.from_table(table["coronal_degrees"]),
        size_sd=float(table["person_size"]["sd"]),
        rotation=float(table["rotation_degrees_per_mm"]),
    )


def at_levels(values: Floats, levels: Levels) -> Floats:
    """Give every presacral level of a person the table's value for the segment below it.

    A region with fewer levels than the table's shares out the table's values, so that four lumbar vertebrae have the
    lordosis of five; one with more levels repeats the last value, as people with six lumbar vertebrae were found to do.

    Args:
        values: One value per segment of the table, shape (n,).
        levels: VerSe numbers of a column, top to bottom, shape (m,).

    Returns:
        One value per presacral level, top to bottom; the last is that of the segment to S1.
    """
    presacral = levels[is_presacral(levels)]
    regions = ((is_cervical, _CERVICAL), (is_thoracic, _THORACIC), (is_lumbar, _LUMBAR))
    rows = [_rows(int(belongs(presacral).sum()), *bounds) for belongs, bounds in regions]
    return np.interp(np.concatenate(rows), np.arange(len(values)), values)


def _rows(count: int, first: int, last: int) -> Floats:
    """Places in the table of the levels of a region, fractions allowed."""
    usual = last - first + 1
    return np.minimum(np.linspace(first, first + max(count, usual) - 1, count), last)

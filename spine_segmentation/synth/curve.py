"""The course of the column: sagittal curve, scoliosis with its rotation, tilt of the levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.morphometry import C7, S1, T11
from spine_segmentation.synth.profiles import ARC_LENGTHS, ARC_START, ARC_STEP, profile
from spine_segmentation.synth.shape_statistics import at_levels, shape_statistics

CURVE_STEP = 4.0
"""Distance between two points of the sagittal curve, mm."""

SCOLIOTIC = 0.10
"""Share of persons whose lateral angles are a multiple of what they would be; 0.083 of adults are scoliotic (Carter and
Haynes, Int J Epidemiol 1987), of whom most are already among the others."""

_LUMBAR_TILT, _LUMBAR_TILT_SD = 0.063, 0.04
"""Slope of a disc against the line between the bodies beside it, mm/mm: 3.6 degrees, standard deviation 2.5, in masks
of 26 SPIDER patients from T11-T12 to L4-L5, and taken to be so at L5-S1."""

_TILT_SD = 0.025
"""The same elsewhere, where it was not measured and the mean is taken to be zero."""

_LUMBOSACRAL_DEGREES = 3.0
"""By how much the segment to S1 leads further back than the table's L5-L6, which stands for it: with this, the disc
L5-S1 is tilted by 32 degrees as in these patients."""

_STEEPEST_DEGREES = 38.0
"""Limit of lateral angles and of axial rotation."""

_CORONAL_SMOOTHING = 121
"""Width, in entries, of the window that takes the annotators' noise off the lateral angles: two vertebrae."""


@dataclass(frozen=True)
class Curve:
    """Where the centres of the bodies run.

    Attributes:
        arc: Arc length of the curve's points, every ``CURVE_STEP`` mm.
        y: Their position toward posterior, mm.
        z: Their position toward inferior, mm.
        lateral: Deviation of the column toward the left, mm, a profile along the arc.
        rotation: Tangent of its axial rotation toward the left, a profile along the arc.
        tilt: Slope of the endplates against the curve's normal, mm/mm, a profile along the arc.
    """

    arc: Floats
    y: Floats
    z: Floats
    lateral: Floats
    rotation: Floats
    tilt: Floats

    def place(self, arc_length: Floats) -> Floats:
        """Give the positions of the column's points at arc lengths.

        Args:
            arc_length: mm from the upper edge of the body of C2, shape (n,).

        Returns:
            Positions (x, y, z): toward left, posterior and inferior, mm, shape (n, 3).
        """
        lateral = np.interp(arc_length, ARC_LENGTHS, self.lateral)
        return np.stack(
            [lateral, np.interp(arc_length, self.arc, self.y), np.interp(arc_length, self.arc, self.z)], axis=-1
        )

    def point(self, arc_length: float) -> tuple[float, float]:
        """Give the position in the median plane at an arc length.

        Args:
            arc_length: mm from the upper edge of the body of C2.

        Returns:
            Position (y, z): toward posterior and inferior, mm.
        """
        return float(np.interp(arc_length, self.arc, self.y)), float(np.interp(arc_length, self.arc, self.z))


def draw_curve(rng: np.random.Generator, column: Column) -> Curve:
    """Draw the posture of a person, supine: the angles between levels are as measured, those of the sacrum are rough.

    Args:
        rng: Source of all chance.
        column: The levels.

    Returns:
        A curve that goes on straight above the dens and below the coccyx.
    """
    arc = np.arange(ARC_START, ARC_LENGTHS[-1], CURVE_STEP)
    angle = np.deg2rad(_sagittal_angles(rng, column, arc))
    lateral = _draw_scoliosis(rng, column)
    tilt = profile(column.disc_centre, _draw_tilts(rng, column))
    return Curve(
        arc=arc,
        y=np.cumsum(np.sin(angle)) * CURVE_STEP,
        z=np.cumsum(np.cos(angle)) * CURVE_STEP,
        lateral=lateral,
        rotation=_coupled_rotation(column, lateral),
        tilt=np.where(ARC_LENGTHS < 0, 0.0, tilt),
    )


def _draw_tilts(rng: np.random.Generator, column: Column) -> Floats:
    """Slope of the disc below every level against the curve's normal, mm/mm, shape (levels,)."""
    lumbar = (column.levels >= T11) & (np.arange(len(column)) < column.index(S1))
    return rng.normal(np.where(lumbar, _LUMBAR_TILT, 0.0), np.where(lumbar, _LUMBAR_TILT_SD, _TILT_SD))


def _sagittal_angles(rng: np.random.Generator, column: Column, arc: Floats) -> Floats:
    """Angle of the curve against the vertical, degrees; positive leads backwards on the way down."""
    s1 = column.index(S1)
    spine = at_levels(shape_statistics().sagittal.draw(rng), column.levels)
    spine[-1] += _LUMBOSACRAL_DEGREES
    spine += _bend(column.wedge[:s1] / 2, 2 * column.half_depth[:s1])
    head = [(-200.0, rng.uniform(-12, 8)), (-10.0, spine[0] + rng.normal(-4, 5))]
    base = spine[-1] + rng.normal(17, 6)
    sacrum = [
        (column.centre[s1], base),
        (column.centre[s1 + 1], base + rng.normal(5, 5)),
        (column.centre[s1 + 3], rng.normal(12, 12)),
        (column.centre[s1 + 5], rng.normal(-30, 15)),
        (column.centre[-1], rng.normal(-55, 18)),
        (1100.0, 0.0),
    ]
    positions, angles = np.concatenate([head, np.stack([column.disc_centre[:s1], spine], axis=1), sacrum]).T
    kernel = np.hanning(9)[1:-1]
    corners = np.interp(arc, positions, angles)
    return np.convolve(np.pad(corners, 3, mode="edge"), kernel / kernel.sum(), "valid")


def _bend(lost: Floats, diameter: Floats) -> Floats:
    """Angles, degrees, by which wedged bodies turn what is above and below them by the same amount, either way."""
    angle = np.rad2deg(np.arctan2(lost, diameter))
    return np.asarray(angle.sum() / 2 - np.cumsum(angle))


def _draw_scoliosis(rng: np.random.Generator, column: Column) -> Floats:
    """Deviation toward the left of the straight line through the column, mm, a profile: marked in few persons.

    The pelvis is taken to lie straight: the coronal angle of the lowest segment was measured on too few people.
    """
    s1 = column.index(S1)
    angles = at_levels(shape_statistics().coronal.draw(rng), column.levels)[:-1]
    if rng.random() < SCOLIOTIC:
        angles *= rng.uniform(2.0, 4.5)
    angles -= _bend(column.lateral_wedge[:s1], 2 * column.half_width[:s1])[:-1]
    angles = np.clip(angles, -_STEEPEST_DEGREES, _STEEPEST_DEGREES)
    positions = np.concatenate([[-120.0], column.disc_centre[: s1 - 1], [column.centre[s1]]])
    slope = profile(positions, np.tan(np.deg2rad(np.concatenate([[0.0], angles, [0.0]]))), smoothing=_CORONAL_SMOOTHING)
    lateral = np.cumsum(slope) * ARC_STEP
    centre = column.centre[: s1 + 1]
    line = np.polyfit(centre, np.interp(centre, ARC_LENGTHS, lateral), 1)
    return np.asarray(lateral - np.polyval(line, ARC_LENGTHS))


def _coupled_rotation(column: Column, lateral: Floats) -> Floats:
    """Tangent of the axial rotation: the bodies turn toward the side to which they deviate; head and pelvis do not."""
    ends = column.centre[[column.index(C7), column.index(S1)]]
    chord = np.interp(ARC_LENGTHS, ends, np.interp(ends, ARC_LENGTHS, lateral))
    within = (ends[0] < ARC_LENGTHS) & (ends[1] > ARC_LENGTHS)
    degrees = np.where(within, (lateral - chord) * shape_statistics().rotation, 0.0)
    return np.asarray(np.tan(np.deg2rad(np.clip(degrees, -_STEEPEST_DEGREES, _STEEPEST_DEGREES))))

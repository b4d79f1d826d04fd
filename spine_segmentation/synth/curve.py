"""The course of the column: sagittal curve, scoliosis, tilt of the levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.synth.column import Column
from spine_segmentation.synth.morphometry import C2, C5, L1, S1, T1, Floats
from spine_segmentation.synth.profiles import ARC_LENGTHS, ARC_START, profile

CURVE_STEP = 4.0
"""Distance between two points of the sagittal curve, mm."""


@dataclass(frozen=True)
class Curve:
    """Where the centres of the bodies run.

    Attributes:
        arc: Arc length of the curve's points, every ``CURVE_STEP`` mm.
        y: Their position toward posterior, mm.
        z: Their position toward inferior, mm.
        lateral: Deviation of the column toward the left, mm, a profile along the arc.
        tilt: Slope of the endplates against the curve's normal, mm/mm, a profile along the arc.
    """

    arc: Floats
    y: Floats
    z: Floats
    lateral: Floats
    tilt: Floats

    def point(self, arc_length: float) -> tuple[float, float]:
        """Position (y, z) at an arc length, mm."""
        return float(np.interp(arc_length, self.arc, self.y)), float(np.interp(arc_length, self.arc, self.z))


def draw_curve(rng: np.random.Generator, column: Column) -> Curve:
    """Draw the posture of a person.

    Args:
        rng: Source of all chance.
        column: The levels, whose positions carry cervical and lumbar lordosis, kyphosis and the sacral angle.

    Returns:
        A curve that goes on straight above the dens and below the coccyx.
    """
    arc = np.arange(ARC_START, ARC_LENGTHS[-1], CURVE_STEP)
    angle = np.deg2rad(_angles(rng, column, arc) + rng.normal(0, 5))
    tilt = profile(column.disc_centre, rng.normal(0, 0.025, len(column)))
    return Curve(
        arc=arc,
        y=np.cumsum(np.sin(angle)) * CURVE_STEP,
        z=np.cumsum(np.cos(angle)) * CURVE_STEP,
        lateral=np.interp(ARC_LENGTHS, arc, _scoliosis(rng, arc)),
        tilt=np.where(ARC_LENGTHS < 0, 0.0, tilt),
    )


def _angles(rng: np.random.Generator, column: Column, arc: Floats) -> Floats:
    """Angle of the curve against the vertical, degrees; positive leads backwards on the way down."""
    centre = column.centre
    t1, l1, s1 = (column.index(level) for level in (T1, L1, S1))
    presacral = [
        (-200.0, rng.uniform(-12, 8)),
        (-10.0, rng.normal(-4, 7)),
        (centre[column.index(C2)], rng.normal(-7, 7)),
        (centre[column.index(C5)], rng.normal(3, 5)),
        (centre[t1], rng.normal(18, 7)),
        (centre[t1 + 5], rng.normal(4, 4)),
        (centre[l1 - 1], rng.normal(-12, 5)),
        (centre[l1 + 1], rng.normal(-8, 5)),
        (centre[s1 - 2], rng.normal(6, 6)),
        (centre[s1 - 1] + 3, rng.normal(16, 6)),
    ]
    sacral = [
        (centre[s1], rng.normal(41, 9)),
        (centre[s1 + 1], rng.normal(46, 10)),
        (centre[s1 + 3], rng.normal(12, 12)),
        (centre[s1 + 5], rng.normal(-30, 15)),
        (centre[-1], rng.normal(-55, 18)),
        (1100.0, 0.0),
    ]
    flattening = rng.uniform(0.5, 1.15)
    positions, angles = np.array(presacral + sacral).T
    angles[: len(presacral)] *= flattening
    kernel = np.hanning(9)[1:-1]
    corners = np.interp(arc, positions, angles)
    return np.convolve(np.pad(corners, 3, mode="edge"), kernel / kernel.sum(), "valid")


def _scoliosis(rng: np.random.Generator, arc: Floats) -> Floats:
    """Deviation toward the left: slight in most persons, marked in some, mm."""
    amplitude = abs(rng.normal(0, 4)) if rng.random() < 0.8 else rng.uniform(5, 28)
    wave = np.sin(2 * np.pi * arc / rng.uniform(250, 700) + rng.uniform(0, 2 * np.pi))
    return amplitude * wave + rng.normal(0, 0.04) * (arc - 300)

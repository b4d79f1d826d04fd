"""Shapes of the vertebral bodies: barrels whose outline seen from above depends on the region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.endplates import EndplateShapes, draw_endplates
from spine_segmentation.synth.morphometry import BELOW_S1, L1, L5, S1, by_region, is_cervical, is_lumbar, is_presacral
from spine_segmentation.synth.profiles import profile

_SACRAL_BODY = 0.68
"""Half width of a sacral body at mid-height relative to that of its segment, wings included."""

_LARGEST_HOLLOW = 0.86
"""More of it would draw the posterior corners out to the sides."""

_SLIP_REACH = 4
"""Levels above a slipped one over which the column regains its course."""


@dataclass(frozen=True)
class BodyShapes:
    """Shapes of the bodies, one entry per level, shape (n,), where not said otherwise.

    Seen from above, a body is an ellipse in front and one behind of its widest place, both more or less squared:
    kidney-shaped in lumbar, heart-shaped in thoracic, nearly rectangular in cervical levels.

    Attributes:
        endplates: Upper and lower surfaces.
        half_height: Half the distance between the endplates' rims, mm.
        centre: Arc length of the body's middle, mm.
        shift: Displacement of the body toward posterior, mm.
        half_depth: Half the anteroposterior diameter in the midline, mm.
        half_width: Half the lateral diameter of the body without wings, mm.
        course: Profiles of shift, half depth and half width, which pass over gradually in the discs; (3, entries).
        widest: Place of the greatest width behind the centre, relative to ``half_depth``.
        anterior_squareness: 0 for an ellipse, 1 for a rectangle in front of the widest place.
        posterior_squareness: The same behind it.
        posterior_hollow: The same for the wall's middle; beyond 1 less the squareness, it is concave.
        anterior_waist: Relative narrowing of the anterior and lateral walls at mid-height.
        posterior_waist: Relative narrowing of the posterior wall at mid-height.
        taper: Relative gain in radius from mid-height to the lower endplate.
        retropulsion: How far the posterior wall bulges into the canal, mm.
        vein: How far forward the basivertebral vein is seen: its front end, relative to ``half_depth``.
        vein_radius: mm; 0 where it is not seen.
        remnant: Half height of what is left of the disc below where bone has replaced it, mm.
    """

    endplates: EndplateShapes
    half_height: Floats
    centre: Floats
    shift: Floats
    half_depth: Floats
    half_width: Floats
    course: Floats
    widest: Floats
    anterior_squareness: Floats
    posterior_squareness: Floats
    posterior_hollow: Floats
    anterior_waist: Floats
    posterior_waist: Floats
    taper: Floats
    retropulsion: Floats
    vein: Floats
    vein_radius: Floats
    remnant: Floats


def draw_bodies(rng: np.random.Generator, column: Column) -> BodyShapes:
    """Draw the shapes of a person's bodies.

    Args:
        rng: Source of all chance.
        column: The levels, their sizes and deformities.

    Returns:
        One shape per level.
    """
    n, levels = len(column), column.levels
    u = rng.uniform
    shift = _shift(rng, column)
    half_width = column.half_width * np.where(is_presacral(levels), 1.0, _SACRAL_BODY)
    squareness = by_region(levels, u(0.7, 0.9), u(0.4, 0.65), u(0.5, 0.75), 0.5)
    waist = by_region(levels, u(0.03, 0.16, n), *[u(0.08, 0.32, n)] * 3)
    return BodyShapes(
        endplates=draw_endplates(rng, column),
        half_height=column.height / 2,
        centre=column.centre,
        shift=shift,
        half_depth=column.half_depth,
        half_width=half_width,
        course=_course(column, np.stack([shift, column.half_depth, half_width])),
        widest=by_region(levels, u(0, 0.1), u(0.15, 0.4), u(0.05, 0.2), 0.1),
        anterior_squareness=by_region(levels, u(0.5, 0.8), u(0, 0.3), u(0.2, 0.5), 0.3),
        posterior_squareness=squareness,
        posterior_hollow=(1 - squareness + _concavity(rng, column)).clip(0, _LARGEST_HOLLOW),
        anterior_waist=waist * u(0.6, 1.2),
        posterior_waist=u(0, 0.18, n),
        taper=_taper(rng, column),
        retropulsion=column.retropulsion,
        vein=np.full(n, u(0.25, 0.6)),
        vein_radius=np.where(~is_cervical(levels), u(0.8, 2.2) * (rng.random() < 0.75), 0.0),
        remnant=np.where(rng.random(n) < 0.6, u(0.4, 1.0, n), 0.0),
    )


def _course(column: Column, values: Floats) -> Floats:
    """Profiles of rows of per-level values, constant in each body and linear in each disc."""
    positions = np.stack([column.top, column.bottom], axis=1).ravel()
    return np.stack([profile(positions, np.repeat(row, 2)) for row in values])


def _concavity(rng: np.random.Generator, column: Column) -> Floats:
    """How concave posterior walls are: clearly in thoracic and upper lumbar levels, the lowest are flat or convex."""
    lumbar = np.interp(column.levels, [L1 + 1, L5], [0.5, -0.1])
    return by_region(column.levels, 0.0, 0.5, lumbar, -0.3) * rng.uniform(0.7, 1.3)


def _shift(rng: np.random.Generator, column: Column) -> Floats:
    """Displacement of the bodies toward posterior; in some persons a step (listhesis), mm.

    Estimates of how common spondylolisthesis is among older adults range from 3 to 31 % (collected in
    doi:10.1007/s00330-013-3041-5); it is mostly a forward slip of one of the two lowest lumbar levels. Slips of the
    neck are small.
    """
    shift = rng.normal(0, 0.45, len(column)) + np.where(column.levels == S1, 1.0, 0.0)
    if rng.random() < 0.17:
        lumbar = np.flatnonzero(is_lumbar(column.levels))
        chance = np.arange(1, len(lumbar) + 1) ** 2.0
        _slip(shift, int(rng.choice(lumbar, p=chance / chance.sum())), rng.uniform(-10, -2.5), rng)
    if rng.random() < 0.10:
        _slip(shift, int(rng.integers(1, 6)), rng.uniform(-3.5, -1), rng)
    return shift


def _slip(shift: Floats, level: int, forward: float, rng: np.random.Generator) -> None:
    """Displace a level, and those above ever less, forward or (a third) a little backward; in place."""
    amount = forward if rng.random() < 0.67 else -0.5 * forward
    above = np.arange(max(0, level - _SLIP_REACH + 1), level + 1)
    shift[above] += amount * (1 - (level - above) / _SLIP_REACH)


def _taper(rng: np.random.Generator, column: Column) -> Floats:
    """S1 and the segments below narrow downwards, the others widen a little."""
    taper = rng.uniform(-0.02, 0.06, len(column))
    taper[column.levels == S1] = rng.uniform(-0.30, -0.10)
    taper[column.levels == BELOW_S1] = -0.15
    return taper

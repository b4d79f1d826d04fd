"""Herniated discs: protrusions, and extrusions that migrate up or down behind the bodies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import S1, by_region, is_lumbar, is_presacral
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_ROOT = 0.8
"""Place behind the disc's centre, relative to its half depth, from which a herniation grows."""

_EXTRUDED = 0.2
"""Share of herniations that are extrusions: rare without symptoms, common in those referred for sciatica."""


@dataclass(frozen=True)
class Herniations:
    """Herniations by disc; entry k belongs to the disc below level k, shape (n,), mm where not said otherwise.

    Attributes:
        length: How far it reaches behind the disc's posterior border; 0 for none.
        aside: Its place to the left of the midline.
        half_width: Half its lateral diameter.
        half_height: Half its height.
        migration: How far its centre lies below the disc's, negative for above.
        hydration: Brightness relative to a nucleus, 0 to 1.
    """

    length: Floats
    aside: Floats
    half_width: Floats
    half_height: Floats
    migration: Floats
    hydration: Floats


def draw_herniations(rng: np.random.Generator, column: Column) -> Herniations:
    """Draw the herniated discs of a person.

    Protrusions are seen in 29 % of people of 20 years without symptoms and in 43 % of those of 80 (Brinjikji et al.
    2015, AJNR 36:811), most often at the two lowest discs.

    Args:
        rng: Source of all chance.
        column: The levels, their discs' heights and the degree of degeneration.

    Returns:
        One entry per level, for the disc below it.
    """
    n, u = len(column), rng.uniform
    herniated = (rng.random(n) < _chance(column)) & is_presacral(column.levels) & ~column.fused_below
    extruded = rng.random(n) < _EXTRUDED
    room = by_region(column.levels, 0.45, 0.4, 1.0, 0.0) * column.scale
    length = np.where(extruded, u(5, 9, n), u(1.5, 5, n)) * room
    migration = np.where(extruded, rng.choice([-1, 1], n) * u(1, 7, n) * room, 0.0)
    return Herniations(
        length=length * herniated,
        aside=rng.normal(0, 5, n) * room,
        half_width=np.where(extruded, u(4, 8, n), u(5, 14, n)) * room,
        half_height=np.where(extruded, 0.4, u(0.4, 0.7, n)) * column.disc_height + np.abs(migration),
        migration=migration,
        hydration=u(0, 0.9, n) * (rng.random(n) < 0.5),
    )


def _chance(column: Column) -> Floats:
    """Probability of a herniation by disc."""
    chance = by_region(column.levels, 1.0, 0.3, 1.0, 0.0) * (0.02 + 0.16 * column.degeneration)
    above_s1 = column.index(S1) - np.arange(len(column))
    return np.where(is_lumbar(column.levels) & (above_s1 <= 2), 2.5 * chance, chance)


def paint_herniations(
    tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: Herniations, column: Column
) -> None:
    """Paint what lies behind the discs' border, as part of the disc, and note it in the tissue map's ``core``.

    Args:
        tissues: Where to paint; bodies and posterior elements keep their place.
        at: Coordinates of the grid.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        shapes: From :func:`draw_herniations`.
        column: The levels.
    """
    index = frame.disc.clamp(min=0)
    rows = (shapes.length, shapes.aside, shapes.half_width, shapes.half_height, shapes.hydration)
    middle = column.disc_centre + shapes.migration
    length, aside, half_width, half_height, hydration, centre = per_level(np.stack([*rows, middle]), index)
    root = _ROOT * frame.half_depth
    plane = ((frame.behind - root) / (frame.half_depth - root + length)) ** 2 + ((at.axial - centre) / half_height) ** 2
    inner = 1 - plane - ((at.x - aside) / half_width) ** 2
    here = (length > 0) & (frame.disc >= 0) & (frame.behind > root)
    mask = (inner > 0) & here & ~frame.inside & (tissues.semantic != Semantic.POSTERIOR)
    level = per_level(column.levels, index).byte()
    tissues.paint_level(mask, Tissue.ANNULUS, Semantic.DISC, level)
    tissues.paint(mask & (hydration > 0), Tissue.NUCLEUS)
    tissues.core.copy_(torch.where(mask, hydration * (2 * inner).clamp(0, 1), tissues.core))
    tissues.height.masked_fill_(mask, 1.0)

"""Bridging osteophytes: bone that flows over the front of bodies and discs (DISH, syndesmophytes)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spine_segmentation.arrays import Floats
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import T1, is_presacral
from spine_segmentation.synth.profiles import lookup, per_level, profile
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_WITH_BRIDGES = 0.06
"""Share of persons; 19.5 % of adults in whole-spine CT, mostly from T8 to T10 and at the right side (Hiyama et al.
2018, BMC Musculoskelet Disord 19, 1479 persons), but many bridges are too thin to be seen in MRI."""


@dataclass(frozen=True)
class Bridges:
    """Bridges of one person.

    Attributes:
        over: Whether the disc below each level is bridged, shape (n,), bool.
        thickness: Profile: thickness of the bone in front of bodies and discs, mm; 0 for none.
        aside: Its middle's place to the left of the midline, mm; the aorta keeps the left side free.
        half_width: Half its lateral extent, mm.
    """

    over: npt.NDArray[np.bool_]
    thickness: Floats
    aside: float
    half_width: float


def draw_bridges(rng: np.random.Generator, column: Column) -> Bridges:
    """Draw the bridges of a person: a run of levels, thickest over the discs.

    Args:
        rng: Source of all chance.
        column: The levels.

    Returns:
        Their course; nothing for most persons.
    """
    middle = column.index(T1) + 8 + rng.normal(0, 5)
    near = np.abs(np.arange(len(column)) - middle) < rng.uniform(0.6, 4)
    over = near & np.append(is_presacral(column.levels)[1:], False) & (rng.random() < _WITH_BRIDGES)
    thickness = over * rng.uniform(2, 6, len(column))
    nodes = np.stack([column.centre, column.disc_centre], axis=1).ravel()
    heights = np.stack([np.zeros(len(column)), thickness], axis=1).ravel()
    return Bridges(over, profile(nodes, heights), rng.uniform(-14, 0), rng.uniform(8, 16))


def paint_bridges(tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: Bridges, column: Column) -> None:
    """Paint the bridges, which belong to the bodies: marrow with the discs' front as their back wall.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        shapes: From :func:`draw_bridges`.
        column: The levels; a bridge's halves belong to the level above and below.
    """
    fade = (1 - ((at.x - shapes.aside) / shapes.half_width) ** 2).clamp_(min=0)
    reach = 1 + lookup(shapes.thickness, at.axial) / frame.half_depth * fade
    bone = (frame.behind < 0) & (frame.radius > 1) & (frame.radius < reach * reach)
    level = per_level(column.levels, at.territory).byte()
    tissues.paint_level(bone & ~frame.inside, Tissue.MARROW, Semantic.BODY, level)

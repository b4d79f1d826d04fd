"""The bodies painted: marrow, bone in the place of fused discs, basivertebral veins."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from spine_segmentation.synth.bodies import BodyShapes
from spine_segmentation.synth.body_frame import BodyFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.profiles import per_level
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

_VEIN_HALF_WIDTH_MM = 6.0
"""Half width of the basivertebral veins' confluence at the posterior wall; it narrows to a point in front."""

_BLOCK_FROM = 0.9
"""Position between a body's endplates, 0 to 1, from which on bone fills the gap to a fused neighbour."""

_BLOCK_RADIUS = 0.8
"""Squared radius of the bone between two fused bodies, relative to that of their rims: block vertebrae have a waist."""


def paint_bodies(tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: BodyShapes, column: Column) -> None:
    """Paint the bodies from C2 to the coccyx, with the basivertebral veins.

    Args:
        tissues: Where to paint.
        at: Coordinates of the grid.
        frame: From :func:`~spine_segmentation.synth.body_frame.body_frame`.
        shapes: From :func:`~spine_segmentation.synth.bodies.draw_bodies`.
        column: The levels.
    """
    level = per_level(column.levels, at.territory).byte()
    tissues.paint_level(frame.inside, Tissue.MARROW, Semantic.BODY, level)
    front, radius = per_level(np.stack([shapes.vein, shapes.vein_radius]), at.territory)
    along = (frame.behind / frame.half_depth - front) / (1 - front)
    central = (along > 0) & ((at.axial - frame.centre).abs() < radius)
    tissues.paint(frame.inside & central & (at.x.abs() < _VEIN_HALF_WIDTH_MM * along), Tissue.BASIVERTEBRAL_VEIN)
    if column.fused_below.any():
        _paint_blocks(tissues, at, frame, shapes, column, level)


def _paint_blocks(
    tissues: TissueMap, at: Coordinates, frame: BodyFrame, shapes: BodyShapes, column: Column, level: Tensor
) -> None:
    """Fill the gap between fused bodies; in some, a thin remnant of the disc is left, which is no disc any more."""
    fused, middle, remnant = per_level(
        np.stack([column.fused_below, column.disc_centre, shapes.remnant]), frame.disc.clamp(min=0)
    )
    gap = (fused > 0) & (frame.disc >= 0) & (tissues.height.abs() > _BLOCK_FROM) & ~frame.inside
    tissues.paint_level(gap & (frame.radius < _BLOCK_RADIUS), Tissue.MARROW, Semantic.BODY, level)
    line = gap & (frame.radius < _BLOCK_RADIUS / 2) & ((at.axial - middle).abs() < remnant)
    tissues.paint(line, Tissue.ANNULUS)

"""The back's surface: subcutaneous fat, skin, and the air outside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from spine_segmentation.synth.canal import CanalFrame
from spine_segmentation.synth.column import Column
from spine_segmentation.synth.coordinates import Coordinates
from spine_segmentation.synth.morphometry import C2, C7, L1, S1, T1, Floats
from spine_segmentation.synth.profiles import lookup, profile
from spine_segmentation.synth.tissues import Semantic, Tissue, TissueMap

SKIN_MM = 2.0
"""Thickness of the skin."""


@dataclass(frozen=True)
class SkinShape:
    """Surfaces of the body; profiles along the column are tables by arc length, mm.

    Attributes:
        back: Profile: distance of the skin behind the laminae.
        fat: Profile: thickness of the subcutaneous fat.
        front: Profile: distance of the anterior surface in front of the bodies' line.
    """

    back: Floats
    fat: Floats
    front: Floats


def draw_skin(rng: np.random.Generator, column: Column) -> SkinShape:
    """Draw the surfaces of a person.

    Args:
        rng: Source of all chance.
        column: The levels.

    Returns:
        Surfaces of back, neck and trunk.
    """
    g, centre, t1 = column.scale, column.centre, column.index(T1)
    c2, first_thoracic, l1, s1 = (column.position(level) for level in (C2, T1, L1, S1))
    back = rng.uniform(40, 65) * g * rng.uniform(0.75, 1.45, 9)
    fat = np.array([8, 8, 14, 14, 25, 35]) * rng.uniform(0.3, 1.7) * rng.uniform(0.7, 1.3, 6)
    front = np.array([95, 70 * g, 55 * g, 70 * g, 140, 170]) * rng.uniform(0.85, 1.3)
    neck = [-200, c2, centre[column.index(C7) - 1], centre[t1 + 1], centre[t1 + 3], 1000]
    return SkinShape(
        back=profile(np.linspace(-220, 1080, 9), back, smoothing=161),
        fat=profile([-200, c2, first_thoracic, l1, s1, 1000], fat, smoothing=161),
        front=profile(neck, front, smoothing=61),
    )


def skin_depth(at: Coordinates, canal: CanalFrame, shape: SkinShape) -> Tensor:
    """Distance to the skin of the back, negative outside the body, mm, (H, W).

    Args:
        at: Coordinates of the grid.
        canal: Walls of the canal.
        shape: From :func:`draw_skin`.
    """
    return lookup(shape.back, at.s) - canal.behind


def paint_skin(tissues: TissueMap, at: Coordinates, shape: SkinShape) -> None:
    """Paint fat and skin at the back, and air outside, over everything but the spine.

    Args:
        tissues: Where to paint; its ``depth`` tells how far the skin is.
        at: Coordinates of the grid.
        shape: From :func:`draw_skin`.
    """
    depth, soft = tissues.depth, tissues.is_soft()
    tissues.paint((depth < lookup(shape.fat, at.s)) & soft, Tissue.SUBCUTANEOUS_FAT)
    outside = (depth < 0) | (at.d < -lookup(shape.front, at.s))
    tissues.paint(outside & soft & (tissues.semantic != Semantic.CANAL), Tissue.AIR)
    tissues.paint((depth > 0) & (depth < SKIN_MM) & soft, Tissue.SKIN)
